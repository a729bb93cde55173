/* watcher.h - asks the target's gauges and the count of delivered units in a thread of its own,
 * so that a slow answer never holds up the sampling. */
#pragma once

#include <stdint.h>

#include "sources.h"

struct sm_watcher;

struct sm_watch_value {
    char series[80]; /* "gauge:NAME" or "delivered" */
    double value;
    int64_t t_ns; /* CLOCK_MONOTONIC when it was read */
};

/* `gauges` are blocks of the family "gauge" that can be read; `delivered` may be NULL. They are
 * asked every period_s (seconds, above 0) and stay the caller's until the end. 0 or a negative
 * errno with *err. All but the thread itself: from the run's thread. */
int sm_watcher_start(const struct sm_block *const *gauges, size_t gauge_count,
                     const struct sm_block *delivered, double period_s,
                     struct sm_watcher **ret_watcher, struct sm_error *err);

/* Takes the values read since the last call; returns their number (at most `capacity`). */
size_t sm_watcher_take(struct sm_watcher *watcher, struct sm_watch_value *values, size_t capacity);

/* Asks every gauge once more, now, in the caller's thread; taken like the others. */
void sm_watcher_ask_now(struct sm_watcher *watcher);

/* The newest value of a series, or -1 when it was never read. */
double sm_watcher_newest(struct sm_watcher *watcher, const char *series);

/* The same of the gauge with this name. */
double sm_watcher_newest_gauge(struct sm_watcher *watcher, const char *name);

/* How often a gauge or the delivered count could not be read, and the last reason. */
int64_t sm_watcher_failures(struct sm_watcher *watcher, struct sm_error *ret_last);

/* Ends the thread. NULL is allowed. */
void sm_watcher_stop(struct sm_watcher *watcher);
