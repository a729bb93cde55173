/* loads.h - what each load of a run did, summed up over its intervals. Pure functions of a run,
 * thread-safe. */
#pragma once

#include <stdbool.h>

#include "model.h"

enum { SM_LOADS = 64 };

struct sm_load_sum {
    const char *load; /* the run's */
    int64_t offered, accepted, refused, unanswered;
    double worst_latency_p99_s, latency_max_s, worst_slip_p99_s;
    /* The driver came so late by its own doing, in so many intervals, that latencies and rates say
     * more of it than of the target. */
    bool is_driver_late;
};

/* What a caller met in the worst interval of all loads, in seconds; NAN when none was answered. */
double sm_loads_worst_latency_p99_s(const struct sm_run *run);

/* Fills `sums` in the order in which the loads first appear; returns their number. */
size_t sm_loads_sum(const struct sm_run *run, struct sm_load_sum sums[SM_LOADS]);

/* The load whose driver was the latest of those that were late, and how late it came by its own
 * doing; NULL when none was. */
const char *sm_loads_late(const struct sm_run *run, double *ret_slip_s);
