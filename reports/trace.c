#include "trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
} columns[] = {
#define X(column) {#column, offsetof(struct sm_trace, column)},
    SM_TRACE_COLUMNS(X)
#undef X
};

static double **column_slot(const struct sm_trace *trace, const char *name) {
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (strcmp(columns[i].name, name) == 0)
            return (double **)((char *)trace + columns[i].offset);
    return NULL;
}

struct sm_trace *sm_trace_new(size_t count) {
    struct sm_trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        return NULL;
    trace->count = count;
    trace->phase = calloc(count ? count : 1, sizeof *trace->phase);
    if (!trace->phase) {
        free(trace);
        return NULL;
    }
    memcpy(trace->fault_kind, "none", sizeof "none");
    return trace;
}

void sm_trace_free(struct sm_trace *trace) {
    if (!trace)
        return;
#define X(name) free(trace->name);
    SM_TRACE_COLUMNS(X)
#undef X
    free(trace->phase);
    free(trace);
}

double *sm_trace_column(const struct sm_trace *trace, const char *name) {
    double **slot = column_slot(trace, name);
    return slot ? *slot : NULL;
}

double *sm_trace_add_column(struct sm_trace *trace, const char *name) {
    double **slot = column_slot(trace, name);
    if (!slot)
        return NULL;
    if (!*slot)
        *slot = calloc(trace->count ? trace->count : 1, sizeof **slot);
    return *slot;
}

int sm_trace_spans(const struct sm_trace *trace, struct sm_trace_span **ret_spans) {
    size_t used = 0;
    for (size_t i = 0; i < trace->count; i++)
        used += i == 0 || trace->phase[i] != trace->phase[i - 1];
    struct sm_trace_span *spans = NULL;
    if (used > 0) {
        spans = calloc(used, sizeof *spans);
        if (!spans)
            return -ENOMEM;
    }
    used = 0;
    for (size_t i = 0; i < trace->count; i++) {
        if (i == 0 || trace->phase[i] != trace->phase[i - 1])
            spans[used++] = (struct sm_trace_span){trace->phase[i], i, i};
        spans[used - 1].end = i + 1;
    }
    *ret_spans = spans;
    return (int)used;
}

static int differs(const double *column, size_t i) {
    return column && column[i] != column[i - 1];
}

size_t sm_trace_quiet_from(const struct sm_trace *trace, size_t begin, size_t end) {
    while (end > begin + 1 && !differs(trace->done, end - 1) && !differs(trace->err, end - 1))
        end--;
    return end > begin ? end - 1 : begin;
}
