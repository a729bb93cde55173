/* http2_outbox.h - what one HTTP/2 connection is about to send: frames, with their payloads by
 * reference.
 *
 * However much a connection has to send, what waits here is a list of a few hundred entries: the
 * bytes of bodies are made when the link takes them. One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "body.h"
#include "link.h"

enum { SM_PAYLOAD_PREFIX = 5 };

/* What streams carry: messages one after the other, each with a prefix of flag and length where
 * there is one (gRPC's), without where there is none. */
struct sm_payload {
    const struct sm_body *body; /* NULL: empty messages */
    bool has_prefix;
    char flag;
};

/* Bytes of the message of this number, its prefix included. */
size_t sm_payload_length(const struct sm_payload *payload, int64_t number);

struct sm_outbox {
    char *literal; /* bytes of frames, in order; payloads lie between them */
    size_t literal_length, literal_room;
    struct sm_outbox_entry *entries;
    size_t entry_count, entry_room;
    size_t next, next_sent; /* the entry to send, and how much of it has been */
    size_t queued_bytes;    /* to be sent in all */
};

void sm_outbox_free(struct sm_outbox *outbox);

/* Return 0 or -ENOMEM. A payload is `length` bytes of the message `number` from `offset` on. */
int sm_outbox_add(struct sm_outbox *outbox, const void *bytes, size_t length);
int sm_outbox_add_payload(struct sm_outbox *outbox, int64_t number, size_t offset, size_t length);

/* Sends what the link takes now; scratch has SM_BODY_SCRATCH bytes. Returns its length, -EAGAIN
 * (the link is awaited) or another negative errno. */
ssize_t sm_outbox_send(struct sm_outbox *outbox, struct sm_link *link,
                       const struct sm_payload *payload, char *scratch);
