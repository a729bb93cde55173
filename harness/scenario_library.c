/* scenario_library.c - what a script may use beside the constructors.
 *
 * It gets what it needs to compute values and nothing else: no files, no modules but the parts
 * beside it, no metatables, no pcall (an error ends the load), no patterns and no table.move (they
 * can run for ever inside one call, where no limit reaches them). */
#include "scenario_internal.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

static const lua_Integer random_seed = 20261;

static const char *const base_names[] = {"assert", "error",    "ipairs",   "next", "pairs",
                                         "select", "tonumber", "tostring", "type", NULL};
static const char *const string_names[] = {"byte", "char",    "format", "len",   "lower",
                                           "rep",  "reverse", "sub",    "upper", NULL};
static const char *const table_names[] = {"concat", "insert", "pack", "remove",
                                          "sort",   "unpack", NULL};
static const char *const math_names[] = {
    "abs",  "acos",   "asin", "atan", "ceil", "cos",       "deg",        "exp",        "floor",
    "fmod", "huge",   "log",  "max",  "min",  "modf",      "maxinteger", "mininteger", "pi",
    "rad",  "random", "sin",  "sqrt", "tan",  "tointeger", "type",       "ult",        NULL};

/* Reading a name that does not exist: a misspelt constructor, mostly. Upvalue 1 is the prefix. */
static int on_missing_name(lua_State *lua) {
    struct sm_loader *loader = sm_loader_of(lua);
    const char *names[256], *prefix = lua_tostring(lua, lua_upvalueindex(1));
    size_t count = 0;
    sm_lua_locate(loader);
    if (lua_type(lua, 2) != LUA_TSTRING)
        sm_raise(loader, NULL, "%s has names only", prefix);
    for (lua_pushnil(lua); lua_next(lua, 1) && count < 256; lua_pop(lua, 1))
        if (lua_type(lua, -2) == LUA_TSTRING)
            names[count++] = lua_tostring(lua, -2);
    const char *name = lua_tostring(lua, 2);
    sm_raise_unknown(loader, name, names, count, "%s%.80s: a scenario has no such name", prefix,
                     name);
}

static void make_strict(lua_State *lua, const char *prefix) {
    lua_createtable(lua, 0, 1);
    lua_pushstring(lua, prefix);
    lua_pushcclosure(lua, on_missing_name, 1);
    lua_setfield(lua, -2, "__index");
    lua_setmetatable(lua, -2);
}

/* Takes everything that is not in `names` out of the table on top. */
static void keep_only(lua_State *lua, const char *const *names) {
    for (lua_pushnil(lua); lua_next(lua, -2);) {
        const char *name = lua_tostring(lua, -2);
        size_t i = 0;
        while (names[i] && strcmp(names[i], name) != 0)
            i++;
        lua_pop(lua, 1);
        if (!names[i]) {
            lua_pushvalue(lua, -1);
            lua_pushnil(lua);
            lua_rawset(lua, -4); /* clearing a field is allowed while going through a table */
        }
    }
}

/* string.rep, but that nothing repeated for ever is nothing at once. Upvalue 1: the original. */
static int repeat_text(lua_State *lua) {
    size_t length, separator_length;
    luaL_checklstring(lua, 1, &length);
    luaL_checkinteger(lua, 2);
    luaL_optlstring(lua, 3, "", &separator_length);
    if (length + separator_length == 0) {
        lua_pushliteral(lua, "");
        return 1;
    }
    lua_settop(lua, 3);
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, 3, 1);
    return 1;
}

static void open_library(lua_State *lua, const char *name, lua_CFunction open,
                         const char *const *names) {
    char prefix[16];
    luaL_requiref(lua, name, open, 1);
    keep_only(lua, names);
    snprintf(prefix, sizeof prefix, "%s.", name);
    make_strict(lua, prefix);
    lua_pop(lua, 1);
}

/* A scenario is the same every time it is loaded. */
static void seed_random(lua_State *lua) {
    luaL_requiref(lua, LUA_MATHLIBNAME, luaopen_math, 0);
    lua_getfield(lua, -1, "randomseed");
    lua_pushinteger(lua, random_seed);
    lua_call(lua, 1, 0);
    lua_pop(lua, 1);
}

/* require "name": the part name.lua beside the scenario, run once. Upvalue 1: those loaded. */
static int require_part(lua_State *lua) {
    struct sm_loader *loader = sm_loader_of(lua);
    char path[PATH_MAX + 80], file[SM_PLACE_FILE];
    const char *name = luaL_checkstring(lua, 1);
    sm_lua_locate(loader);
    size_t length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    if (length == 0 || name[length] || length > SM_PLACE_FILE - 5)
        sm_raise(loader, "parts lie beside the scenario: require \"_name\" reads _name.lua",
                 "\"%s\" is not the name of a part", name);
    lua_settop(lua, 1);
    lua_pushvalue(lua, 1);
    if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    snprintf(file, sizeof file, "%s.lua", name);
    snprintf(path, sizeof path, "%s/%s", loader->directory, file);
    const char *source;
    size_t source_length;
    if (sm_scenario_read(path, loader->arena, &source, &source_length, &loader->error))
        lua_error(lua);
    lua_pushvalue(lua, 1);
    lua_pushboolean(lua, 0);
    lua_rawset(lua, lua_upvalueindex(1)); /* a part that requires itself gets false */
    sm_lua_run(loader, source, source_length, file);
    lua_pushvalue(lua, 1);
    lua_pushvalue(lua, -2);
    lua_rawset(lua, lua_upvalueindex(1));
    return 1;
}

void sm_library_fill(struct sm_loader *loader) {
    lua_State *lua = loader->lua;
    luaL_requiref(lua, "_G", luaopen_base, 1);
    keep_only(lua, base_names);
    open_library(lua, LUA_STRLIBNAME, luaopen_string, string_names);
    open_library(lua, LUA_TABLIBNAME, luaopen_table, table_names);
    seed_random(lua);
    open_library(lua, LUA_MATHLIBNAME, luaopen_math, math_names);
    lua_getglobal(lua, LUA_STRLIBNAME);
    lua_getfield(lua, -1, "rep");
    lua_pushcclosure(lua, repeat_text, 1);
    lua_setfield(lua, -2, "rep");
    lua_pop(lua, 1);
    lua_newtable(lua);
    lua_pushcclosure(lua, require_part, 1);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, LUA_REGISTRYINDEX, SM_LUA_REQUIRE);
    lua_setglobal(lua, "require");
    sm_make_constructors(loader);
    make_strict(lua, "");
    lua_pop(lua, 1);
}
