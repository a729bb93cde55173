/* scenario_body_json.c - json {...}: names sorted, an empty table is an object. */
#include "scenario_body.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

static void add_comma(struct sm_body_build *build) {
    const struct sm_rope *rope = &build->rope;
    char last = rope->literal[rope->literal_length - 1];
    bool is_after_part =
        rope->cut_count > 0 && rope->cuts[rope->cut_count - 1].at == rope->literal_length;
    if (is_after_part || (last != '[' && last != '{'))
        sm_rope_add(&build->rope, ",", 1);
}

/* loader->json holds what jansson has made, so that a raise cannot lose it. */
static void add_scalar(struct sm_body_build *build, json_t *json, const char *wrong) {
    const size_t flags = JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15);
    struct sm_loader *loader = build->loader;
    char few[64];
    if (!json)
        sm_raise(loader, NULL, "%s", wrong);
    loader->json = json;
    size_t length = json_dumpb(json, few, sizeof few, flags);
    char *bytes = length <= sizeof few ? few : sm_alloc(loader, length);
    if (bytes != few)
        json_dumpb(json, bytes, length, flags);
    sm_rope_add(&build->rope, bytes, length);
    json_decref(loader->json);
    loader->json = NULL;
}

static void add_number(struct sm_body_build *build, int index) {
    lua_State *lua = build->loader->lua;
    if (lua_isinteger(lua, index))
        add_scalar(build, json_integer(lua_tointeger(lua, index)), "out of memory");
    else if (!isfinite(lua_tonumber(lua, index)))
        sm_raise(build->loader, NULL, "JSON has no such number");
    else
        add_scalar(build, json_real(lua_tonumber(lua, index)), "out of memory");
}

static void add_value(struct sm_body_build *build, int index) {
    struct sm_loader *loader = build->loader;
    char found[96];
    if (sm_body_tag(build, index, "text")) {
        sm_rope_add(&build->rope, "\"", 1);
        sm_body_add_leaf(build, index, SM_BODY_NUMBER_NONE);
        sm_rope_add(&build->rope, "\"", 1);
        return;
    }
    if (sm_body_tag(build, index, "number")) {
        sm_body_add_leaf(build, index, SM_BODY_NUMBER_DECIMAL);
        return;
    }
    switch (lua_type(loader->lua, index)) {
    case LUA_TTABLE:
        sm_body_add_json(build, index);
        break;
    case LUA_TSTRING:
        add_scalar(build, json_string(sm_value_text(loader, index)),
                   "the text is not UTF-8, as JSON must be");
        break;
    case LUA_TNUMBER:
        add_number(build, index);
        break;
    case LUA_TBOOLEAN:
        add_scalar(build, json_boolean(lua_toboolean(loader->lua, index)), "out of memory");
        break;
    default:
        sm_raise(loader, NULL, "%s cannot be put into JSON",
                 sm_describe(loader, index, found, sizeof found));
    }
}

static void add_member(struct sm_body_build *build, const char *name, int item) {
    add_comma(build);
    if (name) {
        add_scalar(build, json_string(name), "the name is not UTF-8, as JSON must be");
        sm_rope_add(&build->rope, ":", 1);
    }
    add_value(build, item);
}

void sm_body_add_json(struct sm_body_build *build, int index) {
    bool is_list = sm_body_is_list(build, index);
    sm_rope_add(&build->rope, is_list ? "[" : "{", 1);
    sm_body_visit(build, index, "a JSON object", add_member);
    sm_rope_add(&build->rope, is_list ? "]" : "}", 1);
    build->content_type = "application/json";
}
