/* scenario_text.h - scenarios written in a test. The *state of the tests is a directory made by
 * temp_dir.h. */
#pragma once

#include "harness/scenario.h"

extern const struct sm_scenario_dirs test_dirs; /* bin /B, run /R, data /D, log /L */

/* Writes text to NAME in the directory and returns its path (static storage). */
const char *test_write(void **state, const char *name, const char *text);

/* Loads text as DIR/t.lua. `settings` are "NAME=VALUE" texts up to a NULL, or NULL. */
int test_load(void **state, const char *text, const char *const *settings,
              struct sm_scenario **ret_scenario, struct sm_error *err);

/* The same, which must go well. */
struct sm_scenario *test_good(void **state, const char *text, const char *const *settings);

/* The same, which must fail: its one line must contain each of `words` up to a NULL. */
void test_bad(void **state, const char *text, const char *const *settings,
              const char *const *words);

/* Asserts that a key's texts are those of `expected`, up to a NULL. */
void test_texts(const struct sm_block *block, const char *key, const char *const *expected);

/* A whole scenario around `inside`, on line 1, with a target and one phase unless it has them. */
const char *test_around(const char *inside);
