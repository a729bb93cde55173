/* sampler.h - reads the probe's pool and /proc at 10 to 100 Hz and writes the record.
 *
 * The only reader of probes/spillmark_abi.h (through pool.c). It follows every process of the
 * target: those that claimed a slot of the pool and those found in /proc below the root. Where no
 * probe is (static program), it measures from outside and says so in the process's row. Thread
 * rule: one thread, the run's. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "../reports/record.h"
#include "../reports/symbols.h"
#include "limit.h"
#include "load.h"
#include "proc.h"

struct sm_sampler;

struct sm_sampler_options {
    double rate_hz;                 /* 10 to 100 */
    uint64_t sample_interval_bytes; /* mean of the probe's Poisson sampling */
    uint64_t seed;
    int want_probe;      /* 0: outside only */
    const char *preload; /* library of another allocator beneath the target; NULL = its own */
    const struct sm_limit *limit; /* whose kills tell an oom-killed process; NULL = the machine's */
};

/* Makes the pool (a memfd) and maps it. The target is to be started with the environment that
 * sm_sampler_environment gives. `start_ns` is CLOCK_MONOTONIC of the run's zero. */
int sm_sampler_create(const struct sm_sampler_options *options, struct sm_record *record,
                      int64_t start_ns, struct sm_sampler **ret_sampler, struct sm_error *err);

/* "SPILLMARK_REGION=/proc/PID/fd/N" and "LD_PRELOAD=..." (joined with what is there), owned by
 * the sampler. NULL-terminated. */
const char *const *sm_sampler_environment(struct sm_sampler *sampler);

/* The pool's file (-1: outside only), and the processes that write into it now, appended to *list
 * (0 or -ENOMEM): for whoever brings the probe into programs that run already. */
int sm_sampler_pool_fd(const struct sm_sampler *sampler);
int sm_sampler_writers(const struct sm_sampler *sampler, struct sm_pid_list *list);

/* Tells why the probe will not see the target, as was found before its start: a program that ends
 * soon cannot be asked any more. At most 255 bytes. */
void sm_sampler_expect(struct sm_sampler *sampler, const char *note);

/* Follows the tree of processes whose root is pid. */
void sm_sampler_follow(struct sm_sampler *sampler, pid_t root);

/* Takes one sample of everything at now_ns (CLOCK_MONOTONIC). Cheap figures every time; sites,
 * descriptors by class and smaps at their own slower pace. Returns a negative errno only when the
 * record fails. */
int sm_sampler_tick(struct sm_sampler *sampler, int64_t now_ns);

/* A full sample of sites and frees as well: at the end of a phase and of the run. Returns as
 * above. */
int sm_sampler_checkpoint(struct sm_sampler *sampler, int64_t now_ns);

/* Adds a value of a series that others measure (gauges, load counts, delivered). As above. */
int sm_sampler_put(struct sm_sampler *sampler, const char *series, enum sm_unit unit,
                   int64_t now_ns, double value);

/* Asks the allocators of all processes to give their free pages back to the kernel. They do so at
 * their programs' next event; the series give_back_asked and give_back_done count both. Returns how
 * many were asked. */
int sm_sampler_give_back(struct sm_sampler *sampler, int64_t now_ns);

/* Positive control: has the probe keep `bytes` more for good, in one of the processes. They stand
 * in the series "control" and in no other figure. 0 when no process can. */
int sm_sampler_keep_more(struct sm_sampler *sampler, uint64_t bytes);

/* Shared memory that probes have taken and a limit on the target would count as the target's. */
uint64_t sm_sampler_charged_bytes(const struct sm_sampler *sampler);

/* Notes how a process ended ("exit 0", "signal 9 (Killed)"). */
void sm_sampler_exited(struct sm_sampler *sampler, pid_t pid, int wait_status, int64_t now_ns);

/* Live figures for the progress line; 0 where unknown. */
struct sm_sampler_now {
    double heap_bytes, rss_bytes, fds;
};
void sm_sampler_now(const struct sm_sampler *sampler, struct sm_sampler_now *ret_now);

/* Hands over the files of all modules, opened when each was first seen: since then they may have
 * been deleted or replaced. The caller closes the descriptors and frees the array. NULL and 0 when
 * there are none. */
struct sm_module_file *sm_sampler_take_module_files(struct sm_sampler *sampler, size_t *ret_count);

/* Writes what a probe without a harness left in its pool file into a record: processes, sites, who
 * freed what, and one sample of each series, of the last state. 0 or a negative errno with *err. */
int sm_sampler_import(const char *pool_path, struct sm_record *record, struct sm_error *err);

/* Writes modules, stacks and frames still missing, frees everything. The pool goes with it. */
void sm_sampler_close(struct sm_sampler *sampler);
