#include "wire.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>

enum { VARINT_LAST_SHIFT = 63 };

bool rc_wire_read_varint(struct rc_wire_reader *reader, uint64_t *ret_value) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift <= VARINT_LAST_SHIFT && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct rc_wire_reader *reader, size_t bytes, uint64_t *ret_value) {
    if ((size_t)(reader->end - reader->at) < bytes)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)reader->at[i] << (8 * i);
    reader->at += bytes;
    *ret_value = value;
    return true;
}

bool rc_wire_read(struct rc_wire_reader *reader, struct rc_field *ret_field) {
    struct rc_wire_reader ahead = *reader;
    struct rc_field field;
    uint64_t key;
    bool is_read;
    if (!rc_wire_read_varint(&ahead, &key))
        return false;
    field.number = (unsigned)(key >> 3);
    field.type = (enum rc_wire_type)(key & 7);
    switch (field.type) {
    case RC_VARINT:
    case RC_BYTES:
        is_read = rc_wire_read_varint(&ahead, &field.value);
        break;
    case RC_FIXED64:
        is_read = read_fixed(&ahead, 8, &field.value);
        break;
    case RC_FIXED32:
        is_read = read_fixed(&ahead, 4, &field.value);
        break;
    default:
        is_read = false;
    }
    if (!is_read)
        return false;
    *reader = ahead;
    *ret_field = field;
    return true;
}

uint8_t *rc_wire_put_varint(uint8_t *to, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

uint8_t *rc_wire_put_key(uint8_t *to, unsigned field, enum rc_wire_type type) {
    return rc_wire_put_varint(to, (uint64_t)field << 3 | type);
}

uint8_t *rc_wire_put_fixed32(uint8_t *to, uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8)
        *to++ = (uint8_t)(value >> shift);
    return to;
}

grpc_byte_buffer *rc_wire_numbers(const uint64_t *values, size_t count) {
    uint8_t bytes[RC_NUMBERS_MAX * 2 * RC_VARINT_BYTES_MAX], *to = bytes;
    for (size_t i = 0; i < count && i < RC_NUMBERS_MAX; i++) {
        if (!values[i])
            continue;
        to = rc_wire_put_key(to, (unsigned)i + 1, RC_VARINT);
        to = rc_wire_put_varint(to, values[i]);
    }
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)bytes, (size_t)(to - bytes));
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return message;
}

static bool skip(struct rc_wire_reader *reader, const struct rc_field *field) {
    if (field->type != RC_BYTES)
        return true;
    if (field->value > (uint64_t)(reader->end - reader->at))
        return false;
    reader->at += field->value;
    return true;
}

bool rc_wire_read_numbers(grpc_byte_buffer *message, uint64_t *ret_values, size_t count) {
    uint64_t values[RC_NUMBERS_MAX] = {0};
    grpc_byte_buffer_reader pieces;
    if (!grpc_byte_buffer_reader_init(&pieces, message))
        return false;
    grpc_slice whole = grpc_byte_buffer_reader_readall(&pieces);
    grpc_byte_buffer_reader_destroy(&pieces);
    struct rc_wire_reader reader = {GRPC_SLICE_START_PTR(whole), GRPC_SLICE_END_PTR(whole)};
    struct rc_field field;
    while (rc_wire_read(&reader, &field) && skip(&reader, &field)) {
        if (field.type == RC_VARINT && field.number >= 1 && field.number <= RC_NUMBERS_MAX)
            values[field.number - 1] = field.value;
    }
    bool is_whole = reader.at == reader.end;
    grpc_slice_unref(whole);
    for (size_t i = 0; is_whole && i < count && i < RC_NUMBERS_MAX; i++)
        ret_values[i] = values[i];
    return is_whole;
}
