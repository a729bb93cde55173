/* writer.h - an SDK's stream of messages, at the server.
 *
 * Thread rule: the server's thread. */
#pragma once

#include "hub.h"

struct rc_writer;

/* NULL when there is no memory. */
struct rc_writer *rc_writer_create(struct rc_hub *hub, const struct rc_options *options,
                                   struct rc_figures *figures, struct rpc_call *call);
/* A message, which is taken over, or NULL: there will be none. */
void rc_writer_received(struct rc_writer *writer, grpc_byte_buffer *wire);
/* The next reply may be sent. */
void rc_writer_sent(struct rc_writer *writer);
/* Some viewer has taken something: what waits may have room. */
void rc_writer_retry(struct rc_writer *writer);
/* NULL is allowed. */
void rc_writer_free(struct rc_writer *writer);
