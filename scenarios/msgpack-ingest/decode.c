#include "decode.h"

#include <ctype.h>
#include <errno.h>
#include <msgpack.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64, COLUMNS_MAX = 256, ROW_VALUES_MAX = COLUMNS_MAX };

struct text {
    const char *bytes;
    size_t length;
};

struct field {
    struct text name;
    msgpack_object value;
};

/* One record while it is read: its name may stand behind its values. */
struct record {
    struct text measurement;
    char number[24]; /* for a measurement that is a number */
    struct mi_batch *columnar;
    struct field fields[ROW_VALUES_MAX];
    size_t field_count;
};

struct decoder {
    const char *data;
    size_t length, at;
    msgpack_zone *zone; /* stays empty: values that stand alone refer to the payload */
    struct mi_batch **end;
    struct mi_batch *latest; /* of rows: the next one is likely of the same measurement */
    struct record record;
    struct mi_decoded *result;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct decoder *decoder, const char *format,
                                                        ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(decoder->result->problem, sizeof decoder->result->problem, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static int refuse_cut(struct decoder *decoder) {
    return refuse(decoder, "the MessagePack ends before it is complete (byte %zu)",
                  decoder->length);
}

static uint64_t big_endian(const char *bytes, size_t count) {
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | (unsigned char)bytes[i];
    return value;
}

/* How a container of this kind begins. The library takes containers as a whole only, as a tree of
 * 24 bytes a value: reading their heads here and each value by the library needs no tree.
 * https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family */
struct head {
    unsigned char fixed, fixed_mask; /* the count is in the byte itself */
    unsigned char wide;              /* 16 bits of count follow; the next byte: 32 bits */
    const char *name;
};
static const struct head array_head = {0x90, 0x0f, 0xdc, "an array"};
static const struct head map_head = {0x80, 0x0f, 0xde, "a map"};

static bool is_at(const struct decoder *decoder, const struct head *head) {
    if (decoder->at >= decoder->length)
        return false;
    unsigned char byte = (unsigned char)decoder->data[decoder->at];
    return (byte & ~head->fixed_mask) == head->fixed || byte == head->wide ||
           byte == head->wide + 1;
}

static int enter(struct decoder *decoder, const struct head *head, const char *what,
                 size_t *ret_count) {
    if (decoder->at >= decoder->length)
        return refuse_cut(decoder);
    if (!is_at(decoder, head))
        return refuse(decoder, "%s is not %s (byte %zu)", what, head->name, decoder->at);
    unsigned char byte = (unsigned char)decoder->data[decoder->at++];
    size_t width = byte == head->wide ? 2 : byte == head->wide + 1 ? 4 : 0;
    if (decoder->length - decoder->at < width)
        return refuse_cut(decoder);
    size_t count =
        width ? big_endian(decoder->data + decoder->at, width) : (size_t)(byte & head->fixed_mask);
    decoder->at += width;
    /* Every element takes a byte: a count beyond is a lie, and nothing is reserved for it. */
    if (count > decoder->length - decoder->at)
        return refuse_cut(decoder);
    *ret_count = count;
    return 0;
}

static int read_value(struct decoder *decoder, const char *what, msgpack_object *ret_value) {
    if (is_at(decoder, &array_head) || is_at(decoder, &map_head))
        return refuse(decoder, "%s is no single value (byte %zu)", what, decoder->at);
    if (decoder->at >= decoder->length)
        return refuse_cut(decoder);
    switch (
        msgpack_unpack(decoder->data, decoder->length, &decoder->at, decoder->zone, ret_value)) {
    case MSGPACK_UNPACK_SUCCESS:
    case MSGPACK_UNPACK_EXTRA_BYTES:
        return 0;
    case MSGPACK_UNPACK_CONTINUE:
        return refuse_cut(decoder);
    case MSGPACK_UNPACK_NOMEM_ERROR:
        return -ENOMEM;
    default:
        return refuse(decoder, "this is no MessagePack (byte %zu)", decoder->at);
    }
}

static int read_text(struct decoder *decoder, const char *what, struct text *ret_text) {
    msgpack_object value;
    int rc = read_value(decoder, what, &value);
    if (rc)
        return rc;
    if (value.type != MSGPACK_OBJECT_STR)
        return refuse(decoder, "%s is no text", what);
    *ret_text = (struct text){value.via.str.ptr, value.via.str.size};
    return 0;
}

static bool is_named(struct text text, const char *name) {
    return text.length == strlen(name) && memcmp(text.bytes, name, text.length) == 0;
}

static bool is_name(struct text text, const char *more) {
    if (text.length < 1 || text.length > NAME_MAX_BYTES || text.bytes[0] == '.')
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (!isalnum((unsigned char)text.bytes[i]) && text.bytes[i] != '_' &&
            (!text.bytes[i] || !strchr(more, text.bytes[i])))
            return false;
    return true;
}

/* As Avro has names, so that files need no others. */
static int check_column_name(struct decoder *decoder, struct text name) {
    if (is_name(name, "") && !isdigit((unsigned char)name.bytes[0]))
        return 0;
    return refuse(decoder, "\"%.*s\" is no column name: letters, digits and _, at most %d",
                  (int)(name.length < 40 ? name.length : 40), name.bytes, NAME_MAX_BYTES);
}

static int add_value(struct decoder *decoder, struct mi_column *column,
                     const msgpack_object *value) {
    int rc;
    switch (value->type) {
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (value->via.u64 > INT64_MAX)
            return refuse(decoder, "%s: %llu is over 63 bits", column->name,
                          (unsigned long long)value->via.u64);
        rc = mi_column_add_int(column, (int64_t)value->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        rc = mi_column_add_int(column, value->via.i64);
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        rc = mi_column_add_int(column, value->via.boolean);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        rc = mi_column_add_real(column, value->via.f64);
        break;
    case MSGPACK_OBJECT_STR:
        rc = mi_column_add_text(column, value->via.str.ptr, value->via.str.size);
        break;
    case MSGPACK_OBJECT_NIL:
        rc = mi_column_add_absent(column, 1);
        break;
    default:
        return refuse(decoder, "%s: only numbers, texts, booleans and nil can be stored",
                      column->name);
    }
    return rc != -EINVAL ? rc
                         : refuse(decoder,
                                  "%s: value %zu is of another type than those "
                                  "before it",
                                  column->name, column->count + 1);
}

static int check_time(struct decoder *decoder, const struct mi_column *column) {
    if (column->type == MI_INT && !column->absent)
        return 0;
    return refuse(decoder, "time is to be whole numbers, all of them there");
}

static int read_column(struct decoder *decoder, struct mi_batch *batch, bool is_first) {
    struct text name = {NULL, 0};
    size_t count;
    msgpack_object value;
    size_t columns_before = batch->column_count;
    int rc = read_text(decoder, "a column's name", &name);
    if (rc || (rc = check_column_name(decoder, name)) ||
        (rc = enter(decoder, &array_head, "a column", &count)))
        return rc;
    struct mi_column *column = mi_batch_column(batch, name.bytes, name.length);
    if (!column)
        return -ENOMEM;
    if (batch->column_count == columns_before)
        return refuse(decoder, "%s stands there twice", column->name);
    for (size_t i = 0; i < count; i++) {
        rc = read_value(decoder, "a value of a column", &value);
        if (rc == 0)
            rc = add_value(decoder, column, &value);
        /* The type is known now, and the count was before: no room to spare. */
        if (rc == 0 && i == 0 && column->type != MI_EMPTY)
            rc = mi_column_reserve(column, column->type, count);
        if (rc)
            return rc;
    }
    if (!is_first && count != batch->rows)
        return refuse(decoder, "%s has %zu values, another column %zu", column->name, count,
                      batch->rows);
    batch->rows = count;
    return 0;
}

static int read_columns(struct decoder *decoder) {
    struct record *record = &decoder->record;
    size_t count;
    int rc = enter(decoder, &map_head, "columns", &count);
    if (rc)
        return rc;
    if (record->columnar)
        return refuse(decoder, "columns stands there twice");
    if (count > COLUMNS_MAX)
        return refuse(decoder, "%zu columns: at most %d", count, COLUMNS_MAX);
    struct mi_batch *batch = record->columnar = mi_batch_new(NULL, 0);
    if (!batch)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        rc = read_column(decoder, batch, i == 0);
        if (rc)
            return rc;
    }
    if (!batch->rows)
        return refuse(decoder, "the columns are empty");
    for (size_t i = 0; i < batch->column_count; i++)
        if (strcmp(batch->columns[i].name, "time") == 0)
            return check_time(decoder, &batch->columns[i]);
    return refuse(decoder, "there is no column \"time\"");
}

static int keep_field(struct decoder *decoder, struct text name) {
    struct record *record = &decoder->record;
    if (record->field_count == ROW_VALUES_MAX)
        return refuse(decoder, "a row of more than %d values", ROW_VALUES_MAX);
    struct field *field = &record->fields[record->field_count++];
    field->name = name;
    return read_value(decoder, "a value of a row", &field->value);
}

static int read_fields(struct decoder *decoder, const char *what) {
    size_t count;
    struct text name = {NULL, 0};
    int rc = enter(decoder, &map_head, what, &count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        if ((rc = read_text(decoder, "the name of a value", &name)) == 0 &&
            (rc = check_column_name(decoder, name)) == 0)
            rc = keep_field(decoder, name);
    return rc;
}

static int read_measurement(struct decoder *decoder) {
    struct record *record = &decoder->record;
    msgpack_object value;
    int rc = read_value(decoder, "the measurement", &value);
    if (rc)
        return rc;
    if (value.type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        int length = snprintf(record->number, sizeof record->number, "%llu",
                              (unsigned long long)value.via.u64);
        record->measurement = (struct text){record->number, (size_t)length};
        return 0;
    }
    if (value.type != MSGPACK_OBJECT_STR)
        return refuse(decoder, "the measurement (\"m\") is neither a text nor a number");
    record->measurement = (struct text){value.via.str.ptr, value.via.str.size};
    if (is_name(record->measurement, ".-"))
        return 0;
    return refuse(decoder, "the measurement has letters, digits, _, - and ., at most %d",
                  NAME_MAX_BYTES);
}

static int read_key(struct decoder *decoder, struct text key) {
    if (is_named(key, "m"))
        return read_measurement(decoder);
    if (is_named(key, "columns"))
        return read_columns(decoder);
    if (is_named(key, "t"))
        return keep_field(decoder, (struct text){"time", 4});
    if (is_named(key, "h"))
        return keep_field(decoder, (struct text){"host", 4});
    if (is_named(key, "fields"))
        return read_fields(decoder, "fields");
    if (is_named(key, "tags"))
        return read_fields(decoder, "tags");
    return refuse(decoder, "a record has no \"%.*s\"", (int)(key.length < 40 ? key.length : 40),
                  key.bytes);
}

static void append(struct decoder *decoder, struct mi_batch *batch) {
    *decoder->end = batch;
    decoder->end = &batch->next;
}

/* The batch of rows of this measurement; columnar records have batches of their own. */
static struct mi_batch *rows_of(struct decoder *decoder, struct text name) {
    struct mi_batch *batch = decoder->latest;
    if (batch && is_named(name, batch->measurement))
        return batch;
    for (batch = decoder->result->batches; batch; batch = batch->next)
        if (batch->records != 0 && is_named(name, batch->measurement))
            break;
    if (!batch && (batch = mi_batch_new(name.bytes, name.length)))
        append(decoder, batch);
    return decoder->latest = batch;
}

static int add_row(struct decoder *decoder) {
    struct record *record = &decoder->record;
    struct mi_batch *batch = rows_of(decoder, record->measurement);
    bool has_time = false;
    if (!batch)
        return -ENOMEM;
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        struct mi_column *column = mi_batch_column(batch, field->name.bytes, field->name.length);
        int rc = column ? 0 : -ENOMEM;
        if (rc == 0 && column->count > batch->rows)
            return refuse(decoder, "%s stands in a row twice", column->name);
        if (rc == 0 && batch->column_count > COLUMNS_MAX)
            return refuse(decoder, "more than %d columns in one measurement", COLUMNS_MAX);
        if (rc == 0 && column->count < batch->rows)
            rc = mi_column_add_absent(column, batch->rows - column->count);
        if (rc == 0)
            rc = add_value(decoder, column, &field->value);
        if (rc == 0 && is_named(field->name, "time")) {
            has_time = true;
            rc = check_time(decoder, column);
        }
        if (rc)
            return rc;
    }
    if (!has_time)
        return refuse(decoder, "a row has no time (\"t\")");
    batch->rows++;
    batch->records++;
    decoder->result->rows++;
    return 0;
}

static int add_record(struct decoder *decoder) {
    struct record *record = &decoder->record;
    if (!record->measurement.bytes)
        return refuse(decoder, "a record has no measurement (\"m\")");
    decoder->result->records++;
    if (!record->columnar)
        return add_row(decoder);
    if (record->field_count)
        return refuse(decoder, "a record has columns or the values of a row, not both");
    struct mi_batch *batch = record->columnar;
    batch->measurement = strndup(record->measurement.bytes, record->measurement.length);
    if (!batch->measurement)
        return -ENOMEM;
    decoder->result->rows += batch->rows;
    append(decoder, batch);
    record->columnar = NULL;
    return 0;
}

static int read_record(struct decoder *decoder);

static int read_records(struct decoder *decoder) {
    size_t count;
    int rc = enter(decoder, &array_head, "the batch", &count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = read_record(decoder);
    return rc;
}

static int read_record(struct decoder *decoder) {
    struct record *record = &decoder->record;
    size_t count;
    struct text key = {NULL, 0};
    int rc = enter(decoder, &map_head, "a record", &count);
    record->measurement = (struct text){NULL, 0};
    record->field_count = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        if ((rc = read_text(decoder, "a key of a record", &key)) == 0)
            rc = read_key(decoder, key);
    return rc ? rc : add_record(decoder);
}

/* {"batch": [...]} alone; otherwise a record, which has no such key. */
static int read_payload(struct decoder *decoder) {
    struct text key = {NULL, 0};
    size_t count, begin = decoder->at;
    if (is_at(decoder, &array_head))
        return read_records(decoder);
    int rc = enter(decoder, &map_head, "the payload", &count);
    if (rc)
        return rc;
    if (count == 1 && (rc = read_text(decoder, "a key", &key)) == 0 && is_named(key, "batch"))
        return read_records(decoder);
    decoder->at = begin;
    return rc ? rc : read_record(decoder);
}

/* Rows that lack a column which a later row brought or an earlier one had. */
static int fill_up(struct mi_batch *list) {
    for (struct mi_batch *batch = list; batch; batch = batch->next)
        for (size_t i = 0; i < batch->column_count; i++) {
            struct mi_column *column = &batch->columns[i];
            int rc = mi_column_add_absent(column, batch->rows - column->count);
            if (rc)
                return rc;
        }
    return 0;
}

static int decode_all(struct decoder *decoder) {
    int rc = read_payload(decoder);
    if (rc)
        return rc;
    if (decoder->at < decoder->length)
        return refuse(decoder, "%zu bytes follow the payload", decoder->length - decoder->at);
    if (!decoder->result->records)
        return refuse(decoder, "there are no records in it");
    return fill_up(decoder->result->batches);
}

int mi_decode(const char *payload, size_t payload_bytes, struct mi_decoded *ret_decoded) {
    *ret_decoded = (struct mi_decoded){0};
    struct decoder decoder = {
        .data = payload, .length = payload_bytes, .end = &ret_decoded->batches};
    decoder.result = ret_decoded;
    decoder.zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE);
    int rc = decoder.zone ? decode_all(&decoder) : -ENOMEM;
    mi_batches_free(decoder.record.columnar);
    if (decoder.zone)
        msgpack_zone_free(decoder.zone);
    for (struct mi_batch *batch = ret_decoded->batches; rc == 0 && batch; batch = batch->next)
        batch->records = batch->records ? batch->records : 1;
    if (rc) {
        mi_batches_free(ret_decoded->batches);
        ret_decoded->batches = NULL;
    }
    return rc;
}
