/* sampler_internal.h - the state of the sampler, shared by its files: sampler.c (the calls of
 * sampler.h), sampler_process.c (one process from its first sight to its end),
 * sampler_discover.c (which processes there are), sampler_figures.c (the cheap figures of every
 * tick), sampler_allocator.c (what allocators say of themselves), sampler_control.c (the positive
 * control), sampler_slow.c (descriptors by kind, sockets, sites, at their own pace),
 * sampler_import.c (a pool that was left behind). */
#pragma once

#include "pool.h"
#include "sampler.h"
#include "sampler_fds.h"
#include "sampler_intern.h"
#include "sampler_proc.h"
#include "sampler_series.h"
#include "sampler_sites.h"
#include "sampler_sockets.h"

enum { SM_MARKS_MAX = 64 };

/* Work that programs declare, summed by name. */
struct sm_mark_sum {
    char name[SPILLMARK_MARK_NAME];
    int64_t bytes, count, bytes_high, count_high;
};
struct sm_mark_sums {
    struct sm_mark_sum sums[SM_MARKS_MAX];
    size_t count;
};

/* The figures of one process at one tick; of the whole target, their sums. */
struct sm_figures {
    int has_heap, has_io, has_maps, has_outside;
    int lacks_count; /* the number of objects is not known of all */
    double heap, heap_low, heap_high, heap_count;
    double mapped, read, written, in_flight_io;
    double rss, anon, anon_of_heap; /* the last: of processes whose heap is known */
    double slack, slack_age_s;      /* by the allocators' own account */
    double control; /* of the heap's true bytes, kept by the probe on request; in no other figure */
    int heaps, answers; /* processes whose heap is known; whose allocator answered */
    int give_back_asked, give_back_done; /* counts that only rise */
    double fds, threads, cpu;
};

/* The requests to the allocator of one process. */
struct sm_allocator_watch {
    uint32_t asked;     /* number of the newest request, 0 = none yet */
    uint32_t give_back; /* the one that asked to give back, 0 = none */
    int64_t next_ask_ns;
    int64_t answered_ns; /* CLOCK_MONOTONIC; 0 = never */
    double slack_bytes;
    int give_back_asked, give_back_done;
};

/* One process image: what a process is between two exec()s. */
struct sm_followed {
    int32_t id;
    pid_t pid, parent;
    int alive;
    struct sm_outside outside;
    int has_slot;
    uint32_t features;
    int lacks_count;
    struct sm_slot slot;
    struct sm_sites *sites;
    int64_t seen_ns, gone_ns; /* CLOCK_MONOTONIC */
    int64_t exec_seen_ns;     /* 0 = not about to exec */
    int64_t from_ns, to_ns;   /* of the row */
    int64_t drops;
    int probe_known;
    int examined; /* whether the probe can be loaded into it */
    char command[256], exit[64], probe[320];
    struct sm_series_set series;
    struct sm_figures now;
    struct sm_allocator_watch allocator;
    struct sm_fds fds;
    uint32_t fds_seen;     /* kinds that ever had a descriptor, as bits */
    double fds_classified; /* the count when the kinds were last read */
};

struct sm_sampler {
    struct sm_sampler_options options;
    char expected[256];   /* why the probe will not see the target; "" = it will */
    pid_t target;         /* 0 = not started */
    struct sm_pool *pool; /* NULL = outside only */
    struct sm_record *record;
    int64_t start_ns;
    char *environment[3];
    struct sm_followed **followed;
    size_t followed_count, followed_capacity;
    int32_t last_id;
    struct sm_followed **slot_owner; /* by slot of the pool */
    struct sm_series_writer writer;
    struct sm_series_set totals;
    struct sm_figures now;
    struct sm_figures gone; /* counters of processes that have ended: they only rise */
    struct sm_mark_sums marks;
    struct sm_intern *intern;
    struct sm_sockets *sockets;
    uint64_t *inodes;
    size_t inode_capacity;
    uint32_t fds_seen;
    uint64_t tick;
    int64_t next_discover_ns, next_kinds_ns, next_fds_ns, next_sockets_ns, next_sites_ns,
        next_frees_ns;
    int32_t control_id; /* the process that keeps the positive control; 0 = none yet */
    uint64_t oom_kills; /* that have been told from other uses of SIGKILL */
    uint64_t stack_failures, drops;
    uint32_t allocators; /* kinds that were seen beneath a program, as bits */
    int failed;          /* the first error of the record or of memory */
};

static inline int64_t sm_run_ns(const struct sm_sampler *sampler, int64_t now_ns) {
    return now_ns > sampler->start_ns ? now_ns - sampler->start_ns : 0;
}
/* When to do again what began at began_ns and has just been done: after its period, or later when
 * it took so long that it would use more than a fiftieth of the time. */
int64_t sm_next_time(int64_t now_ns, int64_t began_ns, int64_t period_ns);
void sm_sampler_note(struct sm_sampler *sampler, int rc); /* keeps the first failure */

/* sampler_process.c */
struct sm_followed *sm_followed_find(const struct sm_sampler *sampler, pid_t pid); /* alive */
struct sm_followed *sm_followed_add(struct sm_sampler *sampler, pid_t pid, int64_t now_ns);
/* The same without a look at /proc: the number may be another process's by now. */
struct sm_followed *sm_followed_add_unseen(struct sm_sampler *sampler, pid_t pid, int64_t now_ns);
void sm_followed_take_slot(struct sm_sampler *sampler, struct sm_followed *process, uint32_t index,
                           int64_t now_ns);
void sm_followed_gone(struct sm_sampler *sampler, struct sm_followed *process, int64_t now_ns);
/* The image was replaced: ends the row and returns the row of what came, NULL if out of memory. */
struct sm_followed *sm_followed_exec(struct sm_sampler *sampler, struct sm_followed *process,
                                     int64_t now_ns);
void sm_followed_set_exit(struct sm_sampler *sampler, struct sm_followed *process, int status);
void sm_followed_settle_probe(struct sm_sampler *sampler, struct sm_followed *process,
                              int64_t now_ns);
void sm_followed_write_row(struct sm_sampler *sampler, const struct sm_followed *process);
void sm_followed_free(struct sm_sampler *sampler, struct sm_followed *process);
uint64_t sm_oom_kills(const struct sm_sampler *sampler); /* so far */

/* sampler_discover.c */
void sm_sampler_discover(struct sm_sampler *sampler, int64_t now_ns);

/* sampler_figures.c: reads every process, writes its series and the totals. */
void sm_sampler_read_figures(struct sm_sampler *sampler, int64_t now_ns);
/* What the slot says at the end, when /proc says nothing any more. */
void sm_sampler_last_figures(struct sm_sampler *sampler, struct sm_followed *process,
                             int64_t now_ns);

/* sampler_allocator.c: takes the answer of a process's allocator and asks again when that is due.
 * Fills slack and its age into process->now, whose other figures are those of now_ns. */
void sm_allocator_read(struct sm_followed *process, int64_t now_ns);

/* sampler_control.c: takes the positive control out of the heap's figures, which were just read. */
void sm_control_read(struct sm_followed *process);

/* sampler_slow.c: what is due at now_ns, or everything. */
void sm_sampler_read_slow(struct sm_sampler *sampler, int64_t now_ns, int everything);
void sm_sampler_read_sites(struct sm_sampler *sampler, struct sm_followed *process, int64_t now_ns,
                           int everything, int final);
