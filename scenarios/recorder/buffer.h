/* buffer.h - what the server keeps for viewers that come later: three queues of messages.
 *
 * Thread rule: the server's thread. */
#pragma once

#include <stddef.h>

#include "message.h"

struct rc_kept {
    struct rc_message *message;
    bool was_passed_on; /* to some viewer */
};

struct rc_buffer;

/* NULL when there is no memory. */
struct rc_buffer *rc_buffer_create(void);
/* NULL is allowed. */
void rc_buffer_free(struct rc_buffer *buffer);

/* Takes over a reference. False when there is no memory: the reference is then given up. */
bool rc_buffer_add(struct rc_buffer *buffer, struct rc_message *message, bool was_passed_on);

/* Bytes of all messages in it, and of those that are never collected. */
size_t rc_buffer_bytes(const struct rc_buffer *buffer);
size_t rc_buffer_persistent_bytes(const struct rc_buffer *buffer);

/* Lets go of the oldest, disposable ones before static ones and persistent ones never, until at
 * most max_bytes are left. With spares_in_flight, messages are left that somebody else holds, too.
 * Each that goes is told before. Returns the bytes that went. */
typedef void rc_collected_fn(void *context, const struct rc_kept *kept);
size_t rc_buffer_collect(struct rc_buffer *buffer, size_t max_bytes, bool spares_in_flight,
                         rc_collected_fn *collected, void *context);

/* Passes on all that is there, persistent ones first, then static ones, each oldest first. */
typedef void rc_passed_fn(void *context, struct rc_message *message);
void rc_buffer_pass_on(struct rc_buffer *buffer, rc_passed_fn *passed, void *context);
