/* scenario_params.c - parameters: what the scenario declares, and what -p sets. */
#include "scenario_internal.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMS_MAX = 64, CHOICES_MAX = 64 };

const struct sm_param *sm_param_find(const struct sm_loader *loader, const char *name) {
    for (size_t i = 0; i < loader->scenario->param_count; i++)
        if (strcmp(loader->scenario->params[i].name, name) == 0)
            return &loader->scenario->params[i];
    return NULL;
}

static void check_name(struct sm_loader *loader, const char *name) {
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (length == 0 || length > 40 || name[length] || (name[0] >= '0' && name[0] <= '9'))
        sm_raise(loader, "use letters, digits and _, at most 40",
                 "\"%.60s\" cannot be a parameter's name", name);
    if (sm_is_place_name(name))
        sm_raise(loader, "choose another name", "${%s} is a place already", name);
}

/* The record keeps parameters as JSON. */
static bool is_utf8(const char *text) {
    json_t *json = json_string(text);
    json_decref(json);
    return json != NULL;
}

/* A plain default or choice as text; a parameter cannot refer to another. */
static const char *plain_text(struct sm_loader *loader, int index) {
    lua_State *lua = loader->lua;
    char found[96];
    size_t length;
    int type = lua_type(lua, index);
    if (type == LUA_TBOOLEAN)
        return lua_toboolean(lua, index) ? "true" : "false";
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
        sm_raise(loader, "give a text, a number, true or false, choice {...} or param {...}",
                 "a parameter cannot be %s", sm_describe(loader, index, found, sizeof found));
    if (type == LUA_TNUMBER && !isfinite(lua_tonumber(lua, index)))
        sm_raise(loader, NULL, "a parameter must be finite");
    const char *text = sm_push_text(loader, index, &length);
    if (strlen(text) != length)
        sm_raise(loader, NULL, "the text has a NUL byte");
    if (!is_utf8(text))
        sm_raise(loader, NULL, "the text is not UTF-8");
    if (strstr(text, "${"))
        sm_raise(loader, "put the ${...} where the parameter is used",
                 "a parameter cannot refer to others");
    text = sm_alloc_text(loader, text, length);
    lua_pop(lua, 1);
    return text;
}

static const char *setting_of(const struct sm_loader *loader, const char *name) {
    const char *value = NULL;
    for (size_t i = 0; i < loader->setting_count; i++)
        if (strcmp(loader->settings[i].name, name) == 0)
            value = loader->settings[i].value; /* the last one counts */
    return value;
}

static noreturn void refuse_setting(struct sm_loader *loader, const struct sm_param *param,
                                    const char *setting, const char *kind) {
    sm_place_setting(loader, param->name);
    sm_raise(loader, NULL, "\"%.60s\" is not %s", setting, kind);
}

/* Pushes what a setting says, as the same kind of value as the default at index. */
static void push_setting(struct sm_loader *loader, int index, const struct sm_param *param,
                         const char *setting) {
    lua_State *lua = loader->lua;
    double number;
    bool is_negative = setting[0] == '-';
    switch (lua_type(lua, index)) {
    case LUA_TNUMBER:
        if (sm_unit_parse(SM_UNIT_COUNT, setting + is_negative, &number))
            refuse_setting(loader, param, setting, "a number");
        number = is_negative ? -number : number;
        if (number == floor(number) && fabs(number) < 9e15)
            lua_pushinteger(lua, (lua_Integer)number);
        else
            lua_pushnumber(lua, number);
        break;
    case LUA_TBOOLEAN:
        if (strcmp(setting, "true") != 0 && strcmp(setting, "false") != 0)
            refuse_setting(loader, param, setting, "true or false");
        lua_pushboolean(lua, setting[0] == 't');
        break;
    default:
        if (!is_utf8(setting))
            refuse_setting(loader, param, setting, "UTF-8");
        lua_pushstring(lua, setting);
    }
}

/* A free parameter: its default is at index. Pushes its value. */
static void take_free(struct sm_loader *loader, int index, struct sm_param *param) {
    const char *setting = setting_of(loader, param->name);
    param->fallback = plain_text(loader, index);
    if (setting)
        push_setting(loader, index, param, setting);
    else
        lua_pushvalue(loader->lua, index);
    int value = lua_gettop(loader->lua);
    if (lua_isboolean(loader->lua, value)) {
        param->value = lua_toboolean(loader->lua, value) ? "true" : "false";
        return;
    }
    size_t length;
    const char *text = sm_push_text(loader, value, &length);
    param->value = sm_alloc_text(loader, text, length);
    lua_pop(loader->lua, 1);
}

/* choice { "a", "b" }: its table is at index, the first one is the default. Pushes the value. */
static void take_choice(struct sm_loader *loader, int index, struct sm_param *param) {
    lua_State *lua = loader->lua;
    lua_Integer count = sm_list_length(loader, index), chosen = 0;
    if (count == 0 || count > CHOICES_MAX)
        sm_raise(loader, NULL, "a choice has 1 to %d values", CHOICES_MAX);
    const char *setting = setting_of(loader, param->name);
    const char **choices = sm_alloc(loader, (size_t)(count + 1) * sizeof *choices);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(lua, index, i + 1);
        choices[i] = plain_text(loader, lua_gettop(lua));
        lua_pop(lua, 1);
        for (lua_Integer k = 0; k < i; k++)
            if (strcmp(choices[k], choices[i]) == 0)
                sm_raise(loader, NULL, "the choice \"%.60s\" stands twice", choices[i]);
    }
    while (setting && chosen < count && strcmp(choices[chosen], setting) != 0)
        chosen++;
    if (chosen == count)
        sm_raise_setting(loader, param->name, setting, choices, (size_t)count,
                         "\"%.60s\" is not one of its choices", setting);
    param->choices = choices;
    param->fallback = choices[0];
    param->value = choices[chosen];
    lua_rawgeti(lua, index, chosen + 1);
}

/* The names that choice {...} and param {...} may have beside their values: help only. */
static void take_help(struct sm_loader *loader, int index, const char *type,
                      struct sm_param *param) {
    static const char *const names[] = {"help"};
    lua_State *lua = loader->lua;
    for (lua_pushnil(lua); lua_next(lua, index); lua_pop(lua, 1)) {
        if (lua_isinteger(lua, -2))
            continue;
        const char *name = lua_type(lua, -2) == LUA_TSTRING ? lua_tostring(lua, -2) : "";
        if (strcmp(name, "help") != 0)
            sm_raise_unknown(loader, name, names, 1, "%s {...} has no key \"%.60s\"", type, name);
        if (lua_type(lua, -1) != LUA_TSTRING)
            sm_raise(loader, NULL, "help must be a text");
        param->help = plain_text(loader, lua_gettop(lua));
    }
}

static void take_tag(struct sm_loader *loader, const struct sm_tag *tag, int index,
                     struct sm_param *param) {
    lua_State *lua = loader->lua;
    bool is_choice = strcmp(tag->type, "choice") == 0;
    if (!is_choice && strcmp(tag->type, "param") != 0)
        plain_text(loader, index); /* which says what may stand here */
    struct sm_place before = sm_place_enter(loader, tag);
    lua_getiuservalue(lua, index, 1);
    int table = lua_gettop(lua);
    take_help(loader, table, tag->type, param);
    if (is_choice) {
        take_choice(loader, table, param);
    } else {
        if (sm_list_length(loader, table) != 1)
            sm_raise(loader, "write param { DEFAULT, help = \"...\" }",
                     "param {...} has one value, its default");
        lua_rawgeti(lua, table, 1);
        take_free(loader, lua_gettop(lua), param);
    }
    loader->at = before;
}

/* In the order of the text, which says more than that of the alphabet. */
static void sort_params(struct sm_loader *loader) {
    struct sm_scenario *scenario = loader->scenario;
    size_t offsets[PARAMS_MAX];
    for (size_t i = 0; i < scenario->param_count; i++) {
        struct sm_param param = scenario->params[i];
        size_t before = sm_path_add(loader, "params.%s", param.name), at = i;
        size_t offset = sm_place_offset(loader, NULL);
        for (; at > 0 && (offsets[at - 1] > offset ||
                          (offsets[at - 1] == offset &&
                           strcmp(scenario->params[at - 1].name, param.name) > 0));
             at--) {
            offsets[at] = offsets[at - 1];
            scenario->params[at] = scenario->params[at - 1];
        }
        offsets[at] = offset;
        scenario->params[at] = param;
        sm_path_cut(loader, before);
    }
}

static void check_settings(struct sm_loader *loader) {
    const char *names[PARAMS_MAX];
    size_t count = 0;
    for (; count < loader->scenario->param_count; count++)
        names[count] = loader->scenario->params[count].name;
    for (size_t i = 0; i < loader->setting_count; i++) {
        const char *name = loader->settings[i].name;
        if (!sm_param_find(loader, name))
            sm_raise_setting(loader, name, name, names, count, "the scenario has no %s",
                             count ? "such parameter" : "parameters");
    }
}

/* Reading a parameter that does not exist, in a function of the parameters. */
static int on_missing_param(lua_State *lua) {
    struct sm_loader *loader = sm_loader_of(lua);
    const char *names[PARAMS_MAX], *name = luaL_checkstring(lua, 2);
    size_t count = 0;
    for (; count < loader->scenario->param_count; count++)
        names[count] = loader->scenario->params[count].name;
    sm_lua_locate(loader);
    sm_raise_unknown(loader, name, names, count, "%.60s: the scenario has no such parameter", name);
}

static void take_params(struct sm_loader *loader, int index, int values) {
    struct sm_scenario *scenario = loader->scenario;
    lua_State *lua = loader->lua;
    for (lua_pushnil(lua); lua_next(lua, index);) {
        int item = lua_gettop(lua);
        struct sm_param *param = &scenario->params[scenario->param_count];
        if (lua_type(lua, item - 1) != LUA_TSTRING)
            sm_raise(loader, "write NAME = DEFAULT", "a parameter has no name");
        size_t length;
        const char *name = lua_tolstring(lua, item - 1, &length);
        size_t before = sm_path_add(loader, ".%.60s", name);
        check_name(loader, name);
        if (scenario->param_count == PARAMS_MAX)
            sm_raise(loader, NULL, "more than %d parameters", PARAMS_MAX);
        param->name = sm_alloc_text(loader, name, length);
        param->help = "";
        const struct sm_tag *tag = sm_tag_at(loader, item);
        if (tag)
            take_tag(loader, tag, item, param);
        else
            take_free(loader, item, param);
        lua_setfield(lua, values, param->name); /* the value is on top */
        scenario->param_count++;
        lua_settop(lua, item - 1);
        sm_path_cut(loader, before);
    }
}

void sm_params_load(struct sm_loader *loader, int index) {
    struct sm_scenario *scenario = loader->scenario;
    lua_State *lua = loader->lua;
    char found[96];
    scenario->params = sm_alloc(loader, PARAMS_MAX * sizeof *scenario->params);
    lua_newtable(lua);
    int values = lua_gettop(lua);
    size_t before = sm_path_add(loader, "params");
    if (lua_istable(lua, index))
        take_params(loader, index, values);
    else if (!lua_isnil(lua, index))
        sm_raise(loader, NULL, "must be a table { NAME = DEFAULT }, not %s",
                 sm_describe(loader, index, found, sizeof found));
    sm_path_cut(loader, before);
    sort_params(loader);
    check_settings(loader);
    lua_createtable(lua, 0, 1);
    lua_pushcfunction(lua, on_missing_param);
    lua_setfield(lua, -2, "__index");
    lua_setmetatable(lua, values);
    lua_pushvalue(lua, values);
    loader->values_ref = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_settop(lua, values - 1);
}
