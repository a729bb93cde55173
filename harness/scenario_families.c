/* scenario_families.c - what fits where: each family of constructors with its members' keys. */
#include "scenario_families.h"

#include <string.h>

#include "allocator_library.h"
#include "fault.h"
#include "load.h"
#include "load_relay_script.h"
#include "scenario_experiments.h"
#include "scenario_replay.h"
#include "service.h"
#include "sources.h"

static const char *const allocator_names[] = {
#define X(name) #name,
    SM_ALLOCATORS(X)
#undef X
        NULL};

static const struct sm_key scenario_keys[] = {
    {.name = "title", .type = SM_KEY_TEXT, .required = true, .help = "what it shows, in one line"},
    {.name = "params",
     .type = SM_KEY_OPEN,
     .help = "what -p NAME=VALUE may change: NAME = its default, choice {...} or param {...}"},
    {.name = "services", /* before all that may name their ports */
     .type = SM_KEY_BLOCKS,
     .family = "service",
     .at_most = 16,
     .help = "what the target needs, started before it in this order"},
    {.name = "target",
     .type = SM_KEY_BLOCK,
     .family = "program",
     .required = true,
     .help = "the program under test"},
    {.name = "load",
     .type = SM_KEY_BLOCKS,
     .family = "load",
     .at_most = 16,
     .help = "what is sent to the target"},
    {.name = "phases",
     .type = SM_KEY_OPEN,
     .required = true,
     .help = "a list of phase {...}, cycles(n, {...}), doses {...} and stall {...}"},
    {.name = "delivered",
     .type = SM_KEY_BLOCK,
     .family = "delivered",
     .help = "how the units that came through are counted"},
    {.name = "dropped",
     .type = SM_KEY_BLOCK,
     .family = "dropped",
     .help = "where the target says how many units it dropped"},
    {.name = "declared",
     .type = SM_KEY_OPEN,
     .help = "bounds that the target promises: SERIES = size or count"},
    {.name = "budget", .type = SM_KEY_OPEN, .help = "limits that the run must keep"},
    {.name = NULL}};

static const struct sm_key program_keys[] = {
    {.name = "command",
     .type = SM_KEY_TEXTS,
     .required = true,
     .help = "the program and its arguments; also fixes {...} and lists, which are joined to it"},
    {.name = "env", .type = SM_KEY_SETTINGS, .help = "variables of its environment"},
    {.name = "cwd", .type = SM_KEY_TEXT, .help = "the directory it is started in"},
    {.name = "ready",
     .type = SM_KEY_BLOCK,
     .family = "ready",
     .help = "how to tell that it is ready"},
    {.name = "ready_timeout",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .fallback = "30s",
     .at_most = 3600,
     .help = "how long to wait for that"},
    {.name = "gauges",
     .type = SM_KEY_BLOCKS,
     .family = "gauge",
     .at_most = 16,
     .help = "where it tells figures of its own"},
    {.name = "stop_signal",
     .type = SM_KEY_TEXT,
     .fallback = "TERM",
     .choices = sm_signal_names,
     .help = "what asks it to stop"},
    {.name = "stop_timeout",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .fallback = "10s",
     .at_most = 3600,
     .help = "how long it may take to stop before it is killed"},
    {.name = "address_space",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_BYTES,
     .at_least = 1e6,
     .help = "limit on its address space (RLIMIT_AS)"},
    {.name = "memory",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_BYTES,
     .at_least = 4e6,
     .help = "limit on the memory of the target and its children together: a control group, whose "
             "breach the kernel answers with its OOM killer; where none can be made, RLIMIT_DATA"},
    {.name = "allocator",
     .type = SM_KEY_TEXT,
     .choices = allocator_names,
     .help = "the allocator put beneath the target, instead of its own"},
    {.name = NULL}};

static const struct sm_key phase_keys[] = {
    {.name = "name", .type = SM_KEY_TEXT, .required = true, .help = "shown in the report"},
    {.name = "duration",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .required = true,
     .at_least = 0.001,
     .at_most = 7 * 86400,
     .help = "how long it lasts"},
    {.name = "faults", .type = SM_KEY_BLOCKS, .family = "fault", .help = "at work during it"},
    {.name = "load",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_NONE,
     .fallback = "1",
     .at_most = 1000,
     .help = "off, or a factor on the rate of the load"},
    {.name = "cycle",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .at_most = 1e6,
     .help = "the cycle it belongs to, from 1 (cycles sets it)"},
    {.name = "give_back",
     .type = SM_KEY_BOOL,
     .help = "asks the target's allocator, in mid phase, to give its free pages back; needs "
             "load = off and no faults"},
    {.name = NULL}};

static const struct sm_key dropped_gauge_keys[] = {
    {.name = "name",
     .type = SM_KEY_TEXT,
     .required = true,
     .help = "a gauge of the target that counts what it dropped"},
    {.name = NULL}};

static const struct sm_member scenario_members[] = {
    {"scenario", scenario_keys, "the whole of it, which the file returns", NULL}, {.name = NULL}};
static const struct sm_member program_members[] = {
    {"program", program_keys, "a program, found in PATH unless its name has a slash", NULL},
    {.name = NULL}};
static const struct sm_member phase_members[] = {{"phase", phase_keys, "a span of the run", NULL},
                                                 {.name = NULL}};
static const struct sm_member step_members[] = {
    {"step", sm_load_relay_step_keys, "of a relay's script", NULL}, {.name = NULL}};
static const struct sm_member body_members[] = {
    {"replay", sm_replay_keys, "bodies from files, which the units take in turn", NULL},
    {.name = NULL}};
static const struct sm_member dropped_members[] = {
    {"gauge", dropped_gauge_keys, "one of the target's gauges", NULL}, {.name = NULL}};

const char *const sm_family_names[] = {"scenario", "program",   "service", "ready", "gauge",
                                       "load",     "body",      "step",    "phase", "experiment",
                                       "fault",    "delivered", "dropped", NULL};

const char *sm_family_noun(const char *family) {
    static const char *const nouns[][2] = {{"scenario", "a scenario"},
                                           {"program", "a program"},
                                           {"service", "a service"},
                                           {"ready", "a test of readiness"},
                                           {"gauge", "a source of gauges"},
                                           {"load", "a load"},
                                           {"body", "a body"},
                                           {"step", "a step of a script"},
                                           {"phase", "a phase"},
                                           {"experiment", "an experiment"},
                                           {"fault", "a fault"},
                                           {"delivered", "a count of what was delivered"},
                                           {"dropped", "a count of what was dropped"}};
    size_t i = 0;
    while (strcmp(nouns[i][0], family) != 0)
        i++;
    return nouns[i][1];
}

static size_t copy_members(const struct sm_member *from, struct sm_member *members) {
    size_t count = 0;
    for (; from->name; from++)
        members[count++] = *from;
    return count;
}

size_t sm_family_members(const char *family, struct sm_member *members) {
    size_t count = 0;
/* The tables of the parts that plug in, each with its own struct. */
#define TAKE(name_of_family, table, validate_of)                                                   \
    if (strcmp(family, (name_of_family)) == 0) {                                                   \
        for (size_t i = 0; (table)[i] && count < SM_MEMBERS; i++)                                  \
            members[count++] = (struct sm_member){(table)[i]->name, (table)[i]->keys,              \
                                                  (table)[i]->help, (validate_of)};                \
        return count;                                                                              \
    }
    TAKE("load", sm_load_table, NULL)
    TAKE("fault", sm_fault_table, NULL)
    TAKE("service", sm_service_table, sm_service_table[i]->validate)
    TAKE("ready", sm_ready_table, sm_ready_table[i]->validate)
    TAKE("gauge", sm_gauge_table, sm_gauge_table[i]->validate)
    TAKE("delivered", sm_delivered_table, NULL)
#undef TAKE
    if (strcmp(family, "scenario") == 0)
        return copy_members(scenario_members, members);
    if (strcmp(family, "program") == 0)
        return copy_members(program_members, members);
    if (strcmp(family, "step") == 0)
        return copy_members(step_members, members);
    if (strcmp(family, "body") == 0)
        return copy_members(body_members, members);
    if (strcmp(family, "phase") == 0)
        return copy_members(phase_members, members);
    if (strcmp(family, "experiment") == 0)
        return copy_members(sm_experiment_members, members);
    return copy_members(dropped_members, members);
}
