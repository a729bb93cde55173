/* scenario_body_protobuf.c - protobuf { {1, "string", "x"}, ... }: fields by number and type.
 * https://protobuf.dev/programming-guides/encoding/ */
#include "scenario_body.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

enum { VARINT_BYTES = 10, FIELD_MAX = (1 << 29) - 1 };
enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2, WIRE_32 = 5 };

/* How a value is written. */
enum kind { INTEGER, ZIGZAG, BOOLEAN, FIXED, REAL, BYTES, MESSAGE };

static const struct type {
    const char *name;
    enum kind kind;
    enum wire wire;
} types[] = {
    {"int32", INTEGER, WIRE_VARINT},   {"int64", INTEGER, WIRE_VARINT},
    {"uint32", INTEGER, WIRE_VARINT},  {"uint64", INTEGER, WIRE_VARINT},
    {"enum", INTEGER, WIRE_VARINT},    {"sint32", ZIGZAG, WIRE_VARINT},
    {"sint64", ZIGZAG, WIRE_VARINT},   {"bool", BOOLEAN, WIRE_VARINT},
    {"fixed32", FIXED, WIRE_32},       {"sfixed32", FIXED, WIRE_32},
    {"fixed64", FIXED, WIRE_64},       {"sfixed64", FIXED, WIRE_64},
    {"float", REAL, WIRE_32},          {"double", REAL, WIRE_64},
    {"string", BYTES, WIRE_LENGTH},    {"bytes", BYTES, WIRE_LENGTH},
    {"message", MESSAGE, WIRE_LENGTH},
};
enum { TYPES = sizeof types / sizeof *types };

static size_t write_varint(uint8_t *to, uint64_t value) {
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        to[length++] = (uint8_t)(value | 0x80);
    to[length++] = (uint8_t)value;
    return length;
}

static void add_varint(struct sm_body_build *build, uint64_t value) {
    uint8_t bytes[VARINT_BYTES];
    sm_rope_add(&build->rope, bytes, write_varint(bytes, value));
}

static void add_little_endian(struct sm_body_build *build, uint64_t value, size_t length) {
    uint8_t bytes[8];
    for (size_t i = 0; i < length; i++, value >>= 8)
        bytes[i] = (uint8_t)value;
    sm_rope_add(&build->rope, bytes, length);
}

static int64_t whole(struct sm_body_build *build, int index, const struct type *type) {
    lua_State *lua = build->loader->lua;
    char found[96];
    int is_whole = 0;
    lua_Integer value =
        lua_type(lua, index) == LUA_TNUMBER ? lua_tointegerx(lua, index, &is_whole) : 0;
    if (!is_whole)
        sm_raise(build->loader, NULL, "%s needs a whole number, not %s", type->name,
                 sm_describe(build->loader, index, found, sizeof found));
    return value;
}

static void add_real(struct sm_body_build *build, int index, const struct type *type) {
    char found[96];
    uint64_t bits = 0;
    if (lua_type(build->loader->lua, index) != LUA_TNUMBER)
        sm_raise(build->loader, NULL, "%s needs a number, not %s", type->name,
                 sm_describe(build->loader, index, found, sizeof found));
    double value = lua_tonumber(build->loader->lua, index);
    float narrow = (float)value;
    if (type->wire == WIRE_32)
        memcpy(&bits, &narrow, sizeof narrow);
    else
        memcpy(&bits, &value, sizeof value);
    add_little_endian(build, bits, type->wire == WIRE_32 ? 4 : 8);
}

static void add_scalar(struct sm_body_build *build, int index, const struct type *type) {
    int64_t value;
    switch (type->kind) {
    case INTEGER:
        if (sm_body_tag(build, index, "number"))
            sm_body_add_leaf(build, index, SM_BODY_NUMBER_VARINT);
        else
            add_varint(build, (uint64_t)whole(build, index, type));
        break;
    case ZIGZAG:
        value = whole(build, index, type);
        add_varint(build, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
        break;
    case BOOLEAN:
        if (!lua_isboolean(build->loader->lua, index))
            sm_raise(build->loader, NULL, "bool needs true or false");
        add_varint(build, (uint64_t)lua_toboolean(build->loader->lua, index));
        break;
    case FIXED:
        add_little_endian(build, (uint64_t)whole(build, index, type),
                          type->wire == WIRE_32 ? 4 : 8);
        break;
    default:
        add_real(build, index, type);
    }
}

static const struct type *find_type(struct sm_body_build *build, int index) {
    const char *names[TYPES], *name = sm_value_text(build->loader, index);
    for (size_t i = 0; i < TYPES; i++) {
        names[i] = types[i].name;
        if (strcmp(name, types[i].name) == 0)
            return &types[i];
    }
    sm_raise_unknown(build->loader, name, names, TYPES, "protobuf has no type \"%.40s\"", name);
}

static void add_packed(struct sm_body_build *build, int list, const struct type *type) {
    lua_State *lua = build->loader->lua;
    lua_Integer count = sm_check_list(build->loader, list, "values");
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(lua, list, i);
        sm_body_resolve(build, list + 1);
        add_scalar(build, list + 1, type);
        lua_settop(lua, list);
    }
}

/* What has a length: its content, then that length before it. */
static void add_content(struct sm_body_build *build, int index, const struct type *type) {
    uint8_t head[VARINT_BYTES];
    struct sm_rope_mark mark = sm_rope_mark(&build->rope);
    bool is_table = lua_istable(build->loader->lua, index);
    if (type->kind == MESSAGE && is_table)
        sm_body_add_protobuf(build, index);
    else if (is_table && type->kind != BYTES)
        add_packed(build, index, type);
    else
        sm_body_add(build, index);
    size_t length = build->rope.length - mark.length;
    sm_rope_insert(&build->rope, mark, head, write_varint(head, length));
}

/* {number, type, value} at `item`. */
static void add_field(struct sm_body_build *build, const char *name, int item) {
    static const struct sm_key number_key = {
        .name = "number", .unit = SM_UNIT_COUNT, .at_least = 1, .at_most = FIELD_MAX};
    struct sm_loader *loader = build->loader;
    lua_State *lua = loader->lua;
    if (name || !lua_istable(lua, item) || sm_list_length(loader, item) != 3)
        sm_raise(loader, "write { {1, \"string\", \"x\"}, {2, \"bytes\", noise \"1MB\"} }",
                 "a field of protobuf is a number, a type and a value");
    for (int i = 1; i <= 3; i++) {
        lua_rawgeti(lua, item, i);
        sm_body_resolve(build, item + i);
    }
    uint64_t number = (uint64_t)sm_value_quantity(loader, item + 1, &number_key);
    const struct type *type = find_type(build, item + 2);
    bool has_length = type->wire == WIRE_LENGTH || lua_istable(lua, item + 3);
    add_varint(build, number << 3 | (has_length ? WIRE_LENGTH : type->wire));
    if (has_length)
        add_content(build, item + 3, type);
    else
        add_scalar(build, item + 3, type);
}

void sm_body_add_protobuf(struct sm_body_build *build, int index) {
    sm_body_visit(build, index, "protobuf", add_field);
    build->content_type = "application/x-protobuf";
}
