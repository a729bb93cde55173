/* sender.h - the SDK's queue and stream to the server.
 *
 * Thread rule: any thread, but start and free. */
#pragma once

#include "figures.h"
#include "message.h"
#include "options.h"
#include "outcome.h"

struct rc_sender;

/* Connects, waiting for the server, which announces its limit. NULL, having printed why. */
struct rc_sender *rc_sender_start(const struct rc_options *options, struct rc_figures *figures);

/* Sends no more: what is in the queue is given up, counted and told, and whoever waits is told so.
 */
void rc_sender_stop(struct rc_sender *sender);

/* After the last call of the others. NULL is allowed. */
void rc_sender_free(struct rc_sender *sender);

/* The limit that the server announced, in bytes. */
uint64_t rc_sender_server_limit(const struct rc_sender *sender);

/* Rows to be sent. The payload, from malloc, is taken over; fields are kind, runs and
 * payload_bytes. Waits for room in the queue and, if waits_for_reply, until the server has taken it
 * or never will, then *ret_limit_bytes is what it would have taken. 0, -EMSGSIZE when it will never
 * take it, -EPIPE when there is no server any more, -ENOMEM. */
int rc_sender_submit(struct rc_sender *sender, const struct rc_message *fields, void *payload,
                     bool waits_for_reply, uint64_t *ret_limit_bytes);
