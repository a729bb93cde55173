/* comparison_effects.h - the parameters runs differ in, and their main effects. Internal to the
 * comparison; the reasoning is in comparison_effects.c. */
#pragma once

#include "comparison.h"

/* Finds the changes and, for each figure, their effects. 0 or -ENOMEM. */
int sm_comparison_find_effects(const struct sm_compared_run *runs,
                               struct sm_comparison *comparison);
