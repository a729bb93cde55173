/* scenario_phases.c - phases and cycles, laid out in order. */
#include "scenario_internal.h"

#include <lauxlib.h>
#include <string.h>

#include "condition.h"
#include "scenario_experiments.h"

enum { PHASES_MAX = 5000, CYCLES_MAX = 2000 };

static void take_phase(struct sm_loader *loader, int item, void *context);

static struct sm_scenario_phase *next_phase(struct sm_loader *loader, double duration_s) {
    struct sm_scenario *scenario = loader->scenario;
    if (scenario->phase_count == PHASES_MAX)
        sm_raise(loader, NULL, "more than %d phases", PHASES_MAX);
    struct sm_scenario_phase *phase = &scenario->phases[scenario->phase_count++];
    duration_s *= loader->time_scale;
    *phase = (struct sm_scenario_phase){.duration_s = duration_s > 0.001 ? duration_s : 0.001};
    return phase;
}

/* A fault that could never begin would let a run pass untested. */
static void check_fault_times(struct sm_loader *loader, const struct sm_block *const *faults,
                              size_t count, double duration_s) {
    struct sm_condition condition;
    struct sm_error err = {0};
    for (size_t i = 0; i < count; i++) {
        const struct sm_block *fault = faults[i];
        size_t before = sm_path_add(loader, "%sfaults[%zu]", loader->at.path[0] ? "." : "", i + 1);
        if (sm_block_quantity(fault, "at") >= duration_s)
            sm_raise(loader, "make at shorter, or the phase longer",
                     "%s would begin when its phase has ended", fault->type);
        if (sm_block_has(fault, "when") &&
            sm_condition_parse(sm_block_text(fault, "when"), &condition, &err))
            sm_raise(loader, err.todo, "when: %s", err.what);
        if (sm_block_has(fault, "within") && !sm_block_has(fault, "when"))
            sm_raise(loader, "add when = \"heap above 100MB\"", "within: nothing to wait for");
        sm_path_cut(loader, before);
    }
}

static void add_phase(struct sm_loader *loader, int index) {
    const struct sm_block *block = sm_check_block(loader, index, "phase");
    if (loader->cycle > 0 && sm_block_has(block, "cycle"))
        sm_raise(loader, "leave it out", "cycles(...) numbers its phases itself");
    struct sm_scenario_phase *phase = next_phase(loader, sm_block_quantity(block, "duration"));
    phase->name = (char *)sm_block_text(block, "name");
    phase->cycle = loader->cycle > 0 ? loader->cycle : (int)sm_block_quantity(block, "cycle");
    phase->load_factor = sm_block_quantity(block, "load");
    phase->faults = sm_block_blocks(block, "faults", &phase->fault_count);
    check_fault_times(loader, phase->faults, phase->fault_count,
                      sm_block_quantity(block, "duration"));
    phase->give_back = sm_block_bool(block, "give_back");
    if (phase->give_back && (phase->load_factor > 0 || phase->fault_count > 0))
        sm_raise(loader, "add load = off, and faults to another phase",
                 "give_back is for a phase at rest: under load it would show nothing");
    loader->last_cycle = phase->cycle > loader->last_cycle ? phase->cycle : loader->last_cycle;
}

static bool is_experiment(const struct sm_tag *tag) {
    for (const struct sm_member *member = sm_experiment_members; tag && member->name; member++)
        if (strcmp(tag->type, member->name) == 0)
            return true;
    return false;
}

/* doses {...} and stall {...} */
static void add_experiment(struct sm_loader *loader, int index) {
    struct sm_experiment_phase part;
    const struct sm_block *block = sm_check_block(loader, index, "experiment");
    int cycles_before = loader->last_cycle;
    if (loader->cycle > 0)
        sm_raise(loader, NULL, "%s {...} cannot stand within cycles(...)", block->type);
    for (size_t i = 0; sm_experiment_phase(block, i, &part); i++) {
        struct sm_scenario_phase *phase = next_phase(loader, part.duration_s);
        phase->name = (char *)part.name;
        phase->load_factor = part.load_factor;
        phase->give_back = part.give_back;
        if (part.has_faults) {
            phase->faults = sm_block_blocks(block, "faults", &phase->fault_count);
            check_fault_times(loader, phase->faults, phase->fault_count, part.duration_s);
        }
        if (part.cycle > 0)
            loader->last_cycle = phase->cycle = cycles_before + part.cycle;
    }
}

/* cycles(8, { phase..., phase... }), or with a function that is asked for the phases of each. */
static void add_cycles(struct sm_loader *loader, int index) {
    static const struct sm_key count_key = {
        .name = "n", .unit = SM_UNIT_COUNT, .at_least = 1, .at_most = CYCLES_MAX};
    lua_State *lua = loader->lua;
    if (loader->cycle > 0)
        sm_raise(loader, NULL, "cycles(...) cannot stand within cycles(...)");
    struct sm_place before = sm_place_enter(loader, sm_tag_at(loader, index));
    lua_getiuservalue(lua, index, 1);
    int arguments = lua_gettop(lua);
    if (sm_check_list(loader, arguments, "two values") != 2)
        sm_raise(loader, "write cycles(8, { phase {...}, phase {...} })",
                 "cycles takes a number and a list of phases");
    lua_rawgeti(lua, arguments, 1);
    sm_resolve(loader, arguments + 1);
    int count = (int)sm_value_quantity(loader, arguments + 1, &count_key);
    for (int i = 0; i < count; i++) {
        loader->cycle = loader->last_cycle + 1;
        lua_rawgeti(lua, arguments, 2);
        sm_resolve(loader, arguments + 2);
        sm_each_item(loader, arguments + 2, "phases", take_phase, NULL);
        lua_settop(lua, arguments + 1);
    }
    loader->cycle = 0;
    lua_settop(lua, arguments - 1);
    loader->at = before;
}

static void take_phase(struct sm_loader *loader, int item, void *context) {
    const struct sm_tag *tag = sm_tag_at(loader, item);
    (void)context;
    if (tag && strcmp(tag->type, "cycles") == 0)
        add_cycles(loader, item);
    else if (is_experiment(tag))
        add_experiment(loader, item);
    else
        add_phase(loader, item);
}

void sm_phases_load(struct sm_loader *loader, int index) {
    struct sm_scenario *scenario = loader->scenario;
    bool had_load = false;
    size_t before = sm_path_add(loader, "phases");
    scenario->phases = sm_alloc(loader, PHASES_MAX * sizeof *scenario->phases);
    sm_resolve(loader, index);
    sm_each_item(loader, index, "phases", take_phase, NULL);
    if (scenario->phase_count == 0)
        sm_raise(loader, "add phase { \"load\", \"10s\" }", "there is no phase");
    sm_path_cut(loader, before);
    for (size_t i = 0; i < scenario->phase_count; i++) {
        struct sm_scenario_phase *phase = &scenario->phases[i];
        phase->is_settle = had_load && phase->load_factor == 0 && phase->fault_count == 0;
        had_load |= phase->load_factor > 0;
    }
}
