#include "config.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/json_values.h"
#include "config_value.h"

static size_t find_key(const struct sm_block *block, const char *name) {
    size_t i = 0;
    while (block->keys[i].name && strcmp(block->keys[i].name, name) != 0)
        i++;
    assert(block->keys[i].name);
    return i;
}

static const struct sm_value *find_value(const struct sm_block *block, const char *name,
                                         enum sm_key_type type) {
    size_t i = find_key(block, name);
    assert(block->keys[i].type == type);
    (void)type;
    return &block->values[i];
}

const char *sm_block_text(const struct sm_block *block, const char *key) {
    return find_value(block, key, SM_KEY_TEXT)->text;
}

const char *const *sm_block_texts(const struct sm_block *block, const char *key,
                                  size_t *ret_count) {
    size_t i = find_key(block, key);
    assert(block->keys[i].type == SM_KEY_TEXTS || block->keys[i].type == SM_KEY_SETTINGS);
    if (ret_count)
        *ret_count = block->values[i].count;
    return block->values[i].texts;
}

bool sm_block_bool(const struct sm_block *block, const char *key) {
    return find_value(block, key, SM_KEY_BOOL)->truth;
}

bool sm_block_has(const struct sm_block *block, const char *key) {
    return block->values[find_key(block, key)].is_set;
}

double sm_block_quantity(const struct sm_block *block, const char *key) {
    return find_value(block, key, SM_KEY_QUANTITY)->quantity;
}

const struct sm_block *sm_block_block(const struct sm_block *block, const char *key) {
    const struct sm_value *value = find_value(block, key, SM_KEY_BLOCK);
    return value->is_set ? value->blocks[0] : NULL;
}

const struct sm_block *const *sm_block_blocks(const struct sm_block *block, const char *key,
                                              size_t *ret_count) {
    const struct sm_value *value = find_value(block, key, SM_KEY_BLOCKS);
    if (ret_count)
        *ret_count = value->count;
    return value->blocks;
}

const struct sm_body *sm_block_body(const struct sm_block *block, const char *key) {
    return find_value(block, key, SM_KEY_BODY)->body;
}

static bool same_texts(const struct sm_value *a, const struct sm_value *b) {
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->texts[i], b->texts[i]) != 0)
            return false;
    return true;
}

static bool same_blocks(const struct sm_value *a, const struct sm_value *b) {
    for (size_t i = 0; i < a->count; i++)
        if (!sm_block_same(a->blocks[i], b->blocks[i]))
            return false;
    return true;
}

static bool same_value(enum sm_key_type type, const struct sm_value *a, const struct sm_value *b) {
    if (a->is_set != b->is_set || a->count != b->count)
        return false;
    if (!a->is_set)
        return true;
    switch (type) {
    case SM_KEY_TEXT:
        return strcmp(a->text, b->text) == 0;
    case SM_KEY_TEXTS:
    case SM_KEY_SETTINGS:
        return same_texts(a, b);
    case SM_KEY_BOOL:
        return a->truth == b->truth;
    case SM_KEY_QUANTITY:
        return a->quantity == b->quantity;
    case SM_KEY_BLOCK:
    case SM_KEY_BLOCKS:
        return same_blocks(a, b);
    case SM_KEY_BODY:
        return sm_body_same(a->body, b->body);
    case SM_KEY_OPEN:
        break;
    }
    return true;
}

bool sm_block_same(const struct sm_block *a, const struct sm_block *b) {
    if (a->keys != b->keys || strcmp(a->type, b->type) != 0)
        return false;
    for (size_t i = 0; a->keys[i].name; i++)
        if (!same_value(a->keys[i].type, &a->values[i], &b->values[i]))
            return false;
    return true;
}

static json_t *texts_json(const struct sm_value *value) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < value->count; i++)
        json_array_append_new(list, sm_json_text(value->texts[i]));
    return list;
}

static json_t *block_json(const struct sm_block *block, int with_type);

static json_t *blocks_json(const struct sm_value *value) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < value->count; i++)
        json_array_append_new(list, block_json(value->blocks[i], 1));
    return list;
}

/* Whole bytes and counts without a fraction. */
static json_t *quantity_json(enum sm_unit unit, double value) {
    static const double exact = 9007199254740992.0; /* 2^53 */
    int is_whole = unit == SM_UNIT_COUNT || unit == SM_UNIT_BYTES || unit == SM_UNIT_BYTES_PER_S;
    return is_whole && value < exact && value == floor(value) ? json_integer((json_int_t)value)
                                                              : json_real(value);
}

static json_t *value_json(const struct sm_key *key, const struct sm_value *value) {
    switch (key->type) {
    case SM_KEY_TEXT:
        return sm_json_text(value->text);
    case SM_KEY_TEXTS:
    case SM_KEY_SETTINGS:
        return texts_json(value);
    case SM_KEY_BOOL:
        return json_boolean(value->truth);
    case SM_KEY_QUANTITY:
        return quantity_json(key->unit, value->quantity);
    case SM_KEY_BLOCK:
        return block_json(value->blocks[0], 1);
    case SM_KEY_BLOCKS:
        return blocks_json(value);
    case SM_KEY_BODY:
        return json_integer((json_int_t)value->body->variants->length);
    case SM_KEY_OPEN:
        break;
    }
    return NULL;
}

static json_t *block_json(const struct sm_block *block, int with_type) {
    json_t *object = json_object();
    if (object && with_type)
        json_object_set_new(object, "type", json_string(block->type));
    for (size_t i = 0; object && block->keys[i].name; i++)
        if (block->values[i].is_set && block->keys[i].type != SM_KEY_OPEN)
            json_object_set_new(object, block->keys[i].name,
                                value_json(&block->keys[i], &block->values[i]));
    return object;
}

char *sm_block_json(const struct sm_block *block) {
    json_t *object = block_json(block, 0);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(object);
    return text;
}
