/* wire.h - protobuf's wire format, as far as recorder.proto needs it:
 * https://protobuf.dev/programming-guides/encoding/ No state; any thread. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rc_wire_type { RC_VARINT = 0, RC_FIXED64 = 1, RC_BYTES = 2, RC_FIXED32 = 5 };

enum { RC_VARINT_BYTES_MAX = 10 };

/* Where a reader stands; the bytes are the caller's. */
struct rc_wire_reader {
    const uint8_t *at, *end;
};

struct rc_field {
    unsigned number;
    enum rc_wire_type type;
    uint64_t value; /* of a number; the length of RC_BYTES, whose bytes are not yet read */
};

/* The next field. False at the end and at what is no field: then at < end. */
bool rc_wire_read(struct rc_wire_reader *reader, struct rc_field *ret_field);
bool rc_wire_read_varint(struct rc_wire_reader *reader, uint64_t *ret_value);

/* Each returns the place behind what it wrote: at most RC_VARINT_BYTES_MAX bytes. */
uint8_t *rc_wire_put_varint(uint8_t *to, uint64_t value);
uint8_t *rc_wire_put_key(uint8_t *to, unsigned field, enum rc_wire_type type);
uint8_t *rc_wire_put_fixed32(uint8_t *to, uint32_t value);

/* Messages of numbers alone: fields 1 to count (at most RC_NUMBERS_MAX), of which those that are 0
 * are left out. The message is the caller's. */
enum { RC_NUMBERS_MAX = 4 };
grpc_byte_buffer *rc_wire_numbers(const uint64_t *values, size_t count);
/* False when it is no such message. Other fields are skipped, absent ones 0. */
bool rc_wire_read_numbers(grpc_byte_buffer *message, uint64_t *ret_values, size_t count);
