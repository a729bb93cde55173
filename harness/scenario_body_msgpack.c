/* scenario_body_msgpack.c - msgpack {...}: as json {...}, with noise and files as binary data.
 * https://github.com/msgpack/msgpack/blob/master/spec.md */
#include "scenario_body.h"

#include <lauxlib.h>
#include <string.h>

enum { HEAD_BYTES = 9 };

static size_t big_endian(uint8_t *to, uint8_t first, uint64_t value, size_t bytes) {
    to[0] = first;
    for (size_t i = 0; i < bytes; i++)
        to[1 + i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    return 1 + bytes;
}

/* The head of something with a length, in its shortest form. fix_limit: up to which `fix` holds it;
 * 8: the form with one byte for the length, 0 where there is none; 16 and 32 follow. */
static size_t length_head(struct sm_body_build *build, uint8_t *to, size_t length, uint8_t fix,
                          size_t fix_limit, uint8_t with_8, uint8_t with_16) {
    if (length < fix_limit)
        return big_endian(to, (uint8_t)(fix | length), 0, 0);
    if (with_8 && length <= UINT8_MAX)
        return big_endian(to, with_8, length, 1);
    if (length <= UINT16_MAX)
        return big_endian(to, with_16, length, 2);
    if (length > UINT32_MAX)
        sm_raise(build->loader, NULL, "MessagePack has nothing longer than 4 GiB");
    return big_endian(to, (uint8_t)(with_16 + 1), length, 4);
}

static void add_integer(struct sm_body_build *build, int64_t value) {
    uint8_t head[HEAD_BYTES];
    size_t length;
    if (value >= -32 && value < 128)
        length = big_endian(head, (uint8_t)value, 0, 0);
    else if (value >= 0)
        length = value <= UINT8_MAX    ? big_endian(head, 0xcc, (uint64_t)value, 1)
                 : value <= UINT16_MAX ? big_endian(head, 0xcd, (uint64_t)value, 2)
                 : value <= UINT32_MAX ? big_endian(head, 0xce, (uint64_t)value, 4)
                                       : big_endian(head, 0xcf, (uint64_t)value, 8);
    else
        length = value >= INT8_MIN    ? big_endian(head, 0xd0, (uint64_t)value, 1)
                 : value >= INT16_MIN ? big_endian(head, 0xd1, (uint64_t)value, 2)
                 : value >= INT32_MIN ? big_endian(head, 0xd2, (uint64_t)value, 4)
                                      : big_endian(head, 0xd3, (uint64_t)value, 8);
    sm_rope_add(&build->rope, head, length);
}

static void add_number(struct sm_body_build *build, int index) {
    lua_State *lua = build->loader->lua;
    if (lua_isinteger(lua, index)) {
        add_integer(build, lua_tointeger(lua, index));
        return;
    }
    uint8_t head[HEAD_BYTES];
    double real = lua_tonumber(lua, index);
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    sm_rope_add(&build->rope, head, big_endian(head, 0xcb, bits, 8));
}

static void add_text(struct sm_body_build *build, const char *text, size_t length) {
    uint8_t head[HEAD_BYTES];
    sm_rope_add(&build->rope, head, length_head(build, head, length, 0xa0, 32, 0xd9, 0xda));
    sm_rope_add(&build->rope, text, length);
}

/* A generated leaf, with the head that its length needs before it. */
static void add_generated(struct sm_body_build *build, int index, bool is_text) {
    uint8_t head[HEAD_BYTES];
    struct sm_rope_mark mark = sm_rope_mark(&build->rope);
    sm_body_add_leaf(build, index, SM_BODY_NUMBER_NONE);
    size_t length = build->rope.length - mark.length;
    size_t head_length = is_text ? length_head(build, head, length, 0xa0, 32, 0xd9, 0xda)
                                 : length_head(build, head, length, 0, 0, 0xc4, 0xc5);
    sm_rope_insert(&build->rope, mark, head, head_length);
}

static void add_value(struct sm_body_build *build, int index) {
    struct sm_loader *loader = build->loader;
    char found[96];
    if (sm_body_tag(build, index, "text")) {
        add_generated(build, index, true);
    } else if (sm_body_tag(build, index, "noise") || sm_body_tag(build, index, "file")) {
        add_generated(build, index, false);
    } else if (sm_body_tag(build, index, "number")) {
        sm_rope_add(&build->rope, "\xcf", 1);
        sm_body_add_leaf(build, index, SM_BODY_NUMBER_BIG_ENDIAN);
    } else if (lua_istable(loader->lua, index)) {
        sm_body_add_msgpack(build, index);
    } else if (lua_type(loader->lua, index) == LUA_TSTRING) {
        const char *text = sm_value_text(loader, index);
        add_text(build, text, strlen(text));
    } else if (lua_type(loader->lua, index) == LUA_TNUMBER) {
        add_number(build, index);
    } else if (lua_isboolean(loader->lua, index)) {
        sm_rope_add(&build->rope, lua_toboolean(loader->lua, index) ? "\xc3" : "\xc2", 1);
    } else {
        sm_raise(loader, NULL, "%s cannot be put into MessagePack",
                 sm_describe(loader, index, found, sizeof found));
    }
}

static void add_member(struct sm_body_build *build, const char *name, int item) {
    if (name)
        add_text(build, name, strlen(name));
    add_value(build, item);
}

static size_t count_names(lua_State *lua, int index) {
    size_t count = 0;
    for (lua_pushnil(lua); lua_next(lua, index); lua_pop(lua, 1))
        count++;
    return count;
}

void sm_body_add_msgpack(struct sm_body_build *build, int index) {
    uint8_t head[HEAD_BYTES];
    lua_State *lua = build->loader->lua;
    bool is_list = sm_body_is_list(build, index);
    size_t count = is_list ? lua_rawlen(lua, index) : count_names(lua, index);
    size_t length = is_list ? length_head(build, head, count, 0x90, 16, 0, 0xdc)
                            : length_head(build, head, count, 0x80, 16, 0, 0xde);
    sm_rope_add(&build->rope, head, length);
    sm_body_visit(build, index, "a map of MessagePack", add_member);
    build->content_type = "application/msgpack";
}
