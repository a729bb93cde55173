/* hub.h - the server's heart: the buffer, the viewers' channels, and who has to wait.
 *
 * Thread rule: the server's thread. */
#pragma once

#include "buffer.h"
#include "channel.h"
#include "figures.h"
#include "outcome.h"
#include "rpc_server.h"

struct rc_hub;
struct rc_reader;

/* NULL when there is no memory. */
struct rc_hub *rc_hub_create(const struct rc_options *options, struct rc_figures *figures);
/* After the last reader has gone. NULL is allowed. */
void rc_hub_free(struct rc_hub *hub);

/* Who is told when a message that came from the wire has gone, and that one came. */
struct rc_message_owner rc_hub_owner(struct rc_hub *hub);
void rc_hub_arrived(struct rc_hub *hub, const struct rc_message *message);

/* What may become of a message. *ret_limit_bytes is the size that would have been taken. False: it
 * has to wait until a channel has room. Takes over the reference, but not where it has to wait. */
bool rc_hub_offer(struct rc_hub *hub, struct rc_message *message, enum rc_outcome *ret_outcome,
                  size_t *ret_limit_bytes);

/* A viewer that reads, from what is kept on. NULL when there is no memory. */
struct rc_reader *rc_reader_create(struct rc_hub *hub, struct rpc_call *call);
/* The next message may be sent. */
void rc_reader_sent(struct rc_reader *reader);
/* NULL is allowed. */
void rc_reader_free(struct rc_reader *reader);
