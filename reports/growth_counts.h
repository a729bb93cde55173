/* growth_counts.h - growth of something counted in ones. Internal to the growth engine; the
 * reasoning is in growth_counts.c. */
#pragma once

#include "growth_profile.h"

/* As sm_profile_fit, for counts (descriptors). Fills rates, their interval at alpha_growing,
 * noise, plain_low and freedom; high_any is INFINITY: nothing is ever bounded by it. 0, or -EDOM
 * when there are too few values. */
int sm_counts_fit(const double *values, size_t count, const struct sm_profile_ask *ask,
                  struct sm_profile *ret_profile);
