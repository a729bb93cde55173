/* config.h - what a scenario says, checked: blocks of typed keys.
 *
 * Every driver, fault, service, readiness test and source of figures declares its keys in a
 * table of struct sm_key; the scenario loader checks each Lua table against that table and hands
 * over a struct sm_block. Blocks are owned by the scenario and read-only for everybody else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../reports/error.h"
#include "../reports/units.h"
#include "body.h"

enum sm_key_type {
    SM_KEY_TEXT,     /* ${name} already replaced */
    SM_KEY_TEXTS,    /* a list of texts; nested lists are joined to it */
    SM_KEY_SETTINGS, /* { NAME = text }, read as the list of texts "NAME=text", by name */
    SM_KEY_BOOL,
    SM_KEY_QUANTITY, /* number or text with a unit; .unit says which */
    SM_KEY_BLOCK,    /* one block of the family .family */
    SM_KEY_BLOCKS,   /* a list of them */
    SM_KEY_BODY,     /* what is sent: text, noise(n), json {...} and more; see body.h */
    SM_KEY_OPEN,     /* a table whose names the loader checks by other rules (params, budget) */
};

/* Values written without a name fill the required keys in the order of the table; a list takes
 * all that are left. */
struct sm_key {
    const char *name; /* NULL ends a table */
    enum sm_key_type type;
    enum sm_unit unit;
    const char *family; /* one of scenario_families.c: "load", "fault", "ready", ... */
    bool required;
    const char *fallback;       /* as it would be written; NULL = absent */
    const char *help;           /* one clause, for SCENARIOS.md and error messages */
    double at_least, at_most;   /* of a quantity, in base units; at_most 0 = any above. Of a list of
                                   blocks: at_most so many */
    const char *const *choices; /* of a text, NULL-terminated; NULL = any */
};

/* A block: `slow_disk { path = ..., rate = ... }`. */
struct sm_block {
    const char *type; /* "slow_disk" */
    char where[256];  /* "slow-disk.lua:22: phases[2].faults[1]" for messages */
    const struct sm_key *keys;
    struct sm_value *values; /* parallel to keys */
};

/* Access by name. The key must be in the block's table, with that type (asserted). What was not
 * given and has no fallback is absent: NULL, an empty list, false, 0. Lists of texts end with a
 * NULL; ret_count may be NULL. sm_block_texts reads SM_KEY_SETTINGS as well. */
const char *sm_block_text(const struct sm_block *block, const char *key);
const char *const *sm_block_texts(const struct sm_block *block, const char *key, size_t *ret_count);
bool sm_block_bool(const struct sm_block *block, const char *key);
bool sm_block_has(const struct sm_block *block, const char *key);
double sm_block_quantity(const struct sm_block *block, const char *key);
const struct sm_block *sm_block_block(const struct sm_block *block, const char *key);
const struct sm_block *const *sm_block_blocks(const struct sm_block *block, const char *key,
                                              size_t *ret_count);
const struct sm_body *sm_block_body(const struct sm_block *block, const char *key);

/* The block as a JSON object in base units, for the record: keys that are set, nested blocks with
 * their "type", bodies as their number of bytes. malloc'd, NULL when out of memory; the caller
 * frees. */
char *sm_block_json(const struct sm_block *block);
