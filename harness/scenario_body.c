/* scenario_body.c - what a unit carries: its kinds and its variants. */
#include "scenario_body.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum {
    TURNS_MAX = 4096,
    VARIANTS_MAX_BYTES = 64 << 20, /* held by all variants together */
};

size_t sm_body_take_turn(struct sm_body_build *build, size_t count) {
    if (count <= 1)
        return 0;
    size_t common = build->turns, other = count;
    while (other > 0) { /* Euclid's */
        size_t rest = common % other;
        common = other;
        other = rest;
    }
    size_t turns = build->turns / common * count;
    if (turns > TURNS_MAX)
        sm_raise(build->loader, "use fewer values, or numbers of them that divide each other",
                 "the body has more than %d variants", TURNS_MAX);
    build->turns = turns;
    return build->turn % count;
}

const struct sm_tag *sm_body_tag(struct sm_body_build *build, int index, const char *type) {
    const struct sm_tag *tag = sm_tag_at(build->loader, index);
    return tag && strcmp(tag->type, type) == 0 ? tag : NULL;
}

int sm_body_push_table(struct sm_body_build *build, int index) {
    luaL_checkstack(build->loader->lua, 16, "scenario");
    lua_getiuservalue(build->loader->lua, index, 1);
    return lua_gettop(build->loader->lua);
}

/* in_turn { a, b, ... } at index becomes one of them. */
static void resolve_in_turn(struct sm_body_build *build, int index) {
    lua_State *lua = build->loader->lua;
    int table = sm_body_push_table(build, index);
    lua_Integer count = sm_check_list(build->loader, table, "values");
    if (count == 0)
        sm_raise(build->loader, NULL, "in_turn {...} has no values");
    lua_rawgeti(lua, table, 1 + (lua_Integer)sm_body_take_turn(build, (size_t)count));
    lua_replace(lua, index);
    lua_settop(lua, table - 1);
}

/* template(n, f) at index becomes f(i), with i from 1 to n. */
static void resolve_template(struct sm_body_build *build, int index) {
    static const struct sm_key count_key = {
        .name = "n", .unit = SM_UNIT_COUNT, .at_least = 1, .at_most = TURNS_MAX};
    struct sm_loader *loader = build->loader;
    lua_State *lua = loader->lua;
    int table = sm_body_push_table(build, index);
    if (sm_list_length(loader, table) != 2 || lua_rawgeti(lua, table, 2) != LUA_TFUNCTION)
        sm_raise(loader, "write template(100, function(i) return json { id = i } end)",
                 "template takes a number of variants and a function that makes each");
    lua_rawgeti(lua, table, 1);
    size_t count = (size_t)sm_value_quantity(loader, table + 2, &count_key);
    lua_pop(lua, 1);
    lua_pushinteger(lua, 1 + (lua_Integer)sm_body_take_turn(build, count));
    struct sm_place before = loader->at;
    lua_call(lua, 1, 1);
    loader->at = before;
    lua_replace(lua, index);
    lua_settop(lua, table - 1);
}

void sm_body_resolve(struct sm_body_build *build, int index) {
    for (int depth = 0; depth < SM_BODY_DEPTH; depth++) {
        sm_resolve(build->loader, index);
        if (sm_body_tag(build, index, "in_turn"))
            resolve_in_turn(build, index);
        else if (sm_body_tag(build, index, "template"))
            resolve_template(build, index);
        else
            return;
    }
    sm_raise(build->loader, NULL, "nested more than %d levels deep", SM_BODY_DEPTH);
}

bool sm_body_is_list(struct sm_body_build *build, int index) {
    return lua_rawlen(build->loader->lua, index) > 0;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the table, sorted; the texts are Lua's, kept by the table. */
static const char **sorted_names(struct sm_body_build *build, int table, const char *format,
                                 size_t *ret_count) {
    struct sm_loader *loader = build->loader;
    lua_State *lua = loader->lua;
    size_t count = 0, length = 0;
    for (lua_pushnil(lua); lua_next(lua, table); lua_pop(lua, 1))
        count++;
    const char **names = sm_alloc(loader, (count + 1) * sizeof *names);
    count = 0;
    for (lua_pushnil(lua); lua_next(lua, table); lua_pop(lua, 1)) {
        const char *name =
            lua_type(lua, -2) == LUA_TSTRING ? lua_tolstring(lua, -2, &length) : NULL;
        if (!name || strlen(name) != length)
            sm_raise(loader, NULL, "%s has names only, or a list of values", format);
        names[count++] = name;
    }
    qsort(names, count, sizeof *names, compare_names);
    *ret_count = count;
    return names;
}

static void visit_one(struct sm_body_build *build, const char *name, int item,
                      void (*visit)(struct sm_body_build *, const char *, int)) {
    sm_body_resolve(build, item);
    visit(build, name, item);
    lua_settop(build->loader->lua, item - 1);
}

void sm_body_visit(struct sm_body_build *build, int index, const char *format,
                   void (*visit)(struct sm_body_build *, const char *, int)) {
    struct sm_loader *loader = build->loader;
    lua_State *lua = loader->lua;
    if (++build->depth > SM_BODY_DEPTH)
        sm_raise(loader, NULL, "%s is nested more than %d levels deep", format, SM_BODY_DEPTH);
    luaL_checkstack(lua, 16, "scenario");
    if (sm_body_is_list(build, index)) {
        lua_Integer count = sm_check_list(loader, index, "values");
        for (lua_Integer i = 1; i <= count; i++) {
            size_t before = sm_path_add(loader, "[%lld]", (long long)i);
            lua_rawgeti(lua, index, i);
            visit_one(build, NULL, lua_gettop(lua), visit);
            sm_path_cut(loader, before);
        }
    } else {
        size_t count;
        const char **names = sorted_names(build, index, format, &count);
        for (size_t i = 0; i < count; i++) {
            size_t before = sm_path_add(loader, ".%.60s", names[i]);
            lua_getfield(lua, index, names[i]);
            visit_one(build, names[i], lua_gettop(lua), visit);
            sm_path_cut(loader, before);
        }
    }
    build->depth--;
}

static void add_joined(struct sm_body_build *build, const char *name, int item) {
    if (name)
        sm_raise(build->loader, NULL, "join {...} takes a list");
    sm_body_add(build, item);
}

static void add_join(struct sm_body_build *build, int index) {
    sm_body_visit(build, index, "join", add_joined);
    build->content_type = build->is_binary ? "application/octet-stream" : "text/plain";
}

static const struct {
    const char *type;
    void (*add)(struct sm_body_build *build, int table);
} kinds[] = {{"json", sm_body_add_json},
             {"msgpack", sm_body_add_msgpack},
             {"protobuf", sm_body_add_protobuf},
             {"gzip", sm_body_add_gzip},
             {"join", add_join}};

void sm_body_add(struct sm_body_build *build, int index) {
    struct sm_loader *loader = build->loader;
    char found[96];
    sm_body_resolve(build, index);
    if (sm_body_add_leaf(build, index, SM_BODY_NUMBER_DECIMAL)) {
        build->content_type = build->is_binary ? "application/octet-stream" : "text/plain";
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct sm_tag *tag = sm_body_tag(build, index, kinds[i].type);
        if (!tag)
            continue;
        struct sm_place before = sm_place_enter(loader, tag);
        int table = sm_body_push_table(build, index);
        kinds[i].add(build, table);
        lua_settop(loader->lua, table - 1);
        loader->at = before;
        return;
    }
    sm_raise(loader, NULL,
             "must be a text, text(n), noise(n), json {...} or replay {...}, or another kind of "
             "body, not %s",
             sm_describe(loader, index, found, sizeof found));
}

/* Builds the variants one after the other; how many there are shows on the way. */
static const struct sm_body *build_body(struct sm_body_build *build, int index) {
    struct sm_loader *loader = build->loader;
    struct sm_body *body = sm_alloc(loader, sizeof *body);
    struct sm_body_variant *variants = NULL;
    size_t room = 0, held = 0;
    double payload_bytes = 0;
    for (build->turn = 0; build->turn < build->turns; build->turn++) {
        if (build->turn == room) {
            struct sm_body_variant *grown = sm_alloc(loader, (room + build->turns) * sizeof *grown);
            if (room > 0)
                memcpy(grown, variants, room * sizeof *grown);
            variants = grown;
            room += build->turns;
        }
        build->draws = build->payload_bytes = 0;
        build->has_payload = build->is_binary = false;
        sm_rope_clear(&build->rope);
        lua_pushvalue(loader->lua, index);
        sm_body_add(build, lua_gettop(loader->lua));
        lua_pop(loader->lua, 1);
        held += build->rope.literal_length;
        if (held > VARIANTS_MAX_BYTES)
            sm_raise(loader, "make large parts with text(n), noise(n) or file",
                     "the body's variants hold more than %d MiB", VARIANTS_MAX_BYTES >> 20);
        variants[build->turn] = sm_rope_take(&build->rope, (struct sm_rope_mark){0});
        payload_bytes +=
            (double)(build->has_payload ? build->payload_bytes : variants[build->turn].length);
    }
    *body = (struct sm_body){.variants = variants,
                             .variant_count = build->turns,
                             .content_type = build->content_type,
                             .content_encoding = build->content_encoding,
                             .payload_bytes = (size_t)(payload_bytes / (double)build->turns + 0.5)};
    return body;
}

const struct sm_body *sm_value_body(struct sm_loader *loader, int index) {
    struct sm_body_build build = {.loader = loader, .rope = {.loader = loader}, .turns = 1};
    int64_t before_ns = sm_cpu_ns();
    const struct sm_body *body = sm_body_tag(&build, index, "replay")
                                     ? sm_replay_body(loader, index)
                                     : build_body(&build, index);
    loader->cpu_end_ns += sm_cpu_ns() - before_ns;
    return body;
}
