/* trace.h - one channel-by-channel view of a run on a regular clock: what the growth engine
 * reads. It comes from a record (trace_record.c) or from a CSV file of any other monitor
 * (trace_csv.c), so that both are judged by the same code. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum sm_trace_phase { SM_TRACE_IDLE, SM_TRACE_LOAD, SM_TRACE_FAULT, SM_TRACE_RECOVER, SM_TRACE_SETTLE };

enum sm_trace_plan { SM_PLAN_PASSIVE, SM_PLAN_CYCLES, SM_PLAN_FAULT, SM_PLAN_FAULT_CYCLES };

/* Columns, each of `count` doubles, or NULL where unknown (t, phase and one channel always are
 * there). Bytes, counts, units per second; sent, done and err are cumulative units. */
#define SM_TRACE_COLUMNS(X)                                                                        \
    X(t) X(cycle) X(rate) X(fault) X(sent) X(done) X(err) X(heap) X(heap_hi) X(rss) X(fd)          \
    X(infl) X(app)

struct sm_trace {
    char id[128];
    size_t count;
    double rate_hz;             /* samples per second */
    double payload_bytes;       /* of one unit; 0 = unknown */
    double min_rate_bytes_per_s;/* resolution: slower growth than this may be called bounded */
    double min_rate_fds_per_s;
    double declared_cap;        /* bytes; <= 0 = none */
    double budget;              /* bytes; <= 0 = none */
    enum sm_trace_plan plan;
    char fault_kind[32];        /* "none", "slow", "fail", ... */
    uint8_t *phase;             /* enum sm_trace_phase */
#define X(name) double *name;
    SM_TRACE_COLUMNS(X)
#undef X
};

/* Reads a CSV: either with the "# id=.. fs=.." header line of labelled traces, or a plain
 * "time,value[,offered]" file with or without a header line. Bad input: a negative errno and
 * "file:line" in *err. Free with sm_trace_free. */
int sm_trace_read_csv(const char *path, struct sm_trace **ret_trace, struct sm_error *err);
void sm_trace_free(struct sm_trace *trace);
