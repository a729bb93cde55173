/* fault.h - faults: one file each behind this table (fault_table.c lists them).
 *
 * open is called before anything starts, so that a fault can say what the target must be started
 * with; begin and end around each of its times. All from the run's thread. */
#pragma once

#include <stdint.h>

#include "config.h"
#include "supervisor.h"

/* What a fault asks of the start of the target, and what it may use. */
struct sm_fault_env {
    struct sm_supervisor_shared *supervisor; /* rules live here */
    bool needs_supervisor;                   /* set by open */
    struct sm_execution *execution;          /* target and services: actors.h */
    double time_scale;                       /* of durations within a phase */
};

/* What it really did since it was opened. */
struct sm_receipt {
    int64_t calls, bytes;
    double delay_s;
    char note[256]; /* the way it was done, and what that way cannot see */
};

struct sm_fault_ops {
    const char *name; /* "slow_disk" */
    const char *help;
    const struct sm_key *keys;
    /* The first three return 0 or a negative errno with *err; one that cannot begin is not at work,
     * and *ret_fault, for close, is set on success only. */
    int (*open)(const struct sm_block *config, struct sm_fault_env *env, void **ret_fault,
                struct sm_error *err);
    int (*begin)(void *fault, struct sm_error *err);
    int (*end)(void *fault, struct sm_error *err);
    void (*receipt)(void *fault, struct sm_receipt *ret_receipt);
    void (*close)(void *fault); /* ends it if it is at work; NULL is allowed */
};

/* When within its phase it is at work: the keys that every fault has. */
#define SM_FAULT_TIME_KEYS                                                                         \
    {.name = "at",                                                                                 \
     .type = SM_KEY_QUANTITY,                                                                      \
     .unit = SM_UNIT_SECONDS,                                                                      \
     .help = "begins so long after its phase does"},                                               \
        {.name = "lasts",                                                                          \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_SECONDS,                                                                  \
         .at_least = 0.001,                                                                        \
         .help = "ends so long after it began; if not given, with its phase"},                     \
        {.name = "when",                                                                           \
         .type = SM_KEY_TEXT,                                                                      \
         .help = "begins when this holds: \"heap above 100MB\", \"gauge:queued below 10\""},       \
    {                                                                                              \
        .name = "within", .type = SM_KEY_QUANTITY, .unit = SM_UNIT_SECONDS, .at_least = 0.001,     \
        .help = "how long that is waited for; if it never holds the run is inconclusive"           \
    }

extern const struct sm_fault_ops *const sm_fault_table[]; /* NULL-terminated */
