/* gate_baseline.h - finds the earlier runs that a gate compares with. */
#pragma once

#include "../reports/figures.h"

/* Adds what lies at `path` to a baseline: a run (directory or run.db), a file of figures, or the
 * last `last` runs of a directory of runs that are of the scenario and the parameters of `now`,
 * ran to their end, and are not among the `own_count` runs in question. 0 or a negative errno with
 * *err; a directory without any such run is -ENODATA, and the status that of a run which cannot
 * be judged. */
int sm_gate_baseline_add(struct sm_figures *before, const char *path, int last,
                         const struct sm_figures *now, char *const *own, size_t own_count,
                         struct sm_error *err);
