/* scenario_body.c - what a request carries: a text, text(n), noise(n), json {...}. */
#include "scenario_internal.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BODY_MAX_BYTES = 256 << 20, /* of what must be built whole */
    HELD_MAX_BYTES = 1 << 20,   /* what is larger repeats itself from here on */
    DEPTH_MAX = 64,
};
#define REPEATED_MAX_BYTES 1e12

/* The generator of text(n) and noise(n): Marsaglia's xorshift64. */
#define SEED UINT64_C(0x9e3779b97f4a7c15)

static uint64_t next_random(uint64_t random) {
    random ^= random << 13;
    random ^= random >> 7;
    return random ^ random << 17;
}

/* What has been built of one body. */
struct build {
    struct sm_loader *loader;
    size_t text_bytes; /* made by text(n) so far */
    bool has_text;
};

/* Words of small letters, the same for the same length: what logs look like to a compressor, and
 * nothing that JSON would escape. */
static void fill_text(char *text, size_t length) {
    uint64_t random = SEED;
    size_t word = 0;
    for (size_t i = 0; i < length; i++) {
        random = next_random(random);
        bool is_gap = word > 1 && i + 1 < length && (random >> 40) % 6 == 0;
        text[i] = is_gap ? ' ' : (char)('a' + (random >> 32) % 26);
        word = is_gap ? 0 : word + 1;
    }
}

/* Bytes that no compressor makes smaller. */
static void fill_noise(char *bytes, size_t length) {
    uint64_t random = SEED;
    for (size_t i = 0; i < length; i++) {
        random = next_random(random);
        bytes[i] = (char)(random >> 32);
    }
}

/* The length that text(n) or noise(n), the tag at index, asks for. */
static size_t tag_length(struct build *build, int index, double most_bytes) {
    const struct sm_key length_key = {.name = "n", .unit = SM_UNIT_BYTES, .at_most = most_bytes};
    struct sm_loader *loader = build->loader;
    lua_State *lua = loader->lua;
    const struct sm_tag *tag = sm_tag_at(loader, index);
    struct sm_place before = sm_place_enter(loader, tag);
    lua_getiuservalue(lua, index, 1);
    int arguments = lua_gettop(lua);
    if (sm_list_length(loader, arguments) != 1)
        sm_raise(loader, "write text(142) or text \"4KB\"", "%s(n) takes one length", tag->type);
    lua_rawgeti(lua, arguments, 1);
    sm_resolve(loader, arguments + 1);
    double length = sm_value_quantity(loader, arguments + 1, &length_key);
    lua_settop(lua, arguments - 1);
    loader->at = before;
    return (size_t)length;
}

static json_t *text_json(struct build *build, int index) {
    size_t length = tag_length(build, index, BODY_MAX_BYTES);
    build->text_bytes += length;
    build->has_text = true;
    if (build->text_bytes > BODY_MAX_BYTES)
        sm_raise(build->loader, NULL, "the body is larger than %d MiB", BODY_MAX_BYTES >> 20);
    char *text = malloc(length + 1);
    if (!text)
        sm_raise_memory(build->loader);
    fill_text(text, length);
    json_t *json = json_stringn_nocheck(text, length);
    free(text);
    return json;
}

static json_t *number_json(struct build *build, int index) {
    lua_State *lua = build->loader->lua;
    if (lua_isinteger(lua, index))
        return json_integer(lua_tointeger(lua, index));
    if (!isfinite(lua_tonumber(lua, index)))
        sm_raise(build->loader, NULL, "JSON has no such number");
    return json_real(lua_tonumber(lua, index));
}

static json_t *leaf_json(struct build *build, int index) {
    struct sm_loader *loader = build->loader;
    char found[96];
    const struct sm_tag *tag = sm_tag_at(loader, index);
    json_t *json = NULL;
    if (tag && strcmp(tag->type, "text") == 0)
        return text_json(build, index);
    switch (lua_type(loader->lua, index)) {
    case LUA_TSTRING:
        json = json_string(sm_value_text(loader, index));
        if (!json)
            sm_raise(loader, NULL, "the text is not UTF-8, as JSON must be");
        return json;
    case LUA_TNUMBER:
        return number_json(build, index);
    case LUA_TBOOLEAN:
        return json_boolean(lua_toboolean(loader->lua, index));
    default:
        sm_raise(loader, NULL, "%s cannot be put into JSON",
                 sm_describe(loader, index, found, sizeof found));
    }
}

static void fill_json(struct build *build, int table, json_t *into, int depth);

/* Makes the value at index a child of `into`, before it is filled: what hangs from the root is
 * freed with it. `name` is NULL in an array. */
static void add_json(struct build *build, int index, json_t *into, const char *name, int depth) {
    struct sm_loader *loader = build->loader;
    lua_State *lua = loader->lua;
    sm_resolve(loader, index);
    bool is_table = lua_istable(lua, index);
    json_t *json;
    if (is_table && lua_rawlen(lua, index) > 0)
        json = json_array();
    else
        json = is_table ? json_object() : leaf_json(build, index);
    if (!json)
        sm_raise_memory(loader);
    if (name ? json_object_set_new(into, name, json) : json_array_append_new(into, json))
        sm_raise(loader, NULL, "the name is not UTF-8, as JSON must be");
    if (is_table)
        fill_json(build, index, json, depth + 1);
}

static void fill_object(struct build *build, int table, json_t *into, int depth) {
    struct sm_loader *loader = build->loader;
    lua_State *lua = loader->lua;
    for (lua_pushnil(lua); lua_next(lua, table);) {
        int item = lua_gettop(lua);
        size_t length = 0;
        const char *name =
            lua_type(lua, item - 1) == LUA_TSTRING ? lua_tolstring(lua, item - 1, &length) : "";
        if (lua_type(lua, item - 1) != LUA_TSTRING || strlen(name) != length)
            sm_raise(loader, NULL, "a JSON object has names only");
        size_t before = sm_path_add(loader, ".%.60s", name);
        add_json(build, item, into, name, depth);
        lua_settop(lua, item - 1);
        sm_path_cut(loader, before);
    }
}

static void fill_array(struct build *build, int table, json_t *into, int depth) {
    struct sm_loader *loader = build->loader;
    lua_State *lua = loader->lua;
    lua_Integer count = sm_check_list(loader, table, "values");
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(lua, table, i);
        int item = lua_gettop(lua);
        size_t before = sm_path_add(loader, "[%lld]", (long long)i);
        add_json(build, item, into, NULL, depth);
        lua_settop(lua, item - 1);
        sm_path_cut(loader, before);
    }
}

static void fill_json(struct build *build, int table, json_t *into, int depth) {
    if (depth > DEPTH_MAX)
        sm_raise(build->loader, NULL, "the JSON is nested more than %d levels deep", DEPTH_MAX);
    luaL_checkstack(build->loader->lua, 8, "scenario");
    if (json_is_array(into))
        fill_array(build, table, into, depth);
    else
        fill_object(build, table, into, depth);
}

static const struct sm_body *body_of(struct sm_loader *loader, const char *content_type,
                                     const char *bytes, size_t held, size_t length,
                                     size_t payload_bytes) {
    struct sm_body_part *part = sm_alloc(loader, sizeof *part);
    struct sm_body_variant *variant = sm_alloc(loader, sizeof *variant);
    struct sm_body *body = sm_alloc(loader, sizeof *body);
    *part = (struct sm_body_part){.bytes = bytes, .held = held, .length = length, .fd = -1};
    *variant = (struct sm_body_variant){part, 1, length};
    *body = (struct sm_body){.variants = variant,
                             .variant_count = 1,
                             .content_type = content_type,
                             .payload_bytes = payload_bytes};
    return body;
}

static const struct sm_body *json_body(struct build *build, int index) {
    const size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15);
    struct sm_loader *loader = build->loader;
    struct sm_place before = sm_place_enter(loader, sm_tag_at(loader, index));
    lua_getiuservalue(loader->lua, index, 1);
    int table = lua_gettop(loader->lua);
    loader->json = lua_rawlen(loader->lua, table) > 0 ? json_array() : json_object();
    if (!loader->json)
        sm_raise_memory(loader);
    fill_json(build, table, loader->json, 1);
    size_t length = json_dumpb(loader->json, NULL, 0, flags);
    char *bytes = sm_alloc(loader, length + 1);
    json_dumpb(loader->json, bytes, length, flags);
    const struct sm_body *body = body_of(loader, "application/json", bytes, length, length,
                                         build->has_text ? build->text_bytes : length);
    json_decref(loader->json);
    loader->json = NULL;
    lua_settop(loader->lua, table - 1);
    loader->at = before;
    return body;
}

static const struct sm_body *fixed_body(struct sm_loader *loader, int index) {
    const char *text = sm_value_text(loader, index);
    size_t length = strlen(text);
    return body_of(loader, "text/plain", text, length, length, length);
}

static const struct sm_body *made_body(struct build *build, int index, const char *content_type,
                                       void (*fill)(char *bytes, size_t length)) {
    size_t length = tag_length(build, index, REPEATED_MAX_BYTES);
    size_t held = length < HELD_MAX_BYTES ? length : HELD_MAX_BYTES;
    char *bytes = sm_alloc(build->loader, held + 1);
    fill(bytes, held);
    return body_of(build->loader, content_type, bytes, held, length, length);
}

static const struct sm_body *build_body(struct sm_loader *loader, int index) {
    struct build build = {.loader = loader};
    char found[96];
    const struct sm_tag *tag = sm_tag_at(loader, index);
    if (tag && strcmp(tag->type, "json") == 0)
        return json_body(&build, index);
    if (tag && strcmp(tag->type, "text") == 0)
        return made_body(&build, index, "text/plain", fill_text);
    if (tag && strcmp(tag->type, "noise") == 0)
        return made_body(&build, index, "application/octet-stream", fill_noise);
    if (tag && strcmp(tag->type, "replay") == 0)
        return sm_replay_body(loader, index);
    if (!tag && (lua_type(loader->lua, index) == LUA_TSTRING))
        return fixed_body(loader, index);
    sm_raise(loader, NULL, "must be a text, text(n), noise(n), json {...} or replay {...}, not %s",
             sm_describe(loader, index, found, sizeof found));
}

const struct sm_body *sm_value_body(struct sm_loader *loader, int index) {
    int64_t before_ns = sm_cpu_ns();
    const struct sm_body *body = build_body(loader, index);
    loader->cpu_end_ns += sm_cpu_ns() - before_ns;
    return body;
}
