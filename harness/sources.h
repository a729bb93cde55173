/* sources.h - small things asked of a running target or its files: is it ready, what do its
 * gauges say, how much was delivered. One file each behind a table (sources.c). `validate` looks
 * at keys that depend on each other while the scenario is loaded: 0 or a negative errno. */
#pragma once

#include <stddef.h>

#include "config.h"

/* Readiness (family "ready"): http { unix=, url=, path= }, tcp { port= }, unix { path= },
 * log { text= }. check returns 1 ready, 0 not yet (with what it saw in *err), or a negative errno.
 * It never waits longer than a second. */
struct sm_ready_ops {
    const char *name;
    const char *help;
    const struct sm_key *keys;
    int (*validate)(const struct sm_block *config, struct sm_error *err); /* may be NULL */
    int (*check)(const struct sm_block *config, struct sm_error *err);
};
extern const struct sm_ready_ops *const sm_ready_table[];

/* Bytes when its name ends with _bytes, else a count. */
enum sm_unit sm_gauge_unit(const char *name);

/* Gauges (family "gauge"): http { ... } reads a JSON object of numbers; each key is a gauge, and
 * of an object within it "outer.inner". What is no number, or has a longer name than fits, is left
 * out. Runs in a thread of the caller; returns within timeout_s. */
struct sm_gauge_value {
    char name[64];
    double value;
};
struct sm_gauge_ops {
    const char *name;
    const char *help;
    const struct sm_key *keys;
    int (*validate)(const struct sm_block *config, struct sm_error *err); /* may be NULL */
    int (*read)(const struct sm_block *config, double timeout_s, struct sm_gauge_value *values,
                size_t capacity, size_t *ret_count, struct sm_error *err);
};
extern const struct sm_gauge_ops *const sm_gauge_table[];

/* Counts of delivered units (family "delivered"): sqlite_rows { path, query }, redis { command },
 * command { ... }, gauge { name }. */
struct sm_delivered_ops {
    const char *name;
    const char *help;
    const struct sm_key *keys;
    /* NULL: the newest reading of the gauge that config's "name" says. */
    int (*read)(const struct sm_block *config, double *ret_count, struct sm_error *err);
};
/* Of a block of the family "delivered"; never NULL. */
const struct sm_delivered_ops *sm_delivered_ops(const struct sm_block *config);
extern const struct sm_delivered_ops *const sm_delivered_table[];
