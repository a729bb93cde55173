/* load_block.h - a driver run on the settings of a test, read by the scenario loader. */
#pragma once

#include "harness/load.h"
#include "harness/scenario.h"

/* "rate" and "100/s"; the text of body, headers, insecure, tls and awake is Lua: "text(142)". */
struct load_setting {
    const char *key, *text;
};

/* One driver at work; everything is asserted. Settings end with a NULL key. */
struct load_run {
    struct sm_scenario *scenario;
    const struct sm_load_ops *ops;
    void *driver;
    struct sm_histogram *latency_ns, *slip_ns;
    struct sm_load_counts counts; /* as of load_run_look */
};

/* `type`: the driver's name in a scenario. */
void load_run_open(struct load_run *run, const char *type, const struct load_setting *settings);
/* The same, where the loader or the driver is to refuse: returns the code and fills *err. */
int load_run_refused(const char *type, const struct load_setting *settings, struct sm_error *err);
void load_run_start(struct load_run *run);
/* Takes a snapshot and asserts that the counts add up. */
void load_run_look(struct load_run *run);
/* Looks until none is in flight and `offered` were offered. */
void load_run_until_done(struct load_run *run, int64_t offered);
/* How many units ended so. */
int64_t load_run_outcome(struct load_run *run, const char *outcome);
/* Prints all outcomes, with what was expected in their place. */
void load_run_print(struct load_run *run, const char *expected);
/* Asserts that none is in flight afterwards. */
void load_run_stop(struct load_run *run, double grace_s);
void load_run_close(struct load_run *run);
