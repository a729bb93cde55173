/* power.h - what growth a run could have seen. Internal to the analysis.
 *
 * To a series as it was measured a trickle is added on paper, from the start of the load on and
 * only under load; the engine judges the sum. The least trickle that it calls growing is the least
 * growth this run could have seen. Where the probe kept a trickle in the target for real (positive
 * control), the real one is added back and judged: it must be found. */
#pragma once

#include "analysis.h"

/* One series that is judged without growth: fills result->least_seen_per_s and result->is_blind.
 * `values` are the ones of the verdict, on the trace's clock, and `declared_cap` its bound.
 * 0 or -ENOMEM. */
int sm_power_measure(const struct sm_trace *trace, enum sm_channel channel, const double *values,
                     double declared_cap, struct sm_series_result *result);

/* The positive control of a run, when one was asked for; after the series were judged.
 * 0 or -ENOMEM. */
int sm_power_control(const struct sm_run *run, struct sm_analysis *analysis);
