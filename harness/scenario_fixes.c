/* scenario_fixes.c - the flags of a build.
 *
 * fixes { before = { "--channel", "unbounded" }, after = { "--channel", "bounded" } } gives the
 * list of the build that the parameter `build` names. fixes "NAME" does the same with the table
 * that the part _fixes.lua beside the scenario returns, for the build NAME, so that all scenarios
 * of an incident share it.
 *
 * A flag that is set in any of the builds is a switch. The parameter of its name ("--stale-socket"
 * is stale_socket), where the scenario has one and it is not empty, sets it over what the build
 * says: so each single fix can be run apart. */
#include "scenario_internal.h"

#include <lauxlib.h>
#include <string.h>

enum { BUILDS_MAX = 32, FLAG_BYTES = 48 };

/* The parameter that sets a flag; NULL when there is none or it is empty. */
static const char *switched(struct sm_loader *loader, const char *flag) {
    char name[FLAG_BYTES];
    size_t length = strlen(flag);
    if (strncmp(flag, "--", 2) != 0 || length < 3 || length >= sizeof name + 2)
        return NULL;
    memcpy(name, flag + 2, length - 1);
    for (char *c = name; *c; c++)
        if (*c == '-')
            *c = '_';
    const struct sm_param *param = sm_param_find(loader, name);
    return param && param->value[0] ? param->value : NULL;
}

static bool has_flag(lua_State *lua, int list, const char *flag) {
    bool found = false;
    for (lua_Integer i = 1; !found && i <= (lua_Integer)lua_rawlen(lua, list); i++) {
        if (lua_rawgeti(lua, list, i) == LUA_TSTRING)
            found = strcmp(lua_tostring(lua, -1), flag) == 0;
        lua_pop(lua, 1);
    }
    return found;
}

static void append(lua_State *lua, int list, const char *text) {
    lua_pushstring(lua, text);
    lua_rawseti(lua, list, (lua_Integer)lua_rawlen(lua, list) + 1);
}

/* The value that a parameter sets for the i-th text of a list, when that is a flag with a value. */
static const char *switched_at(struct sm_loader *loader, int flags, lua_Integer i,
                               lua_Integer count) {
    lua_State *lua = loader->lua;
    const char *value = NULL;
    if (i < count && lua_rawgeti(lua, flags, i + 1) == LUA_TSTRING &&
        strncmp(lua_tostring(lua, -1), "--", 2) == 0)
        i = count; /* the flag stands alone */
    if (i < count && lua_rawgeti(lua, flags, i) == LUA_TSTRING)
        value = switched(loader, lua_tostring(lua, -1));
    return value;
}

/* The build's flags, with the values that parameters set. */
static void copy_switched(struct sm_loader *loader, int flags, int result) {
    lua_State *lua = loader->lua;
    int top = lua_gettop(lua);
    lua_Integer count = sm_list_length(loader, flags);
    for (lua_Integer i = 1; i <= count; i++) {
        size_t length;
        const char *value = switched_at(loader, flags, i, count);
        lua_rawgeti(lua, flags, i);
        append(lua, result, sm_push_text(loader, lua_gettop(lua), &length));
        if (value) {
            append(lua, result, value);
            i++;
        }
        lua_settop(lua, top);
    }
}

/* Flags that only other builds set, when a parameter sets them. */
static void add_other_switches(struct sm_loader *loader, int builds, int result) {
    lua_State *lua = loader->lua;
    for (lua_pushnil(lua); lua_next(lua, builds);) {
        int flags = lua_gettop(lua);
        lua_Integer count = sm_list_length(loader, flags);
        for (lua_Integer i = 1; i <= count; i++) {
            const char *value = switched_at(loader, flags, i, count);
            if (value && !has_flag(lua, result, lua_tostring(lua, -1))) {
                append(lua, result, lua_tostring(lua, -1));
                append(lua, result, value);
            }
            lua_settop(lua, flags);
        }
        lua_settop(lua, flags - 1);
    }
}

/* Leaves the list of flags of one build on the stack, after a look at all builds. */
static void push_build(struct sm_loader *loader, int builds, const char *build) {
    lua_State *lua = loader->lua;
    const char *names[BUILDS_MAX];
    size_t count = 0;
    for (lua_pushnil(lua); lua_next(lua, builds); lua_pop(lua, 1)) {
        if (lua_type(lua, -2) != LUA_TSTRING || !lua_istable(lua, -1) || count == BUILDS_MAX)
            sm_raise(loader, "write fixes { before = { \"--flag\", \"value\" }, ... }",
                     "fixes {...} has a list of flags for each build");
        names[count++] = lua_tostring(lua, -2);
    }
    const struct sm_param *param = sm_param_find(loader, "build");
    for (size_t i = 0; param && param->choices && param->choices[i]; i++)
        if (lua_getfield(lua, builds, param->choices[i]) == LUA_TNIL)
            sm_raise(loader, NULL, "fixes {...} has no flags for the build \"%.60s\"",
                     param->choices[i]);
        else
            lua_pop(lua, 1);
    if (lua_getfield(lua, builds, build) == LUA_TNIL)
        sm_raise_unknown(loader, build, names, count, "fixes {...} has no build \"%.60s\"", build);
}

/* fixes "${build}": the builds come from the part _fixes.lua. */
static const char *push_shared(struct sm_loader *loader, int arguments) {
    lua_State *lua = loader->lua;
    lua_rawgeti(lua, arguments, 1);
    const char *build = sm_value_text(loader, lua_gettop(lua));
    lua_getfield(lua, LUA_REGISTRYINDEX, SM_LUA_REQUIRE);
    lua_pushliteral(lua, "_fixes");
    struct sm_place at = loader->at;
    lua_call(lua, 1, 1);
    loader->at = at;
    if (!lua_istable(lua, -1))
        sm_raise(loader, NULL, "_fixes.lua does not return a table of builds");
    return build;
}

void sm_fixes_expand(struct sm_loader *loader, int index) {
    lua_State *lua = loader->lua;
    luaL_checkstack(lua, 16, "scenario");
    struct sm_place before = sm_place_enter(loader, sm_tag_at(loader, index));
    lua_getiuservalue(lua, index, 1);
    const char *build;
    if (lua_rawgeti(lua, -1, 1) != LUA_TNIL) {
        lua_pop(lua, 1);
        build = push_shared(loader, lua_gettop(lua));
    } else {
        const struct sm_param *param = sm_param_find(loader, "build");
        if (!param)
            sm_raise(loader, "add params = { build = choice { \"before\", \"after\" } }",
                     "fixes {...} needs the parameter \"build\"");
        build = param->value;
        lua_pop(lua, 1);
    }
    int builds = lua_gettop(lua);
    push_build(loader, builds, build);
    int flags = lua_gettop(lua);
    lua_newtable(lua);
    int result = lua_gettop(lua);
    copy_switched(loader, flags, result);
    add_other_switches(loader, builds, result);
    lua_replace(lua, index);
    lua_settop(lua, index);
    loader->at = before;
}
