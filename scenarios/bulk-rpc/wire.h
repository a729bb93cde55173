/* wire.h - the two messages of bulk.proto, in protobuf's wire format. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A Chunk as it lies in the bytes it was read from. */
struct br_chunk {
    const uint8_t *data; /* NULL when empty */
    size_t bytes;
    uint64_t total_bytes; /* 0 = not announced */
};

/* Reads a Chunk; *ret_chunk points into message. Unknown fields are skipped, of a field that comes
 * twice the last counts. False when it is not a message of this format. */
bool br_wire_read_chunk(const uint8_t *message, size_t message_bytes, struct br_chunk *ret_chunk);

enum { BR_REPLY_HEAD_MAX = 32 };

/* Writes a Reply but for the bytes of its echo, which follow it: at most BR_REPLY_HEAD_MAX bytes
 * into head. Returns how many. */
size_t br_wire_write_reply_head(uint8_t *head, uint64_t bytes, uint32_t crc32, size_t echo_bytes);
