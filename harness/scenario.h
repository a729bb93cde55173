/* scenario.h - a loaded scenario: everything a run will do, checked before anything starts. */
#pragma once

#include "../reports/model.h"
#include "arena.h"
#include "config.h"
#include "service.h"

struct sm_param {
    const char *name;
    const char *value; /* as given or the default */
    const char *fallback;
    const char *const *choices; /* NULL-terminated, NULL when free */
    const char *help;           /* "" when there is none */
};

struct sm_scenario_phase {
    char *name;
    double duration_s;  /* already scaled by --time-scale */
    int cycle;          /* from 1; 0 = in none */
    double load_factor; /* 0 = off */
    bool is_settle;     /* no load, no fault, some load before it */
    bool give_back;     /* the allocator is asked in its middle to give pages back */
    const struct sm_block *const *faults;
    size_t fault_count;
};

struct sm_scenario {
    char *path, *name, *title; /* name: "log-batcher/slow-disk" or the file's */
    struct sm_param *params;
    size_t param_count;
    const struct sm_block *target; /* type "program": command, env, cwd, ready, gauges, ... */
    struct sm_service *services;   /* in the order in which they are started */
    size_t service_count;
    int *port_locks; /* keep other runs from choosing their ports */
    size_t port_lock_count;
    const struct sm_block *const *loads;
    size_t load_count;
    struct sm_scenario_phase *phases;
    size_t phase_count;
    double time_scale;                /* for times within a phase */
    const struct sm_block *delivered; /* may be NULL */
    const struct sm_block *dropped;   /* may be NULL */
    struct sm_budget_item *budget;
    size_t budget_count;
    struct sm_declared_bound *declared; /* scenario key `declared = { heap = "8MB" }` */
    size_t declared_count;
    struct sm_scenario_file *files; /* open, for bodies; private */
    size_t file_count;
    struct sm_arena arena; /* owns all of the above and the scenario itself */
};

/* Where things are: for ${bin}, ${run}, ${data} and ${log} in texts, and for services. They
 * need not exist. */
struct sm_scenario_dirs {
    const char *bin;      /* the shipped pipelines */
    const char *run;      /* sockets: short path, private to this run */
    const char *data;     /* the target's own files */
    const char *log;      /* what the target prints; NULL when it keeps its output */
    const char *services; /* their directories and logs, by their names; NULL = in data */
};

struct sm_setting { /* -p NAME=VALUE */
    const char *name, *value;
};

/* Loads and checks a file, or a shipped scenario by its name ("log-batcher/slow-disk"). The script
 * runs in a Lua state of its own, with limits on time and memory, and is gone afterwards.
 * `time_scale` multiplies every phase's duration (1 = as written). Returns 0 and a scenario for
 * sm_scenario_free, or a negative errno and *err ("file:line: key: ..."; status SM_STATUS_USAGE).
 * One scenario at a time per thread; nothing is started and nothing is written. */
int sm_scenario_load(const char *path, const struct sm_scenario_dirs *dirs,
                     const struct sm_setting *settings, size_t setting_count, double time_scale,
                     struct sm_scenario **ret_scenario, struct sm_error *err);
/* Opens a file for as long as the scenario lives, once however often it is asked for. Returns its
 * descriptor or a negative errno. */
int sm_scenario_open_file(struct sm_scenario *scenario, const char *path);

void sm_scenario_free(struct sm_scenario *scenario); /* NULL is allowed */

/* The parameters as a JSON object {"build": "before", ...}. malloc'd,
 * NULL when out of memory. */
char *sm_scenario_params_json(const struct sm_scenario *scenario);
