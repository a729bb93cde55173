/* temp_dir.h - a directory of a test's own, removed with all that is in it. */
#pragma once

/* As cmocka set-up and tear-down: *state becomes the path (char *). */
int test_temp_dir_make(void **state);
int test_temp_dir_remove(void **state);
