/* render_series.h - what a CSV series of any monitor says, for people. */
#pragma once

#include <stdio.h>

#include "error.h"
#include "trace.h"

/* Judges the trace and prints a paragraph for each of its channels: verdict, growth, the figure
 * that decided it, and what would settle it when nothing did. *ret_status is as for every verb: 1
 * when a channel grows, 4 when none does and one is inconclusive, else 0. A negative errno with
 * *err filled leaves it untouched. */
int sm_render_series(const struct sm_trace *trace, const char *name, FILE *out, int *ret_status,
                     struct sm_error *err);
