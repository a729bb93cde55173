/* config_value.h - what lies behind the keys of a block. Written by the scenario loader, read
 * through config.h only. Everything is in the scenario's arena. */
#pragma once

#include "config.h"

struct sm_value {
    bool is_set; /* given, or by its fallback */
    bool truth;  /* SM_KEY_BOOL */
    double quantity;
    const char *text;
    const char **texts; /* NULL-terminated; `count` without the NULL */
    const struct sm_block **blocks;
    size_t count;
    const struct sm_body *body;
};

/* Whether two blocks say the same, wherever they stand. */
bool sm_block_same(const struct sm_block *a, const struct sm_block *b);
