/* load_block.h - blocks of a load written in a test, and a driver run on them.
 *
 * Stands in for harness/config.h's accessors, so that a driver is tested without Lua. */
#pragma once

#include "harness/load.h"

struct load_setting {
    const char *key, *text; /* text as in a scenario: "100/s" */
};

/* One driver at work on settings; everything is asserted. `more` lists pairs that end with NULL. */
struct load_run {
    struct sm_block block;
    const struct sm_load_ops *ops;
    void *driver;
    struct sm_histogram *latency_ns, *slip_ns;
    struct sm_load_counts counts; /* as of load_run_look */
};

void load_run_open(struct load_run *run, const struct sm_load_ops *ops,
                   const struct load_setting *settings, const struct sm_body *body,
                   const char *const *headers);
/* The same, where open is to fail: returns its code and fills *err. */
int load_run_refused(const struct sm_load_ops *ops, const struct load_setting *settings,
                     struct sm_error *err);
void load_run_start(struct load_run *run);
/* Takes a snapshot and asserts that the counts add up. */
void load_run_look(struct load_run *run);
/* Looks until none is in flight and `offered` were offered. */
void load_run_until_done(struct load_run *run, int64_t offered);
int64_t load_run_outcome(struct load_run *run, const char *outcome);
void load_run_stop(struct load_run *run, double grace_s);
void load_run_close(struct load_run *run);
