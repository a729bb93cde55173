/* protobuf.h - writes Protocol Buffers messages into memory: varints and what has a length.
 * https://protobuf.dev/programming-guides/encoding/ */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* All zero is an empty message. Once memory is out, `failed` is set and nothing more is added. */
struct sm_protobuf {
    unsigned char *bytes;
    size_t used, room;
    int failed;
};

/* Adds a field; a value of 0 is left out, as proto3 has it. */
void sm_protobuf_number(struct sm_protobuf *message, unsigned field, uint64_t value);
void sm_protobuf_text(struct sm_protobuf *message, unsigned field, const char *text);

/* Adds a repeated field of numbers, packed: zeros stay. */
void sm_protobuf_numbers(struct sm_protobuf *message, unsigned field, const uint64_t *values,
                         size_t count);

/* Adds a message as a field, and empties it for the next one. */
void sm_protobuf_message(struct sm_protobuf *message, unsigned field, struct sm_protobuf *inner);

void sm_protobuf_clear(struct sm_protobuf *message);
