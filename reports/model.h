/* model.h - the plain records of a run: one struct per table of run.db, used both by the writer
 * (record.h) and, as arrays, by everything that reads a run (struct sm_run).
 *
 * Times are nanoseconds since the run began (CLOCK_MONOTONIC); -1 means "not (yet)". Text
 * fields are UTF-8 or raw bytes as the system gave them, never NULL in a loaded run. In a struct
 * sm_run everything is owned by the run and freed with it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "units.h"

/* Well-known series. Others are "fds:CLASS", "gauge:NAME", "mark:NAME". Every series exists for
 * the whole target (process_id 0) and, where it makes sense, per process. */
#define SM_SERIES_TABLE(X)                                                                         \
    X(HEAP, "heap", BYTES, "live heap")                                                            \
    X(HEAP_COUNT, "heap_count", COUNT, "live allocations")                                         \
    X(CONTROL, "control", BYTES, "kept by the probe as a positive control, in no other series")    \
    X(RSS, "rss", BYTES, "resident set")                                                           \
    X(RSS_ANON, "rss_anon", BYTES, "resident anonymous memory")                                    \
    X(RSS_FILE, "rss_file", BYTES, "resident file pages")                                          \
    X(RSS_SHMEM, "rss_shmem", BYTES, "resident shared memory")                                     \
    X(SLACK, "slack", BYTES, "free within the allocator, by its own account, and resident")        \
    X(SLACK_AGE, "slack_age", SECONDS, "how old the allocator's account is")                       \
    X(SLACK_ESTIMATE, "slack_estimate", BYTES, "anonymous memory beyond the live heap")            \
    X(GIVE_BACK_ASKED, "give_back_asked", COUNT, "allocators asked to give pages back")            \
    X(GIVE_BACK_DONE, "give_back_done", COUNT, "allocators that then did")                         \
    X(MAPPED, "mapped", BYTES, "mapped by the program itself")                                     \
    X(FDS, "fds", COUNT, "open descriptors")                                                       \
    X(THREADS, "threads", COUNT, "threads")                                                        \
    X(CPU, "cpu", SECONDS, "processor time used")                                                  \
    X(IN_FLIGHT_SOCKETS, "in_flight:sockets", BYTES, "queued in the kernel's sockets")             \
    X(IN_FLIGHT_IO, "in_flight:read-written", BYTES, "read from sockets minus written to files")   \
    X(IN_FLIGHT_DECLARED, "in_flight:declared", BYTES, "declared by the program")                  \
    X(IN_FLIGHT_DRIVER, "in_flight:driver", COUNT, "requests not yet answered")                    \
    X(READ, "read", BYTES, "bytes read")                                                           \
    X(WRITTEN, "written", BYTES, "bytes written")                                                  \
    X(OFFERED, "offered", COUNT, "units offered")                                                  \
    X(ACCEPTED, "accepted", COUNT, "units accepted")                                               \
    X(REFUSED, "refused", COUNT, "units refused")                                                  \
    X(UNANSWERED, "unanswered", COUNT, "units never answered")                                     \
    X(DELIVERED, "delivered", COUNT, "units delivered")                                            \
    X(DROPPED, "dropped", COUNT, "units dropped and reported")
enum sm_series_kind {
#define X(id, name, unit, title) SM_SERIES_##id,
    SM_SERIES_TABLE(X)
#undef X
        SM_SERIES_OTHER, /* named by its text */
};

struct sm_phase {
    int32_t id; /* from 1, in order of time */
    char *name;
    int32_t cycle;
    int64_t from_ns, to_ns;
    double load_factor;  /* 0 = load off, 1 = as declared */
    int32_t fault_count; /* faults at work in it */
    int32_t is_settle;   /* no load, waiting for memory to come to rest */
};

struct sm_process {
    int32_t id; /* from 1; 0 stands for the whole target */
    int32_t pid, parent_pid;
    char *command;
    int64_t from_ns, to_ns;
    char *exit;  /* "", "exit 0", "signal 9 (Killed)", "exec", "oom-killed", "ended" (unknown) */
    char *probe; /* "on", "off: REASON", "none: REASON" */
    int64_t probe_drops;
};

struct sm_series {
    int32_t id;
    int32_t process_id; /* 0 = whole target */
    char *name;
    enum sm_unit unit;
};

/* One sample. low and high are the extremes since the sample before (equal to value where the
 * source knows no better). */
struct sm_sample {
    int32_t series_id;
    int64_t t_ns;
    double value, low, high;
};

struct sm_module {
    int32_t id;
    char *path;
    char *build_id; /* hexadecimal, may be empty */
};

/* One frame of a stack, innermost first. `address` is the file address of the call (the return
 * address minus the load bias, not yet minus one). module_id 0 = unknown (JIT or anonymous):
 * then address is absolute. */
struct sm_frame {
    int32_t stack_id, depth, module_id;
    uint64_t address;
};

struct sm_stack {
    int32_t id;
    int32_t truncated;
};

/* A function at an address: several rows where calls were inlined, innermost first. */
struct sm_symbol {
    int32_t module_id;
    uint64_t address; /* as in sm_frame */
    int32_t inline_depth;
    char *function, *file;
    int32_t line;
};

/* What a site's objects are: name, where they are made, who ends them. */
#define SM_SITE_TABLE(X)                                                                           \
    X(HEAP, "heap", "allocated at", "freed by")                                                    \
    X(FD, "descriptor", "opened at", "closed by")                                                  \
    X(MAP, "map", "mapped at", "unmapped by")
enum sm_site_kind {
#define X(id, name, made_at, gone_by) SM_SITE_##id,
    SM_SITE_TABLE(X)
#undef X
};
enum { SM_SITE_KINDS = SM_SITE_MAP + 1 };

/* Cumulative totals of one site in one process at one time (estimates for heap sites, exact for
 * descriptors, where bytes are 0). live = alloc - free. */
struct sm_site_sample {
    int32_t process_id, stack_id;
    enum sm_site_kind kind;
    int64_t t_ns;
    double alloc_bytes, alloc_count, free_bytes, free_count;
    double age_p50_s, age_max_s; /* of what is live now; 0 when nothing is */
};

/* Who freed what was allocated at a site, cumulative at a time (ends of phases). */
struct sm_site_free {
    int32_t process_id, alloc_stack_id, free_stack_id;
    int64_t t_ns;
    double bytes, count;
    double residence_p50_s, residence_p99_s, residence_max_s; /* since the row before */
};

/* Load between two times. Latencies count from the intended start, over answered units. */
struct sm_load_interval {
    char *load; /* the driver's name in the scenario */
    int64_t from_ns, to_ns;
    int64_t offered, accepted, refused, unanswered;
    int64_t bytes_offered;
    double latency_p50_s, latency_p90_s, latency_p99_s, latency_max_s;
    double slip_p99_s; /* how late requests were issued against the schedule */
    void *histogram;   /* encoded latency histogram (histogram.h), may be NULL */
    size_t histogram_bytes;
};

/* How units ended, by reply or error: "HTTP 204", "HTTP 413", "time-out", "reset". */
struct sm_load_outcome {
    char *load, *outcome;
    int64_t count;
};

struct sm_fault {
    char *kind;
    int64_t from_ns, to_ns;
    char *asked; /* JSON object as in the scenario, values in base units */
    int64_t calls, bytes;
    double delay_s;
    char *note; /* the way it was done and what that way cannot see */
};

/* Totals of the ledger that only the harness knows; -1 = not known. */
struct sm_ledger_totals {
    int64_t offered, accepted, refused, unanswered, delivered, dropped, in_flight;
    double unit_bytes; /* payload of one unit as offered, mean */
};

/* One line of the budget as the scenario states it. */
struct sm_budget_item {
    char *name;         /* "heap", "heap_peak", "fds", "unaccounted", "latency_p99", "gauge:NAME" */
    char *limit;        /* as written: "bounded", "50KB/s", "64MB" */
    int32_t is_bounded; /* the limit is "bounded" or a growth */
    double value;       /* the growth per second that matters, 0 = by default; else the limit in
                           base units */
};

/* A bound that the program declares for a series (a queue's capacity in bytes or units). */
struct sm_declared_bound {
    char *series;
    double value;
};

struct sm_event {
    int64_t t_ns;
    char *kind; /* what it is about: "phase", "target", "service", "probe", "fault", "error", ... */
    char *text;
};

struct sm_meta {
    char *key, *value;
};

/* Keys of sm_meta that every complete record has. */
#define SM_META_SCENARIO    "scenario" /* "log-batcher/slow-disk", "probe" or "series" */
#define SM_META_TITLE       "title"
#define SM_META_PARAMS      "params" /* JSON object */
#define SM_META_STARTED     "started_unix_s"
#define SM_META_COMPLETE    "complete" /* "1" when the harness closed the record itself */
#define SM_META_VERSION     "spillmark"
#define SM_META_ENVIRONMENT "environment"      /* JSON object: kernel, cpus, memory, libc */
#define SM_META_PROBE       "probe"            /* JSON object: interval, drops, versions */
#define SM_META_ALLOCATOR   "allocator"        /* beneath the target: "glibc", "glibc, jemalloc" */
#define SM_META_VARIABLES   "variables"        /* JSON object: set for the target; value or null */
#define SM_META_OWN_COST    "own_cost"         /* JSON object, only where it was measured */
#define SM_META_CONTROL     "positive_control" /* JSON object, only where one was asked for */
#define SM_META_LIMIT       "limit"            /* JSON object: bytes, limit_way, what it did */
#define SM_META_SHARD       "shard"            /* "2/3", only of a load driven in parts */
#define SM_META_LOAD_ONLY   "load_only"        /* "1" where another shard had the target */
/* "schedule", "sure", "interrupt", "target", "service", "record", "error", or "snapshot": what a
 * probe without a harness left, which has no course in time. */
#define SM_META_ENDED_BY     "ended_by"
#define SM_ENDED_BY_SNAPSHOT "snapshot"
#define SM_META_ENDED_WHY    "ended_why"  /* by "sure": what was; else absent */
#define SM_META_LOST_UNITS   "lost_units" /* which were sent and left unanswered first, and how */
#define SM_META_DURATION     "duration_ns"

#define SM_RUN_TABLES(X)                                                                           \
    X(phase, phases)                                                                               \
    X(process, processes)                                                                          \
    X(series, series)                                                                              \
    X(sample, samples)                                                                             \
    X(module, modules)                                                                             \
    X(stack, stacks) X(frame, frames) X(symbol, symbols) X(site_sample, site_samples)              \
        X(site_free, site_frees) X(load_interval, load_intervals) X(load_outcome, load_outcomes)   \
            X(fault, faults) X(budget_item, budget_items) X(declared_bound, declared_bounds)       \
                X(event, events) X(meta, metas)

/* A whole run in memory. Arrays are in order of time, or of id. */
struct sm_run {
#define X(type, name)                                                                              \
    struct sm_##type *name;                                                                        \
    size_t name##_count;
    SM_RUN_TABLES(X)
#undef X
    struct sm_ledger_totals ledger;
    char *path;   /* run.db it came from */
    int complete; /* SM_META_COMPLETE is "1" */
};

/* Opens a record: `path` is a run directory or a run.db. Returns 0 and a run the caller frees with
 * sm_run_free, or a negative errno with *err filled. A record cut short (killed harness) opens;
 * complete is 0. */
int sm_run_open(const char *path, struct sm_run **ret_run, struct sm_error *err);
void sm_run_free(struct sm_run *run);

/* The meta value of a key, "" when absent. Owned by the run. */
const char *sm_run_meta(const struct sm_run *run, const char *key);

/* Whether the run is over because the target ended by itself. */
int sm_run_ended_by_target(const struct sm_run *run);

/* Finds a series; NULL when the run has none. process_id 0 = whole target. */
const struct sm_series *sm_run_series(const struct sm_run *run, int process_id, const char *name);

/* The samples of one series, in order of time: a pointer into run->samples (which are sorted by
 * series, then time) and their number. */
const struct sm_sample *sm_run_samples(const struct sm_run *run, int series_id, size_t *ret_count);
