/* scenario.h - a loaded scenario: everything a run will do, checked before anything starts. */
#pragma once

#include "../reports/model.h"
#include "config.h"

struct sm_param {
    char *name;
    char *value;                /* as given or the default */
    char *fallback;
    char **choices;             /* NULL-terminated, NULL when free */
    char *help;
};

struct sm_scenario_phase {
    char *name;
    double duration_s;          /* already scaled by --time-scale */
    int cycle;
    double load_factor;         /* 0 = off */
    bool is_settle;
    const struct sm_block *const *faults;
    size_t fault_count;
};

struct sm_scenario {
    char *path, *name, *title; /* name: "log-batcher/slow-disk" or the file's */
    struct sm_param *params;
    size_t param_count;
    const struct sm_block *target;      /* type "program": command, env, cwd, ready, gauges, ... */
    const struct sm_block *const *services;
    size_t service_count;
    const struct sm_block *const *loads;
    size_t load_count;
    struct sm_scenario_phase *phases;
    size_t phase_count;
    const struct sm_block *delivered;   /* may be NULL */
    const struct sm_block *dropped;     /* may be NULL */
    struct sm_budget_item *budget;
    size_t budget_count;
    struct sm_declared_bound *declared; /* scenario key `declared = { heap = "8MB" }` */
    size_t declared_count;
};

/* Where things are, for ${bin}, ${run} and ${data} in texts. The directories need not exist. */
struct sm_scenario_dirs {
    const char *bin;  /* the shipped pipelines */
    const char *run;  /* sockets, logs: short path, private to this run */
    const char *data; /* the target's own files */
};

struct sm_setting { /* -p NAME=VALUE */
    const char *name, *value;
};

/* Loads and checks. `time_scale` multiplies every phase's duration (1 = as written). Returns 0
 * and a scenario for sm_scenario_free, or a negative errno and *err ("file:line: key: ..."). */
int sm_scenario_load(const char *path, const struct sm_scenario_dirs *dirs,
                     const struct sm_setting *settings, size_t setting_count, double time_scale,
                     struct sm_scenario **ret_scenario, struct sm_error *err);
void sm_scenario_free(struct sm_scenario *scenario);

/* The parameters as a JSON object {"build": "before", ...}. malloc'd. */
char *sm_scenario_params_json(const struct sm_scenario *scenario);
