/* execution.h - one execution: directories, keeper, record, sampler, target, load and faults
 * brought up in order, the phases, and everything taken down again in reverse.
 *
 * One file per step: execution.c (the order of things), execution_services.c and
 * execution_target.c (how they are started), execution_actors.c (ready, ended, stopped),
 * execution_phases.c (the timeline and its ticks), execution_variables.c (the target's
 * environment), execution_load.c (drivers, latencies, the ledger's totals), execution_faults.c
 * (windows and receipts), execution_way.c and execution_acts.c (how faults reach files and
 * processes), execution_limit.c (memory), execution_live.c (the page), execution_sure.c (when to
 * stop), execution_control.c (the positive control). */
#pragma once

#include "load.h"
#include "scenario.h"

struct sm_execution_options {
    const struct sm_scenario *scenario;  /* NULL: `command` is recorded until it ends */
    const char *const *command;          /* argv of a program without a scenario */
    double command_s;                    /* it is ended after so long; 0 = not */
    const struct sm_budget_item *budget; /* of a program without a scenario */
    size_t budget_count;
    struct sm_run_dir *dir;         /* planned, not made */
    double sample_rate_hz;          /* 10 to 100 */
    uint64_t sample_interval_bytes; /* of the probe's stacks */
    uint64_t seed;
    int is_trial;         /* run for a few figures: no progress, no names for stacks */
    int is_without_probe; /* measured from outside only */
    double control_per_s; /* positive control, bytes per second of load; 0 = none, < 0 = chosen */
    int is_env_recorded;  /* the values of the target's environment variables as well */
    int is_live;          /* serve the page of the run on live_port (0 = any) of the loopback */
    int live_port;
    int until_sure;         /* end as soon as the outcome is sure */
    struct sm_shard shard;  /* count 0 = the whole load */
    int load_only;          /* neither target nor services: another shard has them */
    double start_at_unix_s; /* the phases begin then; 0 = at once */
    const char *allocator;  /* sm_allocator_library's name, NULL = what the scenario says */
};

struct sm_execution_end {
    char ended_by[16]; /* "schedule", "sure", "interrupt", "target", "record", "service", "error" */
    char text[256];    /* one line when it was not the schedule */
};

/* Runs it. Returns 0 when there is a record to report on (also after Ctrl-C or a target that died
 * on its way; *ret_end says so), or a negative errno with *err filled when it never got going:
 * then nothing is left behind. Call before the process has threads. */
int sm_execute(const struct sm_execution_options *options, struct sm_execution_end *ret_end,
               struct sm_error *err);
