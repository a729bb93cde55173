/* known_after.h - what a live run had to judge of a trace that is all there. */
#pragma once

#include <math.h>

#include "trace.h"

/* The trace as it was after upto_s seconds: a rest that is not over yet has no mark, and is left
 * out. The columns stay those of the trace. */
static inline struct sm_trace known_after(const struct sm_trace *trace, double upto_s) {
    struct sm_trace known = *trace;
    double samples = fmax(0, upto_s * trace->rate_hz + 1e-6);
    if (samples >= (double)trace->count)
        return known;
    known.goes_on = 1;
    known.count = (size_t)samples;
    if (trace->plan == SM_PLAN_CYCLES || trace->plan == SM_PLAN_FAULT_CYCLES)
        while (known.count > 0 && trace->phase[known.count - 1] == SM_TRACE_SETTLE &&
               trace->phase[known.count] == SM_TRACE_SETTLE)
            known.count--;
    return known;
}
