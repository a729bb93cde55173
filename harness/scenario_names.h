/* scenario_names.h - the names of the shipped scenarios. */
#pragma once

#include <stddef.h>

#include "../reports/error.h"

struct sm_scenario_names {
    char **names; /* "log-batcher/slow-disk", in order of the alphabet */
    size_t count;
};

/* Lists them. Files whose names begin with an underscore are parts of scenarios, not scenarios.
 * Returns 0 and names for sm_scenario_names_free, or a negative errno. */
int sm_scenario_names(struct sm_scenario_names *ret_names, struct sm_error *err);
void sm_scenario_names_free(struct sm_scenario_names *names);
