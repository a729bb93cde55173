/* growth.h - does a series grow without bound? The verdict on one channel of a trace.
 *
 * Pure functions of their input: deterministic, no I/O, thread-safe. */
#pragma once

#include "trace.h"

#define SM_VERDICT_TABLE(X)                                                                        \
    X(BOUNDED, "bounded") X(GROWING, "growing") X(INCONCLUSIVE, "inconclusive")
enum sm_verdict_kind {
#define X(id, name) SM_VERDICT_##id,
    SM_VERDICT_TABLE(X)
#undef X
};
const char *sm_verdict_name(enum sm_verdict_kind kind);

struct sm_verdict {
    enum sm_verdict_kind kind;
    int suspect; /* growth against "nothing changes" is shown, saturation not excluded; while the
                    run goes on: at every look, see growth_so_far.c */
    double rate_per_s, rate_low, rate_high; /* growth per second of load time, 99 % interval */
    double bound;                           /* the level it stays under, when bounded; else 0 */
    double peak, end;                       /* of the series */
    double decided_at_s;                    /* seconds of trace used; < 0 when not decided */
    int bound_exceeded;                     /* it grew beyond the declared bound */
    enum sm_growth_driver {
        SM_GROWTH_BY_UNKNOWN, /* the plan does not tell time from requests */
        SM_GROWTH_BY_TIME,
        SM_GROWTH_BY_REQUESTS,
        SM_GROWTH_BY_FAILURES, /* requests refused or lost */
    } driver;                  /* what the growth goes with, when growing */
    /* May a run end early on this verdict? Only cycles of load and rest allow it, once there are
     * enough of them and the verdict was the same one rest before, and a declared bound that was
     * still being exceeded when a load or fault ended. A window that is merely watched keeps
     * changing its mind as more of a saturation comes to light. */
    int may_stop;
    char why[320];   /* the figure that decided it, as a clause */
    char needs[256]; /* when inconclusive: how much longer, or which experiment; ends
                        with the line to write among the scenario's phases */
};

enum sm_channel { SM_CHANNEL_HEAP, SM_CHANNEL_RSS, SM_CHANNEL_FD, SM_CHANNEL_OTHER };

/* Judges one channel. `values` are trace->count doubles (one of its columns, or a series of the
 * same clock: a site, a gauge), NAN where the monitor missed one. resolution is the growth per
 * second that matters (same unit as the values, per second); slower growth may be called bounded.
 * declared_cap is in the unit of the values, above their level before the load; <= 0 = none.
 * Returns 0, or -ENOMEM with the verdict untouched. */
int sm_growth_judge(const struct sm_trace *trace, enum sm_channel channel, const double *values,
                    double resolution_per_s, double declared_cap, struct sm_verdict *ret_verdict);

/* The resolution used when nobody asked for one, per second: for bytes 1 % of the usual level in a
 * minute and at least 4 KiB/s, for descriptors 2 in the time under load (5 in cycles), otherwise
 * 1 %. */
double sm_growth_default_resolution(const struct sm_trace *trace, enum sm_channel channel,
                                    const double *values);

/* The same for bytes, from their usual level and the payload that comes in per second (0 = not
 * known): growth slower than 1 % of it matters to nobody. */
double sm_growth_resolution_of_bytes(double level, double payload_per_s);

/* Every kind of cause, by its name in reports; trace_kinds.h says which a trace alone can show. */
/* clang-format off */
#define SM_CAUSE_TABLE(X)                                                                          \
    X(LEAK_PER_REQUEST, "leak_per_request")                                                        \
    X(LEAK_OVER_TIME, "leak_over_time")                                                            \
    X(BACKLOG, "backlog")                                                                          \
    X(RETRY_ACCUMULATION, "retry_accumulation")                                                    \
    X(KEPT_AFTER_LOAD, "kept_after_load")                                                          \
    X(MAPPING_GROWTH, "mapping_growth")                                                            \
    X(ALLOCATOR_RETENTION, "allocator_retention")                                                  \
    X(PEAK_AMPLIFICATION, "peak_amplification")                                                    \
    X(FD_LEAK, "fd_leak")                                                                          \
    X(SILENT_LOSS, "silent_loss")                                                                  \
    X(ACCOUNTING_MISMATCH, "accounting_mismatch")                                                  \
    X(BOUNDED_BY_DISCARDING, "bounded_by_discarding")                                              \
    X(DECLARED_BOUND_EXCEEDED, "declared_bound_exceeded")
/* clang-format on */
enum sm_cause_kind {
#define X(id, name) SM_CAUSE_##id,
    SM_CAUSE_TABLE(X)
#undef X
        SM_CAUSE_COUNT
};
const char *sm_cause_name(enum sm_cause_kind kind);
