/* Conditions of faults: what is read, what is refused, when they are met. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/condition.h"

static void good_ones(void **state) {
    static const struct {
        const char *text, *series;
        double value;
        bool is_above;
    } cases[] = {{"heap above 100MB", "heap", 100e6, true},
                 {" rss  below 1MiB ", "rss", 1048576, false},
                 {"fds above 40", "fds", 40, true},
                 {"gauge:queued below 10k", "gauge:queued", 10000, false},
                 {"gauge:queue_bytes above 2MB", "gauge:queue_bytes", 2e6, true},
                 {"offered above 5000", "offered", 5000, true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sm_condition condition;
        assert_int_equal(sm_condition_parse(cases[i].text, &condition, NULL), 0);
        assert_string_equal(condition.series, cases[i].series);
        assert_int_equal(condition.is_above, cases[i].is_above);
        assert_true(condition.value == cases[i].value);
    }
}

static void bad_ones(void **state) {
    static const struct {
        const char *text, *word;
    } cases[] = {{"", "no condition"},
                 {"heap", "no condition"},
                 {"heap over 5", "no condition"},
                 {"heap above 100MB now", "no condition"},
                 {"heep above 100MB", "no figure \"heep\""},
                 {"gauge: above 1", "no figure"},
                 {"heap above 5s", "no value of heap"},
                 {"fds above many", "no value of fds"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sm_condition condition;
        struct sm_error err = {0};
        assert_true(sm_condition_parse(cases[i].text, &condition, &err) < 0);
        assert_non_null(strstr(err.what, cases[i].word));
        assert_true(err.todo[0] != '\0');
    }
}

static void met_or_not(void **state) {
    struct sm_condition above, below;
    (void)state;
    assert_int_equal(sm_condition_parse("heap above 100", &above, NULL), 0);
    assert_int_equal(sm_condition_parse("heap below 100", &below, NULL), 0);
    assert_true(sm_condition_is_met(&above, 101) && !sm_condition_is_met(&above, 100));
    assert_true(sm_condition_is_met(&below, 99) && !sm_condition_is_met(&below, 100));
    assert_false(sm_condition_is_met(&above, NAN) || sm_condition_is_met(&below, NAN));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_ones), cmocka_unit_test(bad_ones),
                                       cmocka_unit_test(met_or_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
