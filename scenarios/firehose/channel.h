/* channel.h - a queue between threads, with or without a capacity.
 *
 * Items are linked through their first member, so a queue costs nothing for what it holds. Thread
 * rule: any thread, any function but create and free. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first member of whatever is sent. */
struct fh_item {
    struct fh_item *next;
};

struct fh_channel;

/* capacity in items; 0 is unbounded. NULL when there is no memory. */
struct fh_channel *fh_channel_create(size_t capacity);

/* Must be closed and empty, or its items are lost. NULL is allowed. */
void fh_channel_free(struct fh_channel *channel);

/* Takes the item over, waiting while the channel is full. False when it is closed: the item is
 * still the caller's. */
bool fh_channel_send(struct fh_channel *channel, struct fh_item *item);

/* The oldest item, which the caller owns. NULL once the channel is closed and empty, or at
 * deadline_ns (CLOCK_MONOTONIC; INT64_MAX: never). */
struct fh_item *fh_channel_receive(struct fh_channel *channel, int64_t deadline_ns);

/* Nothing more can be sent; wakes everybody. What is queued can still be received. */
void fh_channel_close(struct fh_channel *channel);

/* Nothing more will ever come. */
bool fh_channel_is_done(struct fh_channel *channel);

/* CLOCK_MONOTONIC, as deadlines are given. */
int64_t fh_now_ns(void);
