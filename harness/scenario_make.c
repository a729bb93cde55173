/* scenario_make.c - the constructors that a script calls: `slow_disk { path = ... }`.
 *
 * A constructor only notes its name, the line it was called from and a copy of its table; all
 * checking comes later, when it is known where the thing was put. */
#include "scenario_internal.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

static const char *const tag_metatable = "spillmark.tag";

/* Constructors that are no members of a family. */
static const char *const other_constructors[] = {
    "scenario", "choice",  "param",    "fixes",   "text",        "noise",     "json",
    "cycles",   "msgpack", "protobuf", "gzip",    "join",        "file",      "number",
    "template", "in_turn", "raw",      "uniform", "exponential", "lognormal", NULL};

static void copy_table(lua_State *lua, int from) {
    lua_newtable(lua);
    for (lua_pushnil(lua); lua_next(lua, from);) {
        lua_pushvalue(lua, -2);
        lua_insert(lua, -2);
        lua_rawset(lua, -4);
    }
}

/* `name { ... }` gets a copy of the table; `name(a, b)` and `name "a"` a list of the arguments. */
static void copy_arguments(lua_State *lua, int count) {
    if (count == 1 && lua_istable(lua, 1)) {
        copy_table(lua, 1);
        return;
    }
    lua_createtable(lua, count, 0);
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(lua, i);
        lua_rawseti(lua, -2, i);
    }
}

static int construct(lua_State *lua) {
    struct sm_loader *loader = sm_loader_of(lua);
    int count = lua_gettop(lua);
    struct sm_tag *tag = lua_newuserdatauv(lua, sizeof *tag, 1);
    sm_lua_locate(loader);
    *tag =
        (struct sm_tag){.type = lua_touserdata(lua, lua_upvalueindex(1)), .line = loader->at.line};
    memcpy(tag->file, loader->at.file, sizeof tag->file);
    luaL_setmetatable(lua, tag_metatable);
    copy_arguments(lua, count);
    lua_setiuservalue(lua, -2, 1);
    return 1;
}

static int refuse_index(lua_State *lua) {
    struct sm_loader *loader = sm_loader_of(lua);
    const struct sm_tag *tag = sm_tag_at(loader, 1);
    sm_lua_locate(loader);
    sm_raise(loader, "compute values in variables of your own first",
             "the keys of %s {...} cannot be read or set from the script", tag->type);
}

static void make_constructor(lua_State *lua, const char *name) {
    lua_pushlightuserdata(lua, (void *)name);
    lua_pushcclosure(lua, construct, 1);
    lua_setglobal(lua, name);
}

void sm_make_constructors(struct sm_loader *loader) {
    struct sm_member members[SM_MEMBERS];
    lua_State *lua = loader->lua;
    luaL_newmetatable(lua, tag_metatable);
    lua_pushcfunction(lua, refuse_index);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, refuse_index);
    lua_setfield(lua, -2, "__newindex");
    lua_pushliteral(lua, "block"); /* what Lua's own messages call it */
    lua_setfield(lua, -2, "__name");
    lua_pop(lua, 1);
    for (size_t i = 0; other_constructors[i]; i++)
        make_constructor(lua, other_constructors[i]);
    for (size_t f = 0; sm_family_names[f]; f++) {
        size_t count = sm_family_members(sm_family_names[f], members);
        for (size_t i = 0; i < count; i++)
            make_constructor(lua, members[i].name);
    }
    lua_pushinteger(lua, 0);
    lua_setglobal(lua, "off");
    lua_pushliteral(lua, "bounded");
    lua_setglobal(lua, "bounded");
}

const struct sm_tag *sm_tag_at(struct sm_loader *loader, int index) {
    return luaL_testudata(loader->lua, index, tag_metatable);
}

const char *sm_describe(struct sm_loader *loader, int index, char *buffer, size_t buffer_bytes) {
    const struct sm_tag *tag = sm_tag_at(loader, index);
    int type = lua_type(loader->lua, index);
    if (tag)
        snprintf(buffer, buffer_bytes, "%s {...}", tag->type);
    else if (type == LUA_TSTRING)
        snprintf(buffer, buffer_bytes, "the text \"%.60s\"", lua_tostring(loader->lua, index));
    else if (type == LUA_TNUMBER)
        snprintf(buffer, buffer_bytes, "the number %g", lua_tonumber(loader->lua, index));
    else if (type == LUA_TBOOLEAN)
        snprintf(buffer, buffer_bytes, "%s", lua_toboolean(loader->lua, index) ? "true" : "false");
    else if (type == LUA_TNIL)
        snprintf(buffer, buffer_bytes, "nothing (nil)");
    else
        snprintf(buffer, buffer_bytes, "a %s", lua_typename(loader->lua, type));
    return buffer;
}
