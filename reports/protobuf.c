#include "protobuf.h"

#include <stdlib.h>
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_LENGTH = 2, FIRST_ROOM = 256 };

static void put_bytes(struct sm_protobuf *message, const void *bytes, size_t count) {
    if (message->used + count > message->room && !message->failed) {
        size_t room = (message->used + count) * 2 + FIRST_ROOM;
        unsigned char *more = realloc(message->bytes, room);
        if (more) {
            message->bytes = more;
            message->room = room;
        } else {
            message->failed = 1;
        }
    }
    if (message->failed || count == 0)
        return;
    memcpy(message->bytes + message->used, bytes, count);
    message->used += count;
}

static void put_varint(struct sm_protobuf *message, uint64_t value) {
    unsigned char bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (unsigned char)(value | 0x80);
    bytes[count++] = (unsigned char)value;
    put_bytes(message, bytes, count);
}

static void put_key(struct sm_protobuf *message, unsigned field, unsigned wire) {
    put_varint(message, (uint64_t)field << 3 | wire);
}

void sm_protobuf_number(struct sm_protobuf *message, unsigned field, uint64_t value) {
    if (value == 0)
        return;
    put_key(message, field, WIRE_VARINT);
    put_varint(message, value);
}

void sm_protobuf_text(struct sm_protobuf *message, unsigned field, const char *text) {
    size_t length = strlen(text);
    put_key(message, field, WIRE_LENGTH);
    put_varint(message, length);
    put_bytes(message, text, length);
}

void sm_protobuf_message(struct sm_protobuf *message, unsigned field, struct sm_protobuf *inner) {
    put_key(message, field, WIRE_LENGTH);
    put_varint(message, inner->used);
    put_bytes(message, inner->bytes, inner->used);
    message->failed |= inner->failed;
    inner->used = 0;
}

void sm_protobuf_numbers(struct sm_protobuf *message, unsigned field, const uint64_t *values,
                         size_t count) {
    struct sm_protobuf packed = {0};
    for (size_t i = 0; i < count; i++)
        put_varint(&packed, values[i]);
    sm_protobuf_message(message, field, &packed);
    sm_protobuf_clear(&packed);
}

void sm_protobuf_clear(struct sm_protobuf *message) {
    free(message->bytes);
    *message = (struct sm_protobuf){0};
}
