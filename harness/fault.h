/* fault.h - faults: one file each behind this table (fault_table.c lists them).
 *
 * open is called before the target starts, so that a fault can say what the target must be
 * started with; begin and end around each phase that has it. All from the run's thread. */
#pragma once

#include <stdint.h>

#include "config.h"
#include "supervisor.h"

/* What a fault asks of the start of the target, and what it may use. */
struct sm_fault_env {
    struct sm_supervisor_shared *supervisor; /* rules live here */
    bool needs_supervisor;                   /* set by open */
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
    int (*open)(const struct sm_block *config, struct sm_fault_env *env, void **ret_fault,
                struct sm_error *err);
    int (*begin)(void *fault, struct sm_error *err);
    int (*end)(void *fault, struct sm_error *err);
    void (*receipt)(void *fault, struct sm_receipt *ret_receipt);
    void (*close)(void *fault); /* ends it if it is at work; NULL is allowed */
};

extern const struct sm_fault_ops *const sm_fault_table[]; /* NULL-terminated */
