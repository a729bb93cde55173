/* Which calls fail: by kind, number, space and chance. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/fault_rule.h"
#include "harness/supervisor_fail.h"

static struct sm_supervisor_shared shared;
static struct sm_fail fail;
static struct sm_disk_rule *const rule = &shared.rules[0];

static int fresh(void **state) {
    (void)state;
    memset(&shared, 0, sizeof shared);
    memset(&fail, 0, sizeof fail);
    fail.shared = &shared;
    rule->used = rule->active = rule->epoch = 1;
    rule->fail_on = SM_CALL_WRITE;
    rule->fail_code = EIO;
    rule->fail_per_million = 1000000;
    return 0;
}

static int judge(enum sm_disk_call kind, uint64_t bytes) {
    return sm_fail_judge(&fail, 1, kind, bytes).code;
}

static void only_the_calls_named_fail(void **state) {
    (void)state;
    rule->fail_on = SM_CALL_SYNC | SM_CALL_OPEN;
    assert_int_equal(judge(SM_CALL_WRITE, 10), 0);
    assert_int_equal(judge(SM_CALL_TRUNCATE, 0), 0);
    assert_int_equal(judge(SM_CALL_SYNC, 0), EIO);
    assert_int_equal(judge(SM_CALL_OPEN, 0), EIO);
    assert_int_equal(rule->calls, 2);
    assert_int_equal(rule->passed, 0);
}

static void what_is_too_big_for_the_space_left_fails(void **state) {
    (void)state;
    rule->fail_after_bytes = 100;
    assert_int_equal(judge(SM_CALL_WRITE, 60), 0);
    assert_int_equal(judge(SM_CALL_WRITE, 60), EIO);
    assert_int_equal(judge(SM_CALL_WRITE, 40), 0);
    assert_int_equal(judge(SM_CALL_WRITE, 1), EIO);
    assert_int_equal(rule->bytes, 61);
}

static void each_begin_counts_anew(void **state) {
    (void)state;
    rule->fail_after_calls = 1;
    rule->fail_most = 1;
    for (uint32_t epoch = 1; epoch < 4; epoch++) {
        rule->epoch = epoch;
        assert_int_equal(judge(SM_CALL_WRITE, 1), 0);
        assert_int_equal(judge(SM_CALL_WRITE, 1), EIO);
        assert_int_equal(judge(SM_CALL_WRITE, 1), 0);
    }
    assert_int_equal(rule->calls, 3);
    assert_int_equal(rule->passed, 6);
}

static uint64_t draw(uint64_t seed) {
    uint64_t drawn = 0;
    fresh(NULL);
    rule->fail_per_million = 500000;
    rule->fail_seed = seed;
    for (int i = 0; i < 64; i++)
        drawn = drawn << 1 | (judge(SM_CALL_WRITE, 1) != 0);
    return drawn;
}

static void a_seed_repeats_its_chances(void **state) {
    (void)state;
    assert_true(draw(1) == draw(1));
    assert_true(draw(1) != draw(2));
    fresh(NULL);
    rule->fail_per_million = 100000;
    int hits = 0;
    for (int i = 0; i < 100000; i++)
        hits += judge(SM_CALL_WRITE, 1) != 0;
    assert_in_range(hits, 9500, 10500);
}

static void a_single_byte_is_not_cut(void **state) {
    (void)state;
    rule->fail_code = 0;
    assert_false(sm_fail_judge(&fail, 1, SM_CALL_WRITE, 1).cut_short);
    assert_true(sm_fail_judge(&fail, 1, SM_CALL_WRITE, 2).cut_short);
    assert_int_equal(rule->calls, 1);
}

/* Fails calls until it is told to stop; returns how many. */
static void *fail_on(void *stop) {
    uint64_t failed = 0;
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
        failed += judge(SM_CALL_WRITE, 1) != 0;
    return (void *)(uintptr_t)failed;
}

static void a_fault_that_ended_has_counted_all_that_failed(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        bool stop = false;
        pthread_t judging;
        void *failed;
        fresh(NULL);
        pthread_create(&judging, NULL, fail_on, &stop);
        while (__atomic_load_n(&rule->calls, __ATOMIC_RELAXED) < 10)
            sched_yield();
        struct sm_fault_rule ended = {.shared = &shared, .rule = rule};
        sm_fault_rule_end(&ended);
        uint64_t calls = __atomic_load_n(&rule->calls, __ATOMIC_RELAXED);
        __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
        pthread_join(judging, &failed);
        assert_int_equal((uintptr_t)failed, calls);
        assert_int_equal(rule->waiting, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(only_the_calls_named_fail, fresh),
        cmocka_unit_test_setup(what_is_too_big_for_the_space_left_fails, fresh),
        cmocka_unit_test_setup(each_begin_counts_anew, fresh),
        cmocka_unit_test_setup(a_seed_repeats_its_chances, fresh),
        cmocka_unit_test_setup(a_single_byte_is_not_cut, fresh),
        cmocka_unit_test_setup(a_fault_that_ended_has_counted_all_that_failed, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
