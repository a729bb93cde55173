/* merge_load.h - the load of several shards as one: intervals, histograms, outcomes. */
#pragma once

#include "../reports/record.h"

/* Adds what the shards' loads did to the record, in the intervals of the base's; shifts_ns[i] is
 * added to the times of runs[i]. 0 or a negative errno with *err. One thread. */
int sm_merge_loads(struct sm_record *record, const struct sm_run *const *runs, size_t count,
                   const struct sm_run *base, const int64_t *shifts_ns, struct sm_error *err);
