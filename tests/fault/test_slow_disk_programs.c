/* Real programs on the slow disk: each writes through its own layers, none knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervised.h"

static void slow_down(struct supervised *run, uint64_t bytes_per_s) {
    run->rule->bytes_per_s = bytes_per_s;
    supervised_activate(run);
}

static void dd_is_slowed(void **state) {
    struct supervised *run = *state;
    slow_down(run, 200000);
    supervised_run(run, (const char *[]){"dd", "if=/dev/zero", "of=watched/f", "bs=4096",
                                         "count=16", "status=none", NULL});
    assert_int_equal(run->rule->calls, 16);
    assert_throttled(run->rule, 65536);
}

static void shell_redirection_is_slowed(void **state) {
    struct supervised *run = *state;
    slow_down(run, 200000);
    supervised_run(run, (const char *[]){"sh", "-c",
                                         "head -c 40000 /dev/zero > watched/f; "
                                         "head -c 40000 /dev/zero > beside/f",
                                         NULL});
    assert_throttled(run->rule, 40000);
    assert_int_equal(run->rule->bytes, 40000);
    assert_int_equal(run->shared->escaped, 0);
}

static void python_is_slowed(void **state) {
    struct supervised *run = *state;
    slow_down(run, 200000);
    supervised_run(run, (const char *[]){"python3", "-c",
                                         "f = open('watched/f', 'wb')\n"
                                         "for i in range(20): f.write(b'x' * 2000)\n"
                                         "f.close()\n"
                                         "g = open('beside/f', 'wb'); g.write(b'x' * 50000)\n",
                                         NULL});
    assert_int_equal(run->rule->bytes, 40000);
    assert_throttled(run->rule, 40000);
}

static void sqlite_is_slowed(void **state) {
    struct supervised *run = *state;
    slow_down(run, 1000000);
    supervised_run(run,
                   (const char *[]){"sqlite3", "watched/t.db",
                                    "pragma journal_mode=wal; create table t(x);"
                                    "with recursive n(i) as (select 1 union all select i+1 from n "
                                    "where i < 200) insert into t select randomblob(1000) from n;",
                                    NULL});
    assert_throttled(run->rule, 200 * 1000);
    assert_true(run->shared->mapped >= 1); /* the -shm file */
}

static void files_beside_are_not_touched(void **state) {
    struct supervised *run = *state;
    slow_down(run, 1);
    supervised_run(run, (const char *[]){"dd", "if=/dev/zero", "of=beside/f", "bs=4096",
                                         "count=1000", "status=none", NULL});
    assert_int_equal(run->rule->calls, 0);
    assert_int_equal(run->rule->bytes, 0);
    assert_int_equal(run->rule->delay_ns, 0);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, supervised_setup, supervised_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(dd_is_slowed),     TEST(shell_redirection_is_slowed),  TEST(python_is_slowed),
        TEST(sqlite_is_slowed), TEST(files_beside_are_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
