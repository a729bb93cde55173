/* scenario_check.c - a tagged table against the keys of its constructor. */
#include "scenario_internal.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

size_t sm_path_add(struct sm_loader *loader, const char *format, ...) {
    size_t before = strlen(loader->at.path);
    va_list args;
    va_start(args, format);
    vsnprintf(loader->at.path + before, sizeof loader->at.path - before, format, args);
    va_end(args);
    return before;
}

void sm_path_cut(struct sm_loader *loader, size_t length) {
    loader->at.path[length] = '\0';
}

struct sm_place sm_place_enter(struct sm_loader *loader, const struct sm_tag *tag) {
    struct sm_place before = loader->at;
    memcpy(loader->at.file, tag->file, sizeof loader->at.file);
    loader->at.line = tag->line;
    loader->at.type = tag->type;
    loader->at.base = strlen(loader->at.path);
    return before;
}

static size_t count_keys(const struct sm_key *keys) {
    size_t count = 0;
    while (keys[count].name)
        count++;
    return count;
}

static void refuse_key(struct sm_loader *loader, const char *name, const struct sm_key *keys) {
    const char *names[SM_KEYS];
    size_t count = 0;
    for (; count < SM_KEYS && keys[count].name; count++)
        names[count] = keys[count].name;
    sm_path_add(loader, "%s%.60s", loader->at.path[0] ? "." : "", name);
    sm_raise_unknown(loader, name, names, count, "no such key");
}

/* Looks at the names only. Returns the number of values without a name. The first unknown name in
 * the order of the alphabet is the one complained of, since a table has no order. */
static lua_Integer check_names(struct sm_loader *loader, int table, const struct sm_key *keys) {
    lua_State *lua = loader->lua;
    const char *unknown = NULL;
    for (lua_pushnil(lua); lua_next(lua, table); lua_pop(lua, 1)) {
        if (lua_isinteger(lua, -2))
            continue;
        if (lua_type(lua, -2) != LUA_TSTRING)
            sm_raise(loader, NULL, "a key is a %s, not a name", luaL_typename(lua, -2));
        const char *name = lua_tostring(lua, -2);
        size_t i = 0;
        while (keys[i].name && strcmp(keys[i].name, name) != 0)
            i++;
        if (!keys[i].name && (!unknown || strcmp(name, unknown) < 0))
            unknown = name;
    }
    if (unknown)
        refuse_key(loader, unknown, keys);
    return sm_list_length(loader, table);
}

/* Gives the values without a name to the required keys, by putting them under their names. */
static void name_values(struct sm_loader *loader, int table, const struct sm_key *keys) {
    lua_State *lua = loader->lua;
    lua_Integer count = check_names(loader, table, keys), next = 1;
    for (; keys->name && next <= count; keys++) {
        if (!keys->required)
            continue;
        if (lua_getfield(lua, table, keys->name) != LUA_TNIL) {
            lua_pop(lua, 1);
            continue;
        }
        lua_pop(lua, 1);
        if (keys->type == SM_KEY_TEXTS) {
            lua_createtable(lua, (int)(count - next + 1), 0);
            for (lua_Integer i = 1; next <= count; i++, next++) {
                lua_rawgeti(lua, table, next);
                lua_rawseti(lua, -2, i);
            }
        } else {
            lua_rawgeti(lua, table, next++);
        }
        lua_setfield(lua, table, keys->name);
    }
    if (next <= count) {
        char found[96];
        lua_rawgeti(lua, table, next);
        sm_raise(loader, "give it the name of its key", "value %d, %s, has no key", (int)next,
                 sm_describe(loader, lua_gettop(lua), found, sizeof found));
    }
    /* The same block may stand in several places and is checked in each. */
    for (; count > 0; count--) {
        lua_pushnil(lua);
        lua_rawseti(lua, table, count);
    }
}

static void check_choice(struct sm_loader *loader, const char *text, const struct sm_key *key) {
    size_t count = 0;
    for (; key->choices[count]; count++)
        if (strcmp(key->choices[count], text) == 0)
            return;
    sm_raise_unknown(loader, text, key->choices, count, "\"%.60s\" is not one of its choices",
                     text);
}

/* Also as a text, for "${name}" and for fallbacks. */
static bool check_bool(struct sm_loader *loader, int index) {
    char found[96];
    const char *text = "";
    if (lua_isboolean(loader->lua, index))
        return lua_toboolean(loader->lua, index);
    if (lua_type(loader->lua, index) == LUA_TSTRING)
        text = sm_value_text(loader, index);
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        sm_raise(loader, NULL, "must be true or false, not %s",
                 sm_describe(loader, index, found, sizeof found));
    return text[0] == 't';
}

static void check_one_block(struct sm_loader *loader, int index, const char *family,
                            struct sm_value *value) {
    value->blocks = sm_alloc(loader, sizeof(void *));
    value->blocks[0] = sm_check_block(loader, index, family);
    value->count = 1;
}

static void check_value(struct sm_loader *loader, int index, const struct sm_key *key,
                        struct sm_value *value) {
    switch (key->type) {
    case SM_KEY_TEXT:
        value->text = sm_value_text(loader, index);
        if (key->choices)
            check_choice(loader, value->text, key);
        break;
    case SM_KEY_TEXTS:
        sm_value_texts(loader, index, value);
        break;
    case SM_KEY_SETTINGS:
        sm_value_settings(loader, index, value);
        break;
    case SM_KEY_BOOL:
        value->truth = check_bool(loader, index);
        break;
    case SM_KEY_QUANTITY:
        value->quantity = sm_value_quantity(loader, index, key);
        break;
    case SM_KEY_BLOCK:
        check_one_block(loader, index, key->family, value);
        break;
    case SM_KEY_BLOCKS:
        sm_value_blocks(loader, index, key->family, value);
        if (key->at_most > 0 && (double)value->count > key->at_most)
            sm_raise(loader, NULL, "there are %zu, and %g is the most", value->count, key->at_most);
        break;
    case SM_KEY_BODY:
        value->body = sm_value_body(loader, index);
        break;
    case SM_KEY_OPEN:
        break; /* left to whoever knows its names */
    }
    value->is_set = true;
}

static void check_key(struct sm_loader *loader, int table, const struct sm_key *key,
                      struct sm_value *value) {
    lua_State *lua = loader->lua;
    size_t before = sm_path_add(loader, "%s%s", loader->at.path[0] ? "." : "", key->name);
    lua_getfield(lua, table, key->name);
    int index = lua_gettop(lua);
    if (key->type != SM_KEY_OPEN)
        sm_resolve(loader, index);
    if (lua_isnil(lua, index) && key->fallback) {
        lua_pushstring(lua, key->fallback);
        lua_replace(lua, index);
    }
    if (lua_isnil(lua, index) && key->required)
        sm_raise(loader, NULL, "missing: %s", key->help);
    if (!lua_isnil(lua, index))
        check_value(loader, index, key, value);
    if (key->required && key->type == SM_KEY_TEXTS && value->count == 0)
        sm_raise(loader, NULL, "empty: %s", key->help);
    lua_settop(lua, index - 1);
    sm_path_cut(loader, before);
}

static void find_member(struct sm_loader *loader, int index, const char *family,
                        struct sm_member *ret_member) {
    struct sm_member members[SM_MEMBERS];
    const char *names[SM_MEMBERS];
    char found[96];
    size_t count = sm_family_members(family, members);
    const struct sm_tag *tag = sm_tag_at(loader, index);
    for (size_t i = 0; i < count; i++) {
        names[i] = members[i].name;
        if (tag && strcmp(tag->type, members[i].name) == 0) {
            *ret_member = members[i];
            return;
        }
    }
    sm_raise_unknown(loader, tag ? tag->type : "", names, count, "%s is not %s",
                     sm_describe(loader, index, found, sizeof found), sm_family_noun(family));
}

static void validate(struct sm_loader *loader, const struct sm_member *member,
                     const struct sm_block *block) {
    struct sm_error err = {0};
    if (member->validate && member->validate(block, &err))
        sm_raise(loader, err.todo, "%s", err.what);
}

const struct sm_block *sm_check_block(struct sm_loader *loader, int index, const char *family) {
    struct sm_member member;
    lua_State *lua = loader->lua;
    luaL_checkstack(lua, 8, "scenario");
    find_member(loader, index, family, &member);
    struct sm_place before = sm_place_enter(loader, sm_tag_at(loader, index));
    lua_getiuservalue(lua, index, 1);
    int table = lua_gettop(lua);
    struct sm_block *block = sm_alloc(loader, sizeof *block);
    block->type = member.name;
    block->keys = member.keys;
    block->values = sm_alloc(loader, count_keys(member.keys) * sizeof *block->values);
    sm_place_text(loader, block->where, sizeof block->where);
    name_values(loader, table, member.keys);
    struct sm_service *service =
        strcmp(family, "service") == 0 ? sm_service_begin(loader, table, member.name) : NULL;
    const struct sm_service *service_before = loader->service;
    if (service)
        loader->service = service;
    for (size_t i = 0; member.keys[i].name; i++)
        check_key(loader, table, &member.keys[i], &block->values[i]);
    validate(loader, &member, block);
    loader->service = service_before;
    if (service)
        service->block = block;
    lua_settop(lua, table - 1);
    loader->at = before;
    return block;
}
