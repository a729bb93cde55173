#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reports/error.h"

static void sets_and_formats(void **state) {
    (void)state;
    struct sm_error err = {0};
    char line[1200];
    assert_int_equal(
        sm_error_set(&err, -EINVAL, "a.lua:3: load.rate", "write 20/s", "%s is %d", "rate", 7),
        -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_string_equal(sm_error_format(&err, line, sizeof line),
                        "a.lua:3: load.rate: rate is 7; write 20/s");
}

static void leaves_out_what_is_empty(void **state) {
    (void)state;
    struct sm_error err = {0};
    char line[64];
    sm_error_set(&err, -EIO, NULL, NULL, "it broke");
    assert_string_equal(sm_error_format(&err, line, sizeof line), "it broke");
}

static void first_error_wins(void **state) {
    (void)state;
    struct sm_error err = {0};
    sm_error_set(&err, -EIO, NULL, NULL, "first");
    assert_int_equal(sm_error_set(&err, -EINVAL, NULL, NULL, "second"), -EINVAL);
    assert_int_equal(err.code, -EIO);
    assert_string_equal(err.what, "first");
}

static void no_object_is_allowed(void **state) {
    (void)state;
    assert_int_equal(sm_error_set(NULL, -EIO, "w", "t", "x"), -EIO);
    assert_int_equal(sm_error_errno(NULL, -EIO, "w", "t", "x"), -EIO);
}

static void appends_the_systems_word(void **state) {
    (void)state;
    struct sm_error err = {0};
    sm_error_errno(&err, -ENOENT, "run.db", NULL, "cannot open");
    assert_string_equal(err.what, "cannot open: No such file or directory");
}

static void keeps_the_systems_word_within_a_long_sentence(void **state) {
    (void)state;
    struct sm_error err = {0};
    char name[600];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    sm_error_errno(&err, -ENOENT, NULL, NULL, "%s", name);
    assert_int_equal(strlen(err.what), sizeof err.what - 1);
}

static void escapes_control_characters(void **state) {
    (void)state;
    struct sm_error err = {0};
    char line[64];
    sm_error_set(&err, -EIO, "a\n\x1b[31mb", NULL, "tab\there");
    assert_string_equal(sm_error_format(&err, line, sizeof line), "a\\x0a\\x1b[31mb: tab\\x09here");
}

static void a_small_buffer_is_cut_and_ended(void **state) {
    (void)state;
    struct sm_error err = {0};
    char line[9];
    memset(line, 'z', sizeof line);
    sm_error_set(&err, -EIO, "where", "todo", "what\x01");
    sm_error_format(&err, line, 8);
    assert_string_equal(line, "where: ");
    assert_int_equal(line[8], 'z');
    sm_error_format(&err, line, 1);
    assert_string_equal(line, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_and_formats),
        cmocka_unit_test(leaves_out_what_is_empty),
        cmocka_unit_test(first_error_wins),
        cmocka_unit_test(no_object_is_allowed),
        cmocka_unit_test(appends_the_systems_word),
        cmocka_unit_test(keeps_the_systems_word_within_a_long_sentence),
        cmocka_unit_test(escapes_control_characters),
        cmocka_unit_test(a_small_buffer_is_cut_and_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
