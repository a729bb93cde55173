/* channel.h - messages that wait, in order, within limits that its user keeps.
 *
 * Thread rule: one thread at a time. */
#pragma once

#include "message.h"
#include "options.h"

struct rc_channel;

/* Limits as --queues says. NULL when there is no memory. */
struct rc_channel *rc_channel_create(const struct rc_options *options);
/* Gives up what is in it. NULL is allowed. */
void rc_channel_free(struct rc_channel *channel);

/* Whether a message of so many bytes may be pushed now, or could ever be. */
bool rc_channel_has_room(const struct rc_channel *channel, size_t bytes);
bool rc_channel_takes(const struct rc_options *options, size_t bytes);

/* What a channel that is bounded by bytes takes. */
size_t rc_channel_most(const struct rc_options *options);

/* Takes over a reference. False when there is no memory: the reference is then given up. */
bool rc_channel_push(struct rc_channel *channel, struct rc_message *message);
/* The oldest, whose reference is the caller's; NULL when empty. */
struct rc_message *rc_channel_pop(struct rc_channel *channel);
