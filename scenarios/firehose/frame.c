#include "frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dag_cbor.h"

enum { OP_MESSAGE = 1, OP_ERROR = -1 };

/* One frame under way. */
struct decoding {
    const cbor_item_t *body;
    bool parses_per_operation;
    struct fh_sink sink;
    struct fh_frame_result result;
};

struct fh_event *fh_event_create(int64_t seq, const char *json, size_t bytes) {
    struct fh_event *event = malloc(sizeof *event + bytes + 1);
    if (!event)
        return NULL;
    event->item.next = NULL;
    event->seq = seq;
    event->bytes = bytes;
    memcpy(event->json, json, bytes);
    event->json[bytes] = '\0';
    return event;
}

/* Takes the object over; NULL is a frame that cannot be decoded. */
static bool emit(struct decoding *decoding, json_t *object) {
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    struct fh_event *event =
        text ? fh_event_create(decoding->result.seq, text, strlen(text)) : NULL;
    free(text);
    json_decref(object);
    if (!event) {
        decoding->result.kind = FH_FRAME_BAD;
        return false;
    }
    decoding->result.is_refused = !decoding->sink.take(decoding->sink.context, event);
    decoding->result.events += !decoding->result.is_refused;
    return !decoding->result.is_refused;
}

/* The record that an operation names, as JSON; null for a deletion. */
static json_t *record_of(const struct fh_car_table *table, const cbor_item_t *operation) {
    struct fh_bytes cid = fh_cbor_link(fh_cbor_get(operation, "cid"));
    struct fh_bytes data;
    size_t used;
    if (cid.count == 0)
        return json_null();
    cbor_item_t *record =
        table && fh_car_table_find(table, cid, &data) ? fh_cbor_load(data, &used) : NULL;
    if (!record)
        return NULL;
    json_t *json = fh_cbor_to_json(record);
    cbor_decref(&record);
    return json;
}

static json_t *text_or_null(const cbor_item_t *map, const char *key) {
    const cbor_item_t *value = fh_cbor_get(map, key);
    return value ? fh_cbor_to_json(value) : json_null();
}

static bool emit_operation(struct decoding *decoding, const struct fh_car_table *table,
                           const cbor_item_t *operation) {
    json_t *record = record_of(table, operation);
    if (!record) {
        decoding->result.kind = FH_FRAME_BAD;
        return false;
    }
    return emit(decoding,
                json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "seq", (json_int_t)decoding->result.seq,
                          "did", text_or_null(decoding->body, "repo"), "time",
                          text_or_null(decoding->body, "time"), "action",
                          text_or_null(operation, "action"), "path",
                          text_or_null(operation, "path"), "record", record));
}

static void decode_commit(struct decoding *decoding) {
    const cbor_item_t *operations = fh_cbor_get(decoding->body, "ops");
    struct fh_bytes blocks = fh_cbor_get_bytes(decoding->body, "blocks");
    struct fh_car_table *table = NULL;
    if (!operations || !cbor_isa_array(operations)) {
        decoding->result.kind = FH_FRAME_BAD;
        return;
    }
    cbor_item_t **items = cbor_array_handle(operations);
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < cbor_array_size(operations); i++) {
        if (!table || decoding->parses_per_operation) {
            fh_car_table_free(table);
            table = fh_car_table_read(blocks);
        }
        goes_on = emit_operation(decoding, table, items[i]);
    }
    fh_car_table_free(table);
}

static void decode_labels(struct decoding *decoding) {
    const cbor_item_t *labels = fh_cbor_get(decoding->body, "labels");
    if (!labels || !cbor_isa_array(labels)) {
        decoding->result.kind = FH_FRAME_BAD;
        return;
    }
    cbor_item_t **items = cbor_array_handle(labels);
    for (size_t i = 0; i < cbor_array_size(labels); i++) {
        if (!emit(decoding, json_pack("{s:I, s:o}", "seq", (json_int_t)decoding->result.seq,
                                      "label", fh_cbor_to_json(items[i]))))
            return;
    }
}

static void decode_whole(struct decoding *decoding) {
    emit(decoding, fh_cbor_to_json(decoding->body));
}

static void decode_body(struct decoding *decoding, struct fh_bytes type) {
    static const struct {
        const char *type;
        void (*decode)(struct decoding *decoding);
    } kinds[] = {
        {"#commit", decode_commit},
        {"#labels", decode_labels},
        {"#identity", decode_whole},
        {"#account", decode_whole},
    };
    fh_cbor_get_integer(decoding->body, "seq", &decoding->result.seq);
    decoding->result.kind = FH_FRAME_OTHER;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (type.count == strlen(kinds[i].type) &&
            memcmp(type.at, kinds[i].type, type.count) == 0) {
            decoding->result.kind = FH_FRAME_EVENTS;
            kinds[i].decode(decoding);
            return;
        }
    }
}

static void decode_error(struct decoding *decoding) {
    struct fh_bytes name = fh_cbor_get_text(decoding->body, "error");
    struct fh_bytes message = fh_cbor_get_text(decoding->body, "message");
    decoding->result.kind = FH_FRAME_ERROR;
    snprintf(decoding->result.error, sizeof decoding->result.error, "%.*s: %.*s",
             (int)(name.count < 60 ? name.count : 60), name.at ? (const char *)name.at : "",
             (int)(message.count < 60 ? message.count : 60),
             message.at ? (const char *)message.at : "");
}

struct fh_frame_result fh_frame_decode(struct fh_bytes message, bool parses_per_operation,
                                       struct fh_sink sink) {
    struct decoding decoding = {.parses_per_operation = parses_per_operation,
                                .sink = sink,
                                .result = {.kind = FH_FRAME_BAD}};
    size_t used, body_used;
    int64_t op;
    cbor_item_t *header = fh_cbor_load(message, &used);
    if (!header)
        return decoding.result;
    cbor_item_t *body =
        fh_cbor_load((struct fh_bytes){message.at + used, message.count - used}, &body_used);
    decoding.body = body;
    if (body && fh_cbor_get_integer(header, "op", &op)) {
        if (op == OP_MESSAGE)
            decode_body(&decoding, fh_cbor_get_text(header, "t"));
        else if (op == OP_ERROR)
            decode_error(&decoding);
    }
    if (body)
        cbor_decref(&body);
    cbor_decref(&header);
    return decoding.result;
}
