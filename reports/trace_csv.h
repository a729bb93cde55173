/* trace_csv.h - traces as CSV files: writing what sm_trace_read_csv reads. */
#pragma once

#include <stdio.h>

#include "trace.h"

/* Of a table's cells that are read, the trace has a dozen. */
enum { SM_TRACE_CSV_CELLS = 256, SM_TRACE_CSV_EXTRAS = SM_TRACE_CSV_CELLS - 32 };

/* As they are written in files, in the order of their enums. */
extern const char *const sm_trace_phase_names[], *const sm_trace_plan_names[];
enum { SM_TRACE_PHASES = 5, SM_TRACE_PLANS = 4 };

/* A further column, which a reader of traces passes over. */
struct sm_trace_extra {
    const char *name;
    double *values; /* one for each sample of the trace */
};

/* Writes a labelled trace. Values are exact: reading it gives the same trace. Errors are left to
 * the stream. */
void sm_trace_write_csv(const struct sm_trace *trace, const struct sm_trace_extra *extras,
                        size_t extra_count, FILE *to);
