#include "wire.h"

#include <string.h>

/* Wire types of protobuf: https://protobuf.dev/programming-guides/encoding/ */
enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

enum {
    CHUNK_DATA = 1,
    CHUNK_TOTAL_BYTES = 2,
    REPLY_BYTES = 1,
    REPLY_CRC32 = 2,
    REPLY_ECHO = 3,
    VARINT_MAX_BITS = 63,
};

struct reader {
    const uint8_t *at, *end;
};

static bool read_varint(struct reader *reader, uint64_t *ret_value) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift <= VARINT_MAX_BITS && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool skip(struct reader *reader, uint64_t bytes) {
    if (bytes > (uint64_t)(reader->end - reader->at))
        return false;
    reader->at += bytes;
    return true;
}

static bool read_field(struct reader *reader, struct br_chunk *chunk) {
    uint64_t key, value;
    if (!read_varint(reader, &key))
        return false;
    switch ((enum wire_type)(key & 7)) {
    case VARINT:
        if (!read_varint(reader, &value))
            return false;
        if (key >> 3 == CHUNK_TOTAL_BYTES)
            chunk->total_bytes = value;
        return true;
    case BYTES:
        if (!read_varint(reader, &value))
            return false;
        if (key >> 3 == CHUNK_DATA) {
            chunk->data = reader->at;
            chunk->bytes = (size_t)value;
        }
        return skip(reader, value);
    case FIXED64:
        return skip(reader, 8);
    case FIXED32:
        return skip(reader, 4);
    default:
        return false;
    }
}

bool br_wire_read_chunk(const uint8_t *message, size_t message_bytes, struct br_chunk *ret_chunk) {
    struct reader reader = {message, message + message_bytes};
    *ret_chunk = (struct br_chunk){0};
    while (reader.at < reader.end) {
        if (!read_field(&reader, ret_chunk))
            return false;
    }
    return true;
}

static uint8_t *write_varint(uint8_t *to, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

static uint8_t *write_key(uint8_t *to, unsigned field, enum wire_type type) {
    return write_varint(to, field << 3 | type);
}

size_t br_wire_write_reply_head(uint8_t *head, uint64_t bytes, uint32_t crc32, size_t echo_bytes) {
    uint8_t *to = write_key(head, REPLY_BYTES, VARINT);
    to = write_varint(to, bytes);
    to = write_key(to, REPLY_CRC32, FIXED32);
    for (unsigned shift = 0; shift < 32; shift += 8)
        *to++ = (uint8_t)(crc32 >> shift);
    if (echo_bytes) {
        to = write_key(to, REPLY_ECHO, BYTES);
        to = write_varint(to, echo_bytes);
    }
    return (size_t)(to - head);
}
