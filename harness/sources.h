/* sources.h - small things asked of a running target or its files: is it ready, what do its
 * gauges say, how much was delivered. One file each behind a table. */
#pragma once

#include <stddef.h>

#include "config.h"

/* Readiness (family "ready"): http { unix=, url=, path= }, tcp { port= }, unix { path= },
 * log { text= }. check returns 1 ready, 0 not yet, or a negative errno. */
struct sm_ready_ops {
    const char *name;
    const struct sm_key *keys;
    int (*check)(const struct sm_block *config, struct sm_error *err);
};
extern const struct sm_ready_ops *const sm_ready_table[];

/* Gauges (family "gauge"): http { ... } reads a flat JSON object of numbers; each key is a gauge.
 * Runs in a thread of the caller; must return within timeout_s. */
struct sm_gauge_value {
    char name[64];
    double value;
};
struct sm_gauge_ops {
    const char *name;
    const struct sm_key *keys;
    int (*read)(const struct sm_block *config, double timeout_s, struct sm_gauge_value *values,
                size_t capacity, size_t *ret_count, struct sm_error *err);
};
extern const struct sm_gauge_ops *const sm_gauge_table[];

/* Counts of delivered units (family "delivered"): sqlite_rows { path, query }. */
struct sm_delivered_ops {
    const char *name;
    const struct sm_key *keys;
    int (*read)(const struct sm_block *config, double *ret_count, struct sm_error *err);
};
extern const struct sm_delivered_ops *const sm_delivered_table[];
