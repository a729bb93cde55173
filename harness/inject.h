/* inject.h - the probe brought into programs that run already, and switched off again.
 *
 * A process of its own does it, and stays while the programs are measured: should the harness be
 * killed, it switches the probe off; should it be killed itself, the probe notices. It holds the
 * descriptor by which the programs open the pool. Experimental: told in docs and reports. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../reports/error.h"
#include "proc.h"

struct sm_injector;

struct sm_inject_options {
    int pool_fd;       /* of the sampler's pool */
    double patience_s; /* for a thread to be met outside of the loader and the allocator */
    /* Whose probes are to be switched off in the end: appends the processes that write into the
     * pool by then, children of the first ones too. */
    int (*writers)(void *context, struct sm_pid_list *list);
    void *context;
};

/* How it went with one process. */
struct sm_inject_outcome {
    pid_t pid;
    int is_in;           /* the probe counts there */
    char text[512];      /* one line: where the base line comes from, or why it is not in */
    uint64_t base_bytes; /* what its heap held when counting began */
    uint32_t patched;    /* places in the program that lead to the probe */
};

/* Brings the probe into `pid` and, with `children` set, into what runs below it. Fills as many
 * outcomes as there is room for, the first of `pid`. 0 when the probe is in at least one process;
 * else *ret_injector is NULL and the outcomes say why. */
int sm_inject_start(pid_t pid, int children, const struct sm_inject_options *options,
                    struct sm_inject_outcome *outcomes, size_t capacity, size_t *ret_count,
                    struct sm_injector **ret_injector, struct sm_error *err);

/* Switches it off everywhere and frees the injector (NULL is allowed). 0, or a negative errno with
 * *err naming a process in which it is still on; it passes everything on there and counts no more
 * as soon as the program next allocates 48 KB. */
int sm_inject_stop(struct sm_injector *injector, struct sm_error *err);
