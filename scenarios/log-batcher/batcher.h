/* batcher.h - the thread that moves entries from the channel into the store. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "store.h"

struct lb_batcher;

/* Starts the thread. Channel and store stay the caller's and outlive the batcher. Returns NULL,
 * having printed why, when it cannot. */
struct lb_batcher *lb_batcher_start(struct lb_channel *channel, struct lb_store *store);

/* Transactions committed so far. Any thread. */
uint64_t lb_batcher_flushes(const struct lb_batcher *batcher);

/* Closes the channel, waits until all that is queued is on disk, frees the batcher. False when
 * entries had to be given up because the store kept failing. NULL is allowed. */
bool lb_batcher_stop(struct lb_batcher *batcher);
