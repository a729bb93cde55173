/* trace.h - one channel-by-channel view of a run on a regular clock: what the growth engine
 * reads. It comes from a record (trace_record.c) or from a CSV file of any other monitor
 * (trace_csv.c), so that both are judged by the same code. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum sm_trace_phase {
    SM_TRACE_IDLE,
    SM_TRACE_LOAD,
    SM_TRACE_FAULT,
    SM_TRACE_RECOVER,
    SM_TRACE_SETTLE
};

enum sm_trace_plan { SM_PLAN_PASSIVE, SM_PLAN_CYCLES, SM_PLAN_FAULT, SM_PLAN_FAULT_CYCLES };

/* Columns, each of `count` doubles, or NULL where unknown (t, phase and one channel always are
 * there). Bytes, counts, units per second; sent, done and err are cumulative units. A value the
 * monitor missed is NAN. */
#define SM_TRACE_COLUMNS(X)                                                                        \
    X(t)                                                                                           \
    X(cycle)                                                                                       \
    X(rate) X(fault) X(sent) X(done) X(err) X(heap) X(heap_hi) X(rss) X(slack) X(fd) X(infl)       \
        X(app)

struct sm_trace {
    char id[128];
    size_t count;
    double rate_hz;              /* samples per second */
    double payload_bytes;        /* of one unit; 0 = unknown */
    double min_rate_bytes_per_s; /* resolution: slower growth than this may be called bounded */
    double min_rate_fds_per_s;
    double declared_cap; /* bytes; <= 0 = none */
    double budget;       /* bytes above the level before the load; <= 0 = none */
    enum sm_trace_plan plan;
    int goes_on;         /* its last phase is not over: more samples are to come */
    char fault_kind[32]; /* "none", "slow", "fail", ... */
    uint8_t *phase;      /* enum sm_trace_phase */
#define X(name) double *name;
    SM_TRACE_COLUMNS(X)
#undef X
};

/* Reads a CSV: either with the "# id=.. fs=.." header line of labelled traces, or a plain
 * "time,value[,offered]" file with or without a header line (its series is the heap column).
 * Bad input: a negative errno and "file:line" in *err. Free with sm_trace_free. */
int sm_trace_read_csv(const char *path, struct sm_trace **ret_trace, struct sm_error *err);
void sm_trace_free(struct sm_trace *trace);

/* An empty trace of `count` samples with its phase column (all idle) and no other; NULL when out
 * of memory. Free with sm_trace_free. */
struct sm_trace *sm_trace_new(size_t count);

/* Adds a column of count doubles, all 0, and returns it; the one that is there if it is; NULL
 * when out of memory. `name` is as in SM_TRACE_COLUMNS. Owned by the trace. */
double *sm_trace_add_column(struct sm_trace *trace, const char *name);

/* A column by its name, NULL when the trace has none. */
double *sm_trace_column(const struct sm_trace *trace, const char *name);

/* A stretch of samples in one phase: [begin, end). */
struct sm_trace_span {
    enum sm_trace_phase phase;
    size_t begin, end;
};

/* Cuts the trace where its phase changes. Returns the number of spans and an array the caller
 * frees, or -ENOMEM. A trace of no samples has no span and a NULL array. */
int sm_trace_spans(const struct sm_trace *trace, struct sm_trace_span **ret_spans);

/* The first sample of [begin, end) from which on no request ended any more, as far as the trace
 * counts them; begin where none did. */
size_t sm_trace_quiet_from(const struct sm_trace *trace, size_t begin, size_t end);
