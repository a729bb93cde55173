/* trace_record.h - the trace of a run: its series on one regular clock, for the growth engine. */
#pragma once

#include "model.h"
#include "trace.h"

/* Makes the trace of the whole target's series. A run that has no samples of memory or
 * descriptors within its phases: -ENODATA with *err. Free with sm_trace_free. */
int sm_trace_from_run(const struct sm_run *run, struct sm_trace **ret_trace, struct sm_error *err);

/* Puts any series of the run on the clock of its trace: trace->count doubles, NAN before its first
 * sample. */
void sm_trace_resample(const struct sm_run *run, const struct sm_trace *trace,
                       const struct sm_series *series, double *values);

/* The time of sample `at` of the trace in the run. */
int64_t sm_trace_time_ns(const struct sm_run *run, const struct sm_trace *trace, size_t at);
