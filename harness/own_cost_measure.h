/* own_cost_measure.h - runs the load of a scenario in pairs, with and without the probe. */
#pragma once

#include "../reports/own_cost.h"
#include "execution.h"

struct sm_own_cost_options {
    const char *scenario; /* path or shipped name */
    const struct sm_setting *settings;
    size_t setting_count;
    const struct sm_execution_options *base; /* rates, interval, seed, allocator; no scenario */
    const char *dir;                         /* a directory of the caller's, to make others in */
    int pairs;
};

/* Measures. Whatever went wrong stands in ret_cost->note; only -ENOMEM and an interrupt (-EINTR)
 * are errors. Leaves nothing behind in `dir`. Call before the process has threads. */
int sm_own_cost_measure(const struct sm_own_cost_options *options, struct sm_own_cost *ret_cost,
                        struct sm_error *err);
