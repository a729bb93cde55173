/* scenario_list.c - lists of texts and of blocks, nested lists joined. */
#include "scenario_internal.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 10000, PLACES_MAX = 1 << 20, NESTED_MAX = 8 };

lua_Integer sm_list_length(struct sm_loader *loader, int index) {
    lua_State *lua = loader->lua;
    lua_Integer count = 0, highest = 0;
    for (lua_pushnil(lua); lua_next(lua, index); lua_pop(lua, 1)) {
        if (!lua_isinteger(lua, -2))
            continue;
        lua_Integer key = lua_tointeger(lua, -2);
        if (key < 1 || key > PLACES_MAX)
            sm_raise(loader, NULL, "%lld is no place in a list (1 to %d)", (long long)key,
                     PLACES_MAX);
        count++;
        highest = key > highest ? key : highest;
    }
    if (count != highest)
        sm_raise(loader, "leave it out, or give a text", "a value of the list is missing (nil)");
    return count;
}

lua_Integer sm_check_list(struct sm_loader *loader, int index, const char *of_what) {
    lua_State *lua = loader->lua;
    char found[96];
    if (!lua_istable(lua, index))
        sm_raise(loader, NULL, "must be a list of %s, not %s", of_what,
                 sm_describe(loader, index, found, sizeof found));
    for (lua_pushnil(lua); lua_next(lua, index); lua_pop(lua, 1))
        if (!lua_isinteger(lua, -2))
            sm_raise(loader, NULL, "must be a list of %s; it has the name \"%.60s\"", of_what,
                     lua_type(lua, -2) == LUA_TSTRING ? lua_tostring(lua, -2) : "?");
    return sm_list_length(loader, index);
}

/* The items with room for two more; the room doubles and the old one stays in the arena. */
static void *grow(struct sm_loader *loader, void *items, size_t count) {
    if (count + 2 > ITEMS_MAX)
        sm_raise(loader, NULL, "the list has more than %d values", ITEMS_MAX);
    if ((count & (count - 1)) != 0)
        return items;
    void **grown = sm_alloc(loader, (count * 2 + 2) * sizeof *grown);
    if (count > 0)
        memcpy(grown, items, count * sizeof *grown);
    return grown;
}

static void add_text(struct sm_loader *loader, const char *text, struct sm_value *value) {
    value->texts = grow(loader, value->texts, value->count);
    value->texts[value->count++] = text;
    value->texts[value->count] = NULL;
}

static void each_item(struct sm_loader *loader, int index, const char *of_what, int depth,
                      sm_item_fn *take, void *context) {
    lua_State *lua = loader->lua;
    if (depth > NESTED_MAX)
        sm_raise(loader, NULL, "lists within lists are nested too deeply");
    luaL_checkstack(lua, 8, "scenario");
    lua_Integer count = sm_check_list(loader, index, of_what);
    for (lua_Integer i = 1; i <= count; i++) {
        size_t before = sm_path_add(loader, "[%lld]", (long long)i);
        lua_rawgeti(lua, index, i);
        int item = lua_gettop(lua);
        sm_resolve(loader, item);
        if (!lua_istable(lua, item) && !lua_isnil(lua, item))
            take(loader, item, context);
        if (lua_istable(lua, item))
            each_item(loader, item, of_what, depth + 1, take, context);
        lua_settop(lua, item - 1);
        sm_path_cut(loader, before);
    }
}

void sm_each_item(struct sm_loader *loader, int index, const char *of_what, sm_item_fn *take,
                  void *context) {
    each_item(loader, index, of_what, 1, take, context);
}

static void take_text(struct sm_loader *loader, int item, void *value) {
    const struct sm_tag *tag = sm_tag_at(loader, item);
    if (tag && strcmp(tag->type, "fixes") == 0)
        sm_fixes_expand(loader, item);
    if (!lua_istable(loader->lua, item))
        add_text(loader, sm_value_text(loader, item), value);
}

void sm_value_texts(struct sm_loader *loader, int index, struct sm_value *value) {
    if (!lua_istable(loader->lua, index) && !sm_tag_at(loader, index))
        add_text(loader, sm_value_text(loader, index), value);
    else
        sm_each_item(loader, index, "texts", take_text, value);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void sm_value_settings(struct sm_loader *loader, int index, struct sm_value *value) {
    lua_State *lua = loader->lua;
    char found[96];
    if (!lua_istable(lua, index))
        sm_raise(loader, "write { NAME = \"value\" }", "must be a table of names, not %s",
                 sm_describe(loader, index, found, sizeof found));
    luaL_checkstack(lua, 8, "scenario");
    for (lua_pushnil(lua); lua_next(lua, index);) {
        int item = lua_gettop(lua);
        const char *name =
            lua_type(lua, item - 1) == LUA_TSTRING ? lua_tostring(lua, item - 1) : "";
        if (name[0] == '\0' || strchr(name, '=') || strlen(name) != lua_rawlen(lua, item - 1))
            sm_raise(loader, "write { NAME = \"value\" }", "has a value without a proper name");
        size_t before = sm_path_add(loader, ".%.60s", name);
        sm_resolve(loader, item);
        const char *text = sm_value_text(loader, item);
        lua_pushfstring(lua, "%s=%s", name, text);
        size_t length;
        const char *setting = lua_tolstring(lua, -1, &length);
        add_text(loader, sm_alloc_text(loader, setting, length), value);
        lua_settop(lua, item - 1);
        sm_path_cut(loader, before);
    }
    if (value->count > 0)
        qsort(value->texts, value->count, sizeof *value->texts, by_text);
}

/* Faults that say the same are one fault: a loop may write it anew for each cycle, but what is
 * opened for the run is opened once. */
static const struct sm_block *unite_fault(struct sm_loader *loader, const struct sm_block *block) {
    for (size_t i = 0; i < loader->fault_count; i++)
        if (sm_block_same(loader->faults[i], block))
            return loader->faults[i];
    if (loader->fault_count == SM_FAULTS)
        sm_raise(loader, NULL, "more than %d different faults", SM_FAULTS);
    loader->faults[loader->fault_count++] = block;
    return block;
}

static void add_block(struct sm_loader *loader, int index, const char *family,
                      struct sm_value *value) {
    const struct sm_block *block = sm_check_block(loader, index, family);
    if (strcmp(family, "fault") == 0) {
        block = unite_fault(loader, block);
        for (size_t i = 0; i < value->count; i++)
            if (value->blocks[i] == block)
                sm_raise(loader, NULL, "the same %s {...} stands here twice", block->type);
    }
    value->blocks = grow(loader, value->blocks, value->count);
    value->blocks[value->count++] = block;
}

struct block_list {
    const char *family;
    struct sm_value *value;
};

static void take_block(struct sm_loader *loader, int item, void *context) {
    const struct block_list *list = context;
    add_block(loader, item, list->family, list->value);
}

void sm_value_blocks(struct sm_loader *loader, int index, const char *family,
                     struct sm_value *value) {
    if (lua_istable(loader->lua, index))
        sm_each_item(loader, index, "blocks", take_block, &(struct block_list){family, value});
    else
        add_block(loader, index, family, value);
}
