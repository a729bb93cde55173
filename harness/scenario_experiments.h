/* scenario_experiments.h - the experiments that settle what watching cannot, one line each. */
#pragma once

#include "scenario_families.h"

/* Members of the family "experiment", ended by one without a name. */
extern const struct sm_member sm_experiment_members[];

/* One phase of an experiment. */
struct sm_experiment_phase {
    const char *name; /* static */
    double duration_s, load_factor;
    bool has_faults, give_back;
    int cycle; /* of the experiment, from 1; 0 = in none */
};

/* The phase at `index` of an experiment; 0 when it has no more. */
int sm_experiment_phase(const struct sm_block *experiment, size_t index,
                        struct sm_experiment_phase *ret_phase);
