/* Which rules cover a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/supervisor_match.h"

static struct sm_supervisor_shared shared;

static void use(int i, const char *path) {
    snprintf(shared.rules[i].path, sizeof shared.rules[i].path, "%s", path);
    shared.rules[i].used = 1;
}

static int fresh(void **state) {
    (void)state;
    memset(&shared, 0, sizeof shared);
    return 0;
}

static void a_directory_covers_what_is_below(void **state) {
    (void)state;
    use(0, "/data/logs");
    assert_int_equal(sm_rules_matching(&shared, "/data/logs"), 1);
    assert_int_equal(sm_rules_matching(&shared, "/data/logs/a/b.db-wal"), 1);
    assert_int_equal(sm_rules_matching(&shared, "/data/logs/a (deleted)"), 1);
    assert_int_equal(sm_rules_matching(&shared, "/data/logs (deleted)"), 1);
    assert_int_equal(sm_rules_matching(&shared, "/data/logs2"), 0);
    assert_int_equal(sm_rules_matching(&shared, "/data/log"), 0);
    assert_int_equal(sm_rules_matching(&shared, "/data"), 0);
    assert_int_equal(sm_rules_matching(&shared, "/x/data/logs/a"), 0);
}

static void names_of_other_things_match_nothing(void **state) {
    (void)state;
    use(0, "/");
    assert_int_equal(sm_rules_matching(&shared, "/anything"), 1);
    assert_int_equal(sm_rules_matching(&shared, "socket:[123]"), 0);
    assert_int_equal(sm_rules_matching(&shared, "pipe:[1]"), 0);
    assert_int_equal(sm_rules_matching(&shared, ""), 0);
}

static void several_rules_may_cover_one_path(void **state) {
    (void)state;
    use(0, "/a");
    use(3, "/a/b");
    use(31, "/a/b/c");
    assert_int_equal(sm_rules_matching(&shared, "/a/b/c"), 1u | 1u << 3 | 1u << 31);
    assert_int_equal(sm_rules_matching(&shared, "/a/b/d"), 1u | 1u << 3);
    assert_int_equal(sm_rules_active(&shared, UINT32_MAX), 0);
    shared.rules[31].active = 1;
    assert_int_equal(sm_rules_active(&shared, 1u | 1u << 31), 1u << 31);
    assert_int_equal(sm_rules_active(&shared, 1), 0);
}

static void an_unused_rule_covers_nothing(void **state) {
    (void)state;
    snprintf(shared.rules[0].path, sizeof shared.rules[0].path, "/a");
    assert_int_equal(sm_rules_matching(&shared, "/a"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_directory_covers_what_is_below, fresh),
        cmocka_unit_test_setup(names_of_other_things_match_nothing, fresh),
        cmocka_unit_test_setup(several_rules_may_cover_one_path, fresh),
        cmocka_unit_test_setup(an_unused_rule_covers_nothing, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
