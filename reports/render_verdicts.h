/* render_verdicts.h - the verdicts on a trace as one JSON object on one line:
 *
 *   {"heap": {"verdict": "GROWING", "rate": 1234.5, "lo": 900, "hi": 1500, "suspect": true,
 *             "may_stop": false, "t": 31.2, "why": "...", "needs": ""},
 *    "fd": {...}, "kinds": ["per_request"]}
 *
 * Rates are per second with their 99 % interval, null where unknown; "t" is the seconds of trace
 * the verdict used, null when inconclusive. */
#pragma once

#include <stdio.h>

#include "error.h"
#include "trace.h"

/* Judges the trace and writes the object. 0 or a negative errno with *err filled. */
int sm_render_verdicts(const struct sm_trace *trace, FILE *out, struct sm_error *err);
