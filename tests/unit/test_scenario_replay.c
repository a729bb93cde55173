/* Bodies from files: how they are split, where numbers go, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "scenario_text.h"
#include "temp_dir.h"

/* The scenario with a load that has a body. */
static const char *around(const char *replay) {
    static char text[1024];
    snprintf(text, sizeof text,
             "return scenario { title = 't', target = program { 'true' },"
             " phases = { phase { 'p', '1s' } },"
             " load = http_load { url = 'http://127.0.0.1:1/', count = 1,"
             " body = replay { %s } } }",
             replay);
    return text;
}

static void write_bytes(void **state, const char *name, const char *bytes, size_t length) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void unit_is(const struct sm_body *body, int64_t number, const char *expected,
                    size_t length) {
    char bytes[256];
    const struct sm_body_variant *variant = sm_body_variant(body, number);
    assert_int_equal(variant->length, length);
    assert_int_equal(sm_body_copy(variant, number, 0, bytes, length), 0);
    assert_memory_equal(bytes, expected, length);
}

static void lines_are_taken_in_turn(void **state) {
    test_write(state, "lines", "one\n\nthree");
    struct sm_scenario *scenario = test_good(state, around("'lines'"), NULL);
    const struct sm_body *body = sm_block_body(scenario->loads[0], "body");
    assert_int_equal(body->variant_count, 3);
    unit_is(body, 0, "one", 3);
    unit_is(body, 1, "", 0);
    unit_is(body, 5, "three", 5);
    assert_int_equal(body->payload_bytes, 8 / 3);
    sm_scenario_free(scenario);
}

static void lengths_stand_before_their_bodies(void **state) {
    write_bytes(state, "lengths", "\0\0\0\2\n\0\0\0\0\0\0\0\0\3abc", 17);
    struct sm_scenario *scenario = test_good(state, around("'lengths', split = 'lengths'"), NULL);
    const struct sm_body *body = sm_block_body(scenario->loads[0], "body");
    assert_int_equal(body->variant_count, 3);
    unit_is(body, 0, "\n\0", 2);
    unit_is(body, 1, "", 0);
    unit_is(body, 2, "abc", 3);
    sm_scenario_free(scenario);
}

static void files_come_in_the_order_of_their_names(void **state) {
    char path[512];
    snprintf(path, sizeof path, "%s/files", (const char *)*state);
    assert_int_equal(mkdir(path, 0700), 0);
    test_write(state, "files/b", "second");
    test_write(state, "files/a", "first\n");
    test_write(state, "files/.hidden", "x");
    struct sm_scenario *scenario = test_good(state, around("'files', split = 'files'"), NULL);
    const struct sm_body *body = sm_block_body(scenario->loads[0], "body");
    assert_int_equal(body->variant_count, 2);
    unit_is(body, 0, "first\n", 6);
    unit_is(body, 1, "second", 6);
    sm_scenario_free(scenario);
}

static void numbers_stand_where_the_marks_were(void **state) {
    test_write(state, "marked", "<@@@@@@@@@@@@@@@@@@@@|SEQUENCE|@@@@@@@@@@@@@@@@@@@@>\nplain\n");
    struct sm_scenario *scenario = test_good(
        state, around("'marked', decimal = '@@@@@@@@@@@@@@@@@@@@', big_endian = 'SEQUENCE'"), NULL);
    const struct sm_body *body = sm_block_body(scenario->loads[0], "body");
    unit_is(body, 770, "<                 770|\0\0\0\0\0\0\3\2|                 770>", 52);
    unit_is(body, 771, "plain", 5);
    sm_scenario_free(scenario);
}

static void mistakes_are_told(void **state) {
    static const struct {
        const char *replay, *words;
    } cases[] = {
        {"'nowhere'", "No such file or directory"},
        {"'.'", "not a file"},
        {"'lines', split = 'lengths'", "its last body is shorter than the length before it says"},
        {"'lines', decimal = 'short'", "the mark decimal must have 20 bytes, not 5"},
        {"'lines', varint = '0123456789'", "the mark varint stands in no body"},
        {"'empty'", "there is no body in it"},
        {"'lines', split = 'files'", "Not a directory"},
    };
    test_write(state, "lines", "one\ntwo\n");
    test_write(state, "empty", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const words[] = {"load.body", cases[i].words, NULL};
        test_bad(state, around(cases[i].replay), NULL, words);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_taken_in_turn, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(lengths_stand_before_their_bodies, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(files_come_in_the_order_of_their_names, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(numbers_stand_where_the_marks_were, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(mistakes_are_told, test_temp_dir_make,
                                        test_temp_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
