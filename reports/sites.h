/* sites.h - which call stacks grow. Internal to the analysis. */
#pragma once

#include "analysis.h"

/* The sites of a run, ranked: heap and map sites by their growth in the window, then descriptor
 * sites by theirs; never by size. `units_per_s` is the load offered in the window (NAN = unknown).
 * Returns 0 and an array the caller frees (NULL when there are none), or -ENOMEM. */
int sm_sites_rank(const struct sm_run *run, int64_t from_ns, int64_t to_ns, double units_per_s,
                  struct sm_site_result **ret_sites, size_t *ret_count);
