/* supervisor.h - delays and fails the file calls of any program through seccomp user
 * notification, unprivileged, from a small process of its own.
 *
 * The harness writes rules into memory shared with the supervisor; the supervisor writes what it
 * did beside them. Fields are naturally aligned and accessed with atomic operations. A program
 * is put under supervision by sm_supervisor_install in its own process before exec; whoever
 * holds the listener serves it with sm_supervisor_serve until the last traced process is gone. */
#pragma once

#include <stdint.h>

#include "../reports/error.h"

enum { SM_SUPERVISOR_RULES = 32, SM_RULE_PATH_BYTES = 512 };

struct sm_disk_rule {
    uint32_t used;   /* set last, before the target starts */
    uint32_t active; /* the fault is at work now */
    char path[SM_RULE_PATH_BYTES]; /* absolute; a directory covers all below it */
    /* Throttle: a token bucket on bytes written, a delay per call, a full stall. */
    uint64_t bytes_per_s;  /* 0 = not limited */
    uint64_t latency_ns;   /* added to every write, sync and truncate */
    uint32_t stalled;      /* 1 = nothing goes through until cleared */
    uint32_t reserved;
    /* Receipt (supervisor). */
    uint64_t calls, bytes, delay_ns;
};

struct sm_supervisor_shared {
    uint32_t way; /* (supervisor) enum sm_supervisor_way that is in use */
    uint32_t failed; /* (supervisor) negative errno of what stopped it, 0 while well */
    struct sm_disk_rule rules[SM_SUPERVISOR_RULES];
};

enum sm_supervisor_way { SM_WAY_NONE, SM_WAY_HIGH_DESCRIPTORS, SM_WAY_ALL_WRITES };

/* Maps zeroed memory shared with children forked later; NULL when out of memory. */
struct sm_supervisor_shared *sm_supervisor_share(void);
void sm_supervisor_unshare(struct sm_supervisor_shared *shared);

/* In the child, between fork and exec: sets no_new_privs, installs the filter and returns the
 * listener's descriptor (close-on-exec), or a negative errno. Async-signal-safe. */
int sm_supervisor_install(void);

/* The supervisor's main loop over one listener. Returns when no traced process is left (0), or a
 * negative errno. Single-threaded process; never sleeps while a call could be answered. */
int sm_supervisor_serve(int listener_fd, struct sm_supervisor_shared *shared);
