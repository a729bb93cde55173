/* message.h - a LogMsg of recorder.proto: rows with their bytes. References share the bytes.
 *
 * Thread rule: a message does not change once it is made; references may be taken and given up by
 * any thread. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rc_kind { RC_DISPOSABLE, RC_STATIC, RC_PERSISTENT, RC_KINDS };

struct rc_run {
    uint64_t first, count; /* rows by their numbers */
};

struct rc_message;

/* What is told when the last reference is given up. */
struct rc_message_owner {
    void (*gone)(void *context, const struct rc_message *message); /* NULL = nothing */
    void *context;
};

struct rc_message {
    uint64_t id;
    enum rc_kind kind;
    bool wants_reply;
    const struct rc_run *runs;
    size_t run_count;
    uint64_t rows;
    size_t head_bytes, payload_bytes;
    size_t bytes; /* on the wire: both */
};

/* Makes a message of the id, kind, wants_reply, runs and payload_bytes of `fields`. The payload,
 * from malloc, is taken over and not copied; the runs are copied. NULL when there is no memory: the
 * payload is then freed. */
struct rc_message *rc_message_create(const struct rc_message *fields, void *payload,
                                     struct rc_message_owner owner);

/* Takes a message over as it came. NULL, and it is gone, when it is no LogMsg or there is no
 * memory. */
struct rc_message *rc_message_read(grpc_byte_buffer *wire, struct rc_message_owner owner);

struct rc_message *rc_message_ref(struct rc_message *message);
/* NULL is allowed. */
void rc_message_unref(struct rc_message *message);

/* Somebody else holds a reference, too. */
bool rc_message_is_shared(const struct rc_message *message);

/* The message to send, which shares the bytes and is the caller's. */
grpc_byte_buffer *rc_message_wire(const struct rc_message *message);

/* Copies the payload to `to`, which has payload_bytes. */
void rc_message_copy_payload(const struct rc_message *message, uint8_t *to);
