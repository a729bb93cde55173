/* scenario_limits.c - the budget and the bounds that the target declares. */
#include "scenario_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/budget.h"

enum { LIMITS_MAX = 256 };

/* Sorted names of the table at index: a table has no order, a report should have one. */
static size_t sort_names(struct sm_loader *loader, int index, const char **names) {
    lua_State *lua = loader->lua;
    size_t count = 0;
    char found[96];
    if (!lua_istable(lua, index))
        sm_raise(loader, NULL, "must be a table { NAME = limit }, not %s",
                 sm_describe(loader, index, found, sizeof found));
    for (lua_pushnil(lua); lua_next(lua, index); lua_pop(lua, 1)) {
        if (lua_type(lua, -2) != LUA_TSTRING ||
            lua_rawlen(lua, -2) != strlen(lua_tostring(lua, -2)))
            sm_raise(loader, "write NAME = limit, or [\"gauge:NAME\"] = limit",
                     "has a limit without a name");
        if (count == LIMITS_MAX)
            sm_raise(loader, NULL, "more than %d limits", LIMITS_MAX);
        const char *name = sm_alloc_text(loader, lua_tostring(lua, -2), lua_rawlen(lua, -2));
        size_t at = count++;
        for (; at > 0 && strcmp(names[at - 1], name) > 0; at--)
            names[at] = names[at - 1];
        names[at] = name;
    }
    return count;
}

/* Puts the limit of one name on the stack, as a text. */
static const char *limit_text(struct sm_loader *loader, int table, const char *name) {
    lua_getfield(loader->lua, table, name);
    int index = lua_gettop(loader->lua);
    sm_resolve(loader, index);
    return lua_isnil(loader->lua, index) ? NULL : sm_value_text(loader, index);
}

/* Takes a limit as the scenario says it; `limit` is NULL where it says nothing. */
typedef void take_limit(struct sm_loader *loader, const char *name, const char *limit);

static void each_limit(struct sm_loader *loader, int index, const char *table, take_limit *take) {
    const char *names[LIMITS_MAX];
    size_t base = sm_path_add(loader, "%s", table);
    size_t count = sort_names(loader, index, names);
    for (size_t i = 0; i < count; i++) {
        size_t before = sm_path_add(loader, ".%.80s", names[i]);
        take(loader, names[i], limit_text(loader, index, names[i]));
        lua_settop(loader->lua, index);
        sm_path_cut(loader, before);
    }
    sm_path_cut(loader, base);
}

static void take_budget(struct sm_loader *loader, const char *name, const char *limit) {
    struct sm_scenario *scenario = loader->scenario;
    struct sm_budget_item item;
    struct sm_error err = {0};
    if (!limit)
        return;
    if (sm_budget_check_name(name, limit, &item, &err))
        sm_raise(loader, err.todo, "%s", err.what);
    scenario->budget[scenario->budget_count++] =
        (struct sm_budget_item){.name = (char *)name,
                                .limit = (char *)limit,
                                .is_bounded = item.is_bounded,
                                .value = item.value};
    sm_budget_item_clear(&item);
}

void sm_budget_load(struct sm_loader *loader, int index) {
    sm_resolve(loader, index);
    if (lua_isnil(loader->lua, index))
        return;
    loader->scenario->budget = sm_alloc(loader, LIMITS_MAX * sizeof *loader->scenario->budget);
    each_limit(loader, index, "budget", take_budget);
}

/* The unit of a series' values: bytes for what a program marks, counts for what it says. */
static enum sm_unit series_unit(struct sm_loader *loader, const char *series) {
    static const struct {
        const char *name;
        enum sm_unit unit;
    } known[] = {
#define X(id, name_of, unit_of, title) {name_of, SM_UNIT_##unit_of},
        SM_SERIES_TABLE(X)
#undef X
            {"gauge:NAME", SM_UNIT_COUNT},
        {"fds:CLASS", SM_UNIT_COUNT},
        {"mark:NAME", SM_UNIT_BYTES}};
    const char *names[sizeof known / sizeof *known];
    size_t count = sizeof known / sizeof *known;
    const char *colon = strchr(series, ':');
    for (size_t i = 0; i < count; i++) {
        size_t prefix = (size_t)(strcspn(known[i].name, ":"));
        bool is_open = known[i].name[prefix] == ':' && strncmp(known[i].name, "in_", 3) != 0;
        names[i] = known[i].name;
        if (strcmp(known[i].name, series) == 0 && !is_open)
            return known[i].unit;
        if (is_open && colon && colon[1] && (size_t)(colon - series) == prefix &&
            strncmp(series, known[i].name, prefix) == 0)
            return known[i].unit;
    }
    sm_raise_unknown(loader, series, names, count, "there is no series \"%.80s\"", series);
}

static void take_declared(struct sm_loader *loader, const char *name, const char *limit) {
    struct sm_scenario *scenario = loader->scenario;
    const struct sm_key key = {.name = name, .unit = series_unit(loader, name)};
    if (limit)
        scenario->declared[scenario->declared_count++] = (struct sm_declared_bound){
            .series = (char *)name, .value = sm_text_quantity(loader, limit, &key)};
}

void sm_declared_load(struct sm_loader *loader, int index) {
    sm_resolve(loader, index);
    if (lua_isnil(loader->lua, index))
        return;
    loader->scenario->declared = sm_alloc(loader, LIMITS_MAX * sizeof *loader->scenario->declared);
    each_limit(loader, index, "declared", take_declared);
}
