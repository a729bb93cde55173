/* flusher.h - the threads that write what has been taken out of the buffers, and the tick that
 * looks for what is old. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buffers.h"
#include "release.h"
#include "store.h"

struct mi_flusher;

struct mi_flusher_config {
    struct mi_buffers *buffers;
    struct mi_release *release; /* collected at every tick */
    struct mi_store *store;
    unsigned thread_count; /* at most, from 1 to 2048; they are started as they are needed */
    int64_t tick_ns;
};

/* NULL when a thread cannot be started; says why on standard error. All that the config names must
 * outlive it. */
struct mi_flusher *mi_flusher_start(const struct mi_flusher_config *config);

/* Queues a list of flushes, which it takes over. Any thread; never waits for a file. */
void mi_flusher_push(struct mi_flusher *flusher, struct mi_flush *flushes);

/* Writes what the buffers still hold, or gives it up after four attempts, and ends the threads.
 * Returns whether all of it was written. NULL is allowed. */
bool mi_flusher_stop(struct mi_flusher *flusher);
