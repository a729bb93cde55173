/* scenario_value.c - single values: functions of the parameters, texts with ${name}, quantities. */
#include "scenario_internal.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a value is called in messages, by unit. */
static const char *const unit_nouns[] = {
    [SM_UNIT_NONE] = "number",
    [SM_UNIT_BYTES] = "size",
    [SM_UNIT_COUNT] = "whole number",
    [SM_UNIT_SECONDS] = "duration",
    [SM_UNIT_BYTES_PER_S] = "rate of bytes",
    [SM_UNIT_COUNT_PER_S] = "rate",
};

void sm_resolve(struct sm_loader *loader, int index) {
    lua_State *lua = loader->lua;
    if (!lua_isfunction(lua, index))
        return;
    luaL_checkstack(lua, 8, "scenario");
    lua_pushvalue(lua, index);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, loader->values_ref);
    if (loader->cycle > 0)
        lua_pushinteger(lua, loader->cycle);
    else
        lua_pushnil(lua);
    struct sm_place before = loader->at;
    lua_call(lua, 2, 1);
    loader->at = before;
    if (lua_isfunction(lua, -1))
        sm_raise(loader, NULL, "the function gives another function, not a value");
    lua_replace(lua, index);
}

static const struct {
    const char *name;
    size_t offset;
} places[] = {{"bin", offsetof(struct sm_scenario_dirs, bin)},
              {"run", offsetof(struct sm_scenario_dirs, run)},
              {"data", offsetof(struct sm_scenario_dirs, data)},
              {"log", offsetof(struct sm_scenario_dirs, log)}};
enum { PLACES = sizeof places / sizeof *places };

bool sm_is_place_name(const char *name) {
    for (size_t i = 0; i < PLACES; i++)
        if (strcmp(places[i].name, name) == 0)
            return true;
    return false;
}

static noreturn void refuse_variable(struct sm_loader *loader, const char *name) {
    const char *names[PLACES + 64];
    size_t count = 0;
    for (; count < PLACES; count++)
        names[count] = places[count].name;
    names[count++] = "port:NAME";
    for (size_t i = 0; i < loader->scenario->param_count && count < PLACES + 64; i++)
        names[count++] = loader->scenario->params[i].name;
    sm_raise_unknown(loader, name, names, count,
                     "${%.60s} is neither a parameter nor a place (a plain ${ is written $${)",
                     name);
}

static const char *variable(struct sm_loader *loader, const char *text, size_t length) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), text);
    if (strncmp(name, "port:", 5) == 0)
        return sm_port(loader, name + 5);
    const struct sm_param *param = sm_param_find(loader, name);
    if (param)
        return param->value;
    const char *of_service = sm_service_variable(loader, name);
    if (of_service)
        return of_service;
    for (size_t i = 0; i < PLACES; i++) {
        if (strcmp(places[i].name, name) != 0)
            continue;
        const char *value = *(const char *const *)((const char *)loader->dirs + places[i].offset);
        if (!value)
            sm_raise(loader, NULL, "there is no ${%s} in this run", name);
        return value;
    }
    refuse_variable(loader, name);
}

/* Replaces ${name} by its value and $${ by ${; what was put in is not looked at again. */
static const char *substitute(struct sm_loader *loader, const char *text, size_t length) {
    luaL_Buffer buffer;
    lua_State *lua = loader->lua;
    const char *end = text + length;
    if (memchr(text, '\0', length))
        sm_raise(loader, NULL, "the text has a NUL byte");
    luaL_buffinit(lua, &buffer);
    while (text < end) {
        const char *dollar = strstr(text, "${");
        if (!dollar)
            dollar = end;
        bool is_escaped = dollar < end && dollar > text && dollar[-1] == '$';
        luaL_addlstring(&buffer, text, (size_t)(dollar - text) - is_escaped);
        if (dollar == end)
            break;
        text = dollar + 2;
        if (is_escaped) {
            luaL_addstring(&buffer, "${");
            continue;
        }
        const char *close = strchr(text, '}');
        if (!close)
            sm_raise(loader, "write $${ for a plain ${", "a ${ is not closed");
        luaL_addstring(&buffer, variable(loader, text, (size_t)(close - text)));
        text = close + 1;
    }
    luaL_pushresult(&buffer);
    const char *result = lua_tolstring(lua, -1, &length);
    result = sm_alloc_text(loader, result, length);
    lua_pop(lua, 1);
    return result;
}

const char *sm_push_text(struct sm_loader *loader, int index, size_t *ret_length) {
    lua_State *lua = loader->lua;
    char found[96];
    lua_Integer whole;
    int type = lua_type(lua, index);
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
        sm_raise(loader, NULL, "must be a text, not %s",
                 sm_describe(loader, index, found, sizeof found));
    if (type == LUA_TNUMBER && lua_numbertointeger(lua_tonumber(lua, index), &whole) &&
        (lua_Number)whole == lua_tonumber(lua, index))
        lua_pushinteger(lua, lua_isinteger(lua, index) ? lua_tointeger(lua, index) : whole);
    else
        lua_pushvalue(lua, index); /* lua_tolstring changes a number in place */
    return lua_tolstring(lua, -1, ret_length);
}

const char *sm_value_text(struct sm_loader *loader, int index) {
    size_t length;
    const char *text = sm_push_text(loader, index, &length);
    text = substitute(loader, text, length);
    lua_pop(loader->lua, 1);
    return text;
}

static double check_range(struct sm_loader *loader, double value, const struct sm_key *key) {
    char low[SM_UNIT_TEXT_BYTES], high[SM_UNIT_TEXT_BYTES], text[SM_UNIT_TEXT_BYTES];
    sm_unit_format(key->unit, value, text);
    if (key->unit == SM_UNIT_COUNT && value != floor(value))
        sm_raise(loader, NULL, "%s is not a whole number", text);
    if (value < key->at_least)
        sm_raise(loader, NULL, "%s is less than %s, the least it can be", text,
                 sm_unit_format(key->unit, key->at_least, low));
    if (key->at_most > 0 && value > key->at_most)
        sm_raise(loader, NULL, "%s is more than %s, the most it can be", text,
                 sm_unit_format(key->unit, key->at_most, high));
    return value;
}

double sm_text_quantity(struct sm_loader *loader, const char *text, const struct sm_key *key) {
    char todo[64];
    double value;
    if (sm_unit_parse(key->unit, text, &value)) {
        snprintf(todo, sizeof todo, "write it like \"%s\"", sm_unit_example(key->unit));
        sm_raise(loader, todo, "\"%.60s\" is not a %s", text, unit_nouns[key->unit]);
    }
    return check_range(loader, value, key);
}

/* A number without a unit is a size in bytes, a count or a plain number, but no duration and no
 * rate: five what? */
double sm_value_quantity(struct sm_loader *loader, int index, const struct sm_key *key) {
    char found[96], todo[64];
    lua_State *lua = loader->lua;
    bool is_plain =
        key->unit == SM_UNIT_NONE || key->unit == SM_UNIT_BYTES || key->unit == SM_UNIT_COUNT;
    if (lua_type(lua, index) == LUA_TSTRING)
        return sm_text_quantity(loader, sm_value_text(loader, index), key);
    if (lua_type(lua, index) == LUA_TNUMBER && is_plain) {
        double value = lua_tonumber(lua, index);
        if (isfinite(value) && value >= 0)
            return check_range(loader, value, key);
    }
    snprintf(todo, sizeof todo, "write it like \"%s\"", sm_unit_example(key->unit));
    sm_raise(loader, todo, "%s is not a %s%s", sm_describe(loader, index, found, sizeof found),
             unit_nouns[key->unit], is_plain ? "" : " with its unit");
}
