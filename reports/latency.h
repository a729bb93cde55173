/* latency.h - latencies of a phase, from the histograms of its intervals, merged exactly. Internal
 * to the analysis. */
#pragma once

#include "model.h"

struct sm_phase_latency {
    double value_s; /* the quantile over all answered units of the phase; NAN = none was answered */
    int is_whole;   /* 0: an interval has no histogram, and value_s is that of the worst interval */
};

/* quantile in [0, 1]; 1 = the longest. 0, or -ENOMEM. */
int sm_latency_of_phase(const struct sm_run *run, const struct sm_phase *phase, double quantile,
                        struct sm_phase_latency *ret_latency);
