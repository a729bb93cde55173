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

/* In stall_until_ns: until the rule is no longer active. */
#define SM_STALL_FOR_EVER UINT64_MAX

/* Kinds of calls on a watched file. */
enum sm_disk_call {
    SM_CALL_WRITE = 1,    /* write and its kin, sendfile, copy_file_range, splice */
    SM_CALL_SYNC = 2,     /* fsync, fdatasync, sync_file_range, syncfs */
    SM_CALL_TRUNCATE = 4, /* truncate, ftruncate, fallocate */
    SM_CALL_OPEN = 8,     /* opening for writing */
};

/* A rule either delays calls or, when fail_on is set, fails them. */
struct sm_disk_rule {
    uint32_t used;                 /* set last, before the target starts */
    uint32_t active;               /* the fault is at work now */
    uint32_t epoch;                /* one more at each begin, before active is set */
    uint32_t waiting;              /* (supervisor) calls judged or held back now */
    char path[SM_RULE_PATH_BYTES]; /* absolute, without links; a directory covers all below it */
    /* Throttle: a token bucket on bytes written, a delay per call, a full stall. */
    uint64_t bytes_per_s;    /* 0 = not limited */
    uint64_t latency_ns;     /* added to every write, sync and truncate */
    uint64_t stall_until_ns; /* CLOCK_MONOTONIC: nothing goes through before */
    /* Failure, counted anew from each begin. */
    uint32_t fail_on;          /* set of enum sm_disk_call */
    uint32_t fail_code;        /* errno; 0 = a write is cut short instead */
    uint32_t fail_per_million; /* of the calls that could fail */
    uint32_t will_stall;       /* at some time, whatever stall_until_ns says now */
    uint64_t fail_after_calls; /* as many go through first */
    uint64_t fail_after_bytes; /* as many are written first, like space that is left */
    uint64_t fail_most;        /* then no more fail; 0 = all */
    uint64_t fail_seed;
    /* Receipt (supervisor): calls and bytes delayed or failed. */
    uint64_t calls, bytes, delay_ns;
    uint64_t passed; /* calls that could have failed and did not */
};

struct sm_supervisor_shared {
    uint32_t wanted; /* SM_WAY_FUSE where nothing can be trapped, set before the start; else 0 */
    uint32_t way;    /* enum sm_supervisor_way that is in use, set by sm_supervisor_install */
    uint32_t first_high; /* watched files live at this descriptor and above, set by install */
    uint32_t failed;     /* (supervisor) errno of what stopped it, 0 while well */
    uint32_t serving;    /* (supervisor) its process id from begin to end of its work, else 0 */
    /* (supervisor) What the way could not see, over all rules: */
    uint32_t escaped;       /* watched descriptors that had to stay below first_high */
    uint32_t mapped;        /* shared writable mappings of watched files */
    uint32_t rings_refused; /* io_uring_setup and io_setup calls answered with ENOSYS */
    uint32_t unreadable;    /* calls let through because the target's memory was closed to us */
    struct sm_disk_rule rules[SM_SUPERVISOR_RULES];
};

enum sm_supervisor_way {
    SM_WAY_NONE,
    SM_WAY_HIGH_DESCRIPTORS, /* watched files are moved up, only writes there are trapped */
    SM_WAY_ALL_WRITES,       /* every write is trapped: an inherited descriptor is watched */
    SM_WAY_FUSE,             /* no traps: a file system of ours in the target's own mounts */
    SM_WAY_CGROUP,           /* no supervisor: the kernel's limit on a whole disk (throttle.h) */
};

/* Maps zeroed memory shared with children forked later; NULL when out of memory. */
struct sm_supervisor_shared *sm_supervisor_share(void);
void sm_supervisor_unshare(struct sm_supervisor_shared *shared);

/* In the child, between fork and exec, with its descriptors already in place: chooses the way,
 * installs the filter (with no_new_privs where the kernel asks for it) and returns the
 * listener's descriptor (close-on-exec), or a negative errno. Async-signal-safe. From here on
 * some calls of the child wait for the supervisor: pass the listener on with sendmsg, and do not
 * wait for exec before serving it. */
int sm_supervisor_install(struct sm_supervisor_shared *shared);

/* The supervisor's main loop over one listener. Returns when no traced process is left (0), or a
 * negative errno. Single-threaded process; never sleeps while a call could be answered. Its
 * end would fail the target's calls: the process ignores signals (sm_interrupt_ignore). */
int sm_supervisor_serve(int listener_fd, struct sm_supervisor_shared *shared);
