/* load.h - load drivers: one file each behind this table (load_table.c lists them).
 *
 * A driver runs in a thread of its own between start and stop. Open loop: the schedule never
 * waits for a reply, and latency counts from the intended start. Thread rule: open, start, stop
 * and close from the run's thread; set_factor, snapshot and outcomes from it at any time between
 * open and close. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../reports/histogram.h"
#include "config.h"
#include "keeper.h"

/* Cumulative since start; a unit is one request unless the driver says otherwise.
 * offered = accepted + refused + unanswered + in_flight at every moment. */
struct sm_load_counts {
    int64_t offered, accepted, refused, unanswered, in_flight;
    int64_t bytes_offered, bytes_in_flight;
};

/* Takes the counts and moves the latencies and the slips (how late the driver itself was against
 * its schedule) since the last call into the caller's histograms (ns). */
struct sm_load_snapshot {
    struct sm_load_counts counts;
    struct sm_histogram *latency_ns, *slip_ns;
};

/* A part of a load that several machines drive together: of the same schedule, unit number n is
 * the part's for which n % count is its index (from 0). */
struct sm_shard {
    int index, count;
};

enum { SM_LOAD_OUTCOME_BYTES = 128 };

struct sm_load_outcome_count {
    char outcome[SM_LOAD_OUTCOME_BYTES]; /* "HTTP 204", "time-out", "connection reset" */
    int64_t count;
    int64_t first_lost; /* the number of the first unit that was sent and left unanswered so; -1 */
};

/* For a load that is a process: what it needs of the run. */
struct sm_load_process {
    struct sm_keeper *keeper;
    char log[600]; /* where what it prints goes */
    pid_t pid;     /* 0: it does not run */
    /* Hands over what has ended, waiting so long at the most. */
    void (*reap)(void *owner, double timeout_s);
    void *owner;
};

struct sm_load_ops {
    const char *name; /* the constructor's name in a scenario: "http_load" */
    bool serves;      /* the target connects to it: it is started, paused, before the target */
    const char *help;
    const struct sm_key *keys;
    /* open and start: 0 or a negative errno with *err; *ret_driver, for close, only on success. */
    int (*open)(const struct sm_block *config, void **ret_driver, struct sm_error *err);
    /* Before start. NULL: it is no process. */
    void (*attach)(void *driver, const struct sm_load_process *process);
    /* Before start, where the load is not driven whole. NULL: it cannot be parted. */
    void (*set_shard)(void *driver, const struct sm_shard *shard);
    int (*start)(void *driver, struct sm_error *err);
    /* A process has ended; true: it was this load's. NULL: it has none. */
    bool (*exited)(void *driver, pid_t pid, int status);
    /* It has nothing more to do, and the phase need not go on. NULL: it never says so. */
    bool (*is_over)(const void *driver);
    /* 0 pauses the schedule, 1 as declared (and from the start on, unless set before it). */
    void (*set_factor)(void *driver, double factor);
    void (*snapshot)(void *driver, struct sm_load_snapshot *snapshot);
    /* Outcomes so far; returns how many were written, at most `capacity`. */
    size_t (*outcomes)(void *driver, struct sm_load_outcome_count *outcomes, size_t capacity);
    /* Stops the schedule, waits up to grace_s for replies, counts the rest as unanswered. */
    void (*stop)(void *driver, double grace_s);
    void (*close)(void *driver); /* NULL is allowed */
};

/* NULL-terminated. */
extern const struct sm_load_ops *const sm_load_table[];
