#include "message.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

enum {
    FIELD_HEAD_BYTES = 1,
    FIELD_ID,
    FIELD_KIND,
    FIELD_WANTS_REPLY,
    FIELD_RUNS,
    FIELD_PAYLOAD,
    FIXED_HEAD_BYTES = 96, /* more than all fields but the runs take */
    HEAD_BYTES_MAX = 64 << 20,
    FIRST_BYTES = 5, /* the field head_bytes */
};

struct whole {
    struct rc_message fields; /* what users see: first */
    atomic_int references;
    grpc_byte_buffer *wire;
    struct rc_message_owner owner;
    struct rc_run runs[];
};

static struct whole *whole_of(const struct rc_message *message) {
    return (struct whole *)message;
}

static struct whole *allocate(size_t run_count, struct rc_message_owner owner) {
    struct whole *whole = malloc(sizeof *whole + run_count * sizeof whole->runs[0]);
    if (!whole)
        return NULL;
    memset(whole, 0, sizeof *whole);
    atomic_store(&whole->references, 1);
    whole->owner = owner;
    whole->fields.runs = whole->runs;
    whole->fields.run_count = run_count;
    return whole;
}

struct rc_message *rc_message_ref(struct rc_message *message) {
    atomic_fetch_add(&whole_of(message)->references, 1);
    return message;
}

void rc_message_unref(struct rc_message *message) {
    if (!message || atomic_fetch_sub(&whole_of(message)->references, 1) != 1)
        return;
    struct whole *whole = whole_of(message);
    if (whole->owner.gone)
        whole->owner.gone(whole->owner.context, message);
    if (whole->wire)
        grpc_byte_buffer_destroy(whole->wire);
    free(whole);
}

bool rc_message_is_shared(const struct rc_message *message) {
    return atomic_load(&whole_of(message)->references) > 1;
}

/* Writes all fields but the payload's bytes, with head_bytes first. */
static size_t put_head(const struct rc_message *fields, uint8_t *head, uint8_t *runs) {
    uint8_t *packed = runs;
    for (size_t i = 0; i < fields->run_count; i++) {
        packed = rc_wire_put_varint(packed, fields->runs[i].first);
        packed = rc_wire_put_varint(packed, fields->runs[i].count);
    }
    size_t packed_bytes = (size_t)(packed - runs);
    uint8_t *to = head + FIRST_BYTES;
    to = rc_wire_put_key(to, FIELD_ID, RC_VARINT);
    to = rc_wire_put_varint(to, fields->id);
    to = rc_wire_put_key(to, FIELD_KIND, RC_VARINT);
    to = rc_wire_put_varint(to, fields->kind);
    to = rc_wire_put_key(to, FIELD_WANTS_REPLY, RC_VARINT);
    to = rc_wire_put_varint(to, fields->wants_reply);
    to = rc_wire_put_key(to, FIELD_RUNS, RC_BYTES);
    to = rc_wire_put_varint(to, packed_bytes);
    memcpy(to, runs, packed_bytes);
    to += packed_bytes;
    to = rc_wire_put_key(to, FIELD_PAYLOAD, RC_BYTES);
    to = rc_wire_put_varint(to, fields->payload_bytes);
    size_t head_bytes = (size_t)(to - head);
    rc_wire_put_fixed32(rc_wire_put_key(head, FIELD_HEAD_BYTES, RC_FIXED32), (uint32_t)head_bytes);
    return head_bytes;
}

static grpc_byte_buffer *make_wire(struct rc_message *fields, void *payload) {
    size_t runs_max = fields->run_count * 2 * RC_VARINT_BYTES_MAX;
    uint8_t *head = malloc(FIXED_HEAD_BYTES + 2 * runs_max);
    if (!head)
        return NULL;
    fields->head_bytes = put_head(fields, head, head + FIXED_HEAD_BYTES + runs_max);
    fields->bytes = fields->head_bytes + fields->payload_bytes;
    grpc_slice slices[2] = {
        grpc_slice_from_copied_buffer((const char *)head, fields->head_bytes),
        grpc_slice_new(payload, fields->payload_bytes, free),
    };
    free(head);
    grpc_byte_buffer *wire = grpc_raw_byte_buffer_create(slices, 2);
    grpc_slice_unref(slices[0]);
    grpc_slice_unref(slices[1]);
    return wire;
}

struct rc_message *rc_message_create(const struct rc_message *fields, void *payload,
                                     struct rc_message_owner owner) {
    struct whole *whole = allocate(fields->run_count, owner);
    if (!whole) {
        free(payload);
        return NULL;
    }
    memcpy(whole->runs, fields->runs, fields->run_count * sizeof whole->runs[0]);
    whole->fields = *fields;
    whole->fields.runs = whole->runs;
    whole->fields.rows = 0;
    for (size_t i = 0; i < fields->run_count; i++)
        whole->fields.rows += fields->runs[i].count;
    whole->wire = make_wire(&whole->fields, payload);
    if (!whole->wire) {
        free(payload);
        free(whole);
        return NULL;
    }
    return &whole->fields;
}

/* Copies the first bytes of a message; false when it has fewer. */
static bool copy_first(grpc_byte_buffer *wire, uint8_t *to, size_t bytes) {
    grpc_byte_buffer_reader reader;
    grpc_slice *piece;
    size_t done = 0;
    if (!grpc_byte_buffer_reader_init(&reader, wire))
        return false;
    while (done < bytes && grpc_byte_buffer_reader_peek(&reader, &piece)) {
        size_t take = GRPC_SLICE_LENGTH(*piece);
        take = take < bytes - done ? take : bytes - done;
        memcpy(to + done, GRPC_SLICE_START_PTR(*piece), take);
        done += take;
    }
    grpc_byte_buffer_reader_destroy(&reader);
    return done == bytes;
}

static size_t count_varints(const uint8_t *at, size_t bytes) {
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += !(at[i] & 0x80);
    return count;
}

/* Reads the fields of a head into a message of its own. */
static struct whole *parse_head(const uint8_t *head, size_t head_bytes,
                                struct rc_message_owner owner) {
    struct rc_wire_reader reader = {head, head + head_bytes}, runs = {NULL, NULL};
    struct rc_message fields = {.head_bytes = head_bytes};
    struct rc_field field;
    while (rc_wire_read(&reader, &field)) {
        if (field.number == FIELD_ID)
            fields.id = field.value;
        else if (field.number == FIELD_KIND && field.value < RC_KINDS)
            fields.kind = (enum rc_kind)field.value;
        else if (field.number == FIELD_WANTS_REPLY)
            fields.wants_reply = field.value != 0;
        else if (field.number == FIELD_PAYLOAD)
            fields.payload_bytes = (size_t)field.value;
        if (field.number != FIELD_RUNS || field.type != RC_BYTES)
            continue;
        if (field.value > (uint64_t)(reader.end - reader.at))
            return NULL;
        runs = (struct rc_wire_reader){reader.at, reader.at + field.value};
        reader.at = runs.end;
    }
    size_t numbers = count_varints(runs.at, (size_t)(runs.end - runs.at));
    bool is_whole = reader.at == reader.end && fields.id != 0;
    struct whole *whole = is_whole ? allocate(numbers / 2, owner) : NULL;
    if (!whole)
        return NULL;
    fields.runs = whole->runs;
    fields.run_count = numbers / 2;
    fields.bytes = head_bytes + fields.payload_bytes;
    for (size_t i = 0; i < numbers / 2; i++) {
        if (!rc_wire_read_varint(&runs, &whole->runs[i].first) ||
            !rc_wire_read_varint(&runs, &whole->runs[i].count)) {
            free(whole);
            return NULL;
        }
        fields.rows += whole->runs[i].count;
    }
    whole->fields = fields;
    return whole;
}

static struct whole *parse(grpc_byte_buffer *wire, struct rc_message_owner owner) {
    uint8_t first[FIRST_BYTES];
    struct rc_wire_reader reader = {first, first + FIRST_BYTES};
    struct rc_field field;
    if (!copy_first(wire, first, sizeof first) || !rc_wire_read(&reader, &field) ||
        field.number != FIELD_HEAD_BYTES || field.type != RC_FIXED32 ||
        field.value > HEAD_BYTES_MAX || field.value > grpc_byte_buffer_length(wire))
        return NULL;
    size_t head_bytes = (size_t)field.value;
    uint8_t *head = malloc(head_bytes ? head_bytes : 1);
    struct whole *whole = NULL;
    if (head && copy_first(wire, head, head_bytes))
        whole = parse_head(head, head_bytes, owner);
    free(head);
    if (whole && whole->fields.bytes != grpc_byte_buffer_length(wire)) {
        free(whole);
        return NULL;
    }
    return whole;
}

struct rc_message *rc_message_read(grpc_byte_buffer *wire, struct rc_message_owner owner) {
    struct whole *whole = parse(wire, owner);
    if (!whole) {
        grpc_byte_buffer_destroy(wire);
        return NULL;
    }
    whole->wire = wire;
    return &whole->fields;
}

grpc_byte_buffer *rc_message_wire(const struct rc_message *message) {
    return grpc_byte_buffer_copy(whole_of(message)->wire);
}

void rc_message_copy_payload(const struct rc_message *message, uint8_t *to) {
    grpc_byte_buffer_reader reader;
    grpc_slice *piece;
    size_t skip = message->head_bytes;
    if (!grpc_byte_buffer_reader_init(&reader, whole_of(message)->wire))
        return;
    while (grpc_byte_buffer_reader_peek(&reader, &piece)) {
        size_t length = GRPC_SLICE_LENGTH(*piece), from = skip < length ? skip : length;
        memcpy(to, GRPC_SLICE_START_PTR(*piece) + from, length - from);
        to += length - from;
        skip -= from;
    }
    grpc_byte_buffer_reader_destroy(&reader);
}
