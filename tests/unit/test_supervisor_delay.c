/* Token buckets, stalls and the heap of waiting calls, on a clock made by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/supervisor_delay.h"

enum { RULE_A = 1, RULE_B = 2 };
static const int64_t ms = 1000 * 1000, start = INT64_C(5000000) * 1000 * 1000;

static struct sm_supervisor_shared shared;
static struct sm_delay delay; /* too big for the stack */
static int64_t now;
static uint64_t last_id, gone_id;

static int fresh(void **state) {
    (void)state;
    memset(&shared, 0, sizeof shared);
    memset(&delay, 0, sizeof delay);
    delay.shared = &shared;
    for (int i = 0; i < 2; i++)
        shared.rules[i].used = shared.rules[i].active = shared.rules[i].epoch = 1;
    now = start;
    last_id = gone_id = 0;
    return 0;
}

static bool admit(sm_rule_set rules, uint64_t bytes) {
    const struct sm_answer answer = {.code = (int)++last_id};
    return sm_delay_admit(&delay, last_id, rules, bytes, &answer, now);
}

/* Goes to when the next call is due and takes it out: its id. */
static uint64_t next_call(void) {
    struct sm_waiting_call call;
    assert_true(sm_delay_next_ns(&delay) != INT64_MAX);
    now = sm_delay_next_ns(&delay);
    assert_true(sm_delay_take_due(&delay, now, &call));
    assert_int_equal(call.answer.code, call.id);
    return call.id;
}

static bool is_gone(void *context, uint64_t id) {
    (void)context;
    return id == gone_id;
}

static void bytes_take_their_time_however_they_are_cut(void **state) {
    (void)state;
    shared.rules[0].bytes_per_s = 64000;
    assert_true(admit(RULE_A, 64000));
    next_call();
    assert_int_equal(now, start + 1000 * ms);
    for (int i = 0; i < 1000; i++) {
        assert_true(admit(RULE_A, 64));
        next_call();
    }
    assert_int_equal(now, start + 2000 * ms);
    assert_int_equal(shared.rules[0].delay_ns, 2000 * ms);
    assert_int_equal(shared.rules[0].calls, 1001);
    assert_int_equal(shared.rules[0].bytes, 128000);
    assert_int_equal(shared.rules[0].waiting, 0);
}

static void writers_queue_behind_each_other(void **state) {
    (void)state;
    shared.rules[0].bytes_per_s = 1000;
    admit(RULE_A, 1000);
    admit(RULE_A, 500);
    admit(RULE_A, 0); /* a sync waits for what is before it */
    assert_int_equal(shared.rules[0].waiting, 3);
    assert_int_equal(next_call(), 1);
    assert_int_equal(now, start + 1000 * ms);
    next_call();
    assert_int_equal(now, start + 1500 * ms);
    next_call();
    assert_int_equal(now, start + 1500 * ms);
}

static void an_idle_disk_saves_nothing_up(void **state) {
    (void)state;
    shared.rules[0].bytes_per_s = 1000;
    admit(RULE_A, 10);
    next_call();
    now += 60 * 1000 * ms;
    int64_t before = now;
    assert_true(admit(RULE_A, 100));
    next_call();
    assert_int_equal(now, before + 100 * ms);
}

static void late_timers_are_made_good(void **state) {
    (void)state;
    struct sm_waiting_call call;
    shared.rules[0].bytes_per_s = 1000;
    for (int i = 0; i < 100; i++) {
        assert_true(admit(RULE_A, 10)); /* 10 ms each, and each timer 3 ms late */
        now = sm_delay_next_ns(&delay) + 3 * ms;
        assert_true(sm_delay_take_due(&delay, now, &call));
    }
    assert_int_equal(now, start + 1003 * ms);
}

static void latency_is_added_to_every_call(void **state) {
    (void)state;
    shared.rules[0].latency_ns = 7 * ms;
    admit(RULE_A, 1 << 20);
    admit(RULE_A, 0);
    next_call();
    next_call();
    assert_int_equal(now, start + 7 * ms); /* side by side */
    assert_int_equal(shared.rules[0].delay_ns, 14 * ms);
}

static void the_slowest_of_two_rules_decides(void **state) {
    (void)state;
    shared.rules[0].latency_ns = 7 * ms;
    shared.rules[1].bytes_per_s = 1000;
    admit(RULE_A | RULE_B, 20);
    next_call();
    assert_int_equal(now, start + 20 * ms);
    assert_int_equal(shared.rules[0].calls, 1);
    assert_int_equal(shared.rules[1].calls, 1);
}

static void the_end_of_the_fault_lets_all_go(void **state) {
    (void)state;
    struct sm_waiting_call call;
    shared.rules[0].bytes_per_s = 1;
    for (int i = 0; i < 100; i++)
        admit(RULE_A, 1000000);
    now += 30 * ms;
    shared.rules[0].active = 0;
    sm_delay_review(&delay, now, is_gone, NULL);
    for (int i = 0; i < 100; i++)
        assert_true(sm_delay_take_due(&delay, now, &call));
    assert_false(sm_delay_take_due(&delay, now, &call));
    assert_int_equal(shared.rules[0].delay_ns, 100 * 30 * ms);
    assert_int_equal(shared.rules[0].waiting, 0);
    /* Anew, without the debt of before. */
    shared.rules[0].active = 1;
    shared.rules[0].epoch++;
    shared.rules[0].bytes_per_s = 1000;
    int64_t before = now;
    assert_true(admit(RULE_A, 10));
    next_call();
    assert_int_equal(now, before + 10 * ms);
}

static void a_stall_holds_until_its_time_and_then_the_bucket(void **state) {
    (void)state;
    struct sm_waiting_call call;
    shared.rules[0].bytes_per_s = 1000;
    shared.rules[0].stall_until_ns = (uint64_t)(start + 500 * ms);
    assert_true(admit(RULE_A, 100));
    assert_int_equal(sm_delay_next_ns(&delay), start + 500 * ms);
    now = start + 500 * ms;
    assert_false(sm_delay_take_due(&delay, now, &call));
    next_call();
    assert_int_equal(now, start + 600 * ms);
    assert_int_equal(shared.rules[0].delay_ns, 600 * ms);
}

static void a_stall_without_end_is_cleared_by_hand(void **state) {
    (void)state;
    struct sm_waiting_call call;
    shared.rules[0].stall_until_ns = SM_STALL_FOR_EVER;
    assert_true(admit(RULE_A, 100));
    now += 3600 * 1000 * ms;
    sm_delay_review(&delay, now, is_gone, NULL);
    assert_false(sm_delay_take_due(&delay, now, &call));
    shared.rules[0].stall_until_ns = 0;
    sm_delay_review(&delay, now, is_gone, NULL);
    assert_true(sm_delay_take_due(&delay, now, &call));
}

static void the_dead_are_dropped(void **state) {
    (void)state;
    struct sm_waiting_call call;
    shared.rules[0].latency_ns = 10 * ms;
    for (int i = 0; i < 10; i++)
        admit(RULE_A, 1);
    gone_id = 4;
    now += 5 * ms;
    sm_delay_review(&delay, now, is_gone, NULL);
    now += 100 * ms;
    for (int i = 0; i < 9; i++) {
        assert_true(sm_delay_take_due(&delay, now, &call));
        assert_int_not_equal(call.id, gone_id);
    }
    assert_int_equal(delay.count, 0);
    assert_int_equal(shared.rules[0].waiting, 0);
}

static void too_many_are_let_through(void **state) {
    (void)state;
    shared.rules[0].latency_ns = ms;
    for (int i = 0; i < SM_DELAY_CALLS; i++)
        assert_true(admit(RULE_A, 1));
    assert_false(admit(RULE_A, 1));
    assert_int_equal(delay.count, SM_DELAY_CALLS);
}

static void calls_come_out_in_the_order_of_their_time(void **state) {
    (void)state;
    srand(7);
    for (int i = 0; i < 2000; i++) {
        shared.rules[0].latency_ns = (uint64_t)(rand() % 1000 + 1) * ms;
        admit(RULE_A, 1);
    }
    int64_t before = 0;
    for (int i = 0; i < 2000; i++) {
        next_call();
        assert_true(now >= before);
        before = now;
    }
}

static void absurd_figures_stay_figures(void **state) {
    (void)state;
    shared.rules[0].bytes_per_s = 1;
    shared.rules[0].latency_ns = UINT64_MAX;
    for (int i = 0; i < 1000; i++)
        assert_true(admit(RULE_A, UINT64_MAX));
    assert_true(sm_delay_next_ns(&delay) > now);
}

#define TEST(function) cmocka_unit_test_setup(function, fresh)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(bytes_take_their_time_however_they_are_cut),
        TEST(writers_queue_behind_each_other),
        TEST(an_idle_disk_saves_nothing_up),
        TEST(late_timers_are_made_good),
        TEST(latency_is_added_to_every_call),
        TEST(the_slowest_of_two_rules_decides),
        TEST(the_end_of_the_fault_lets_all_go),
        TEST(a_stall_holds_until_its_time_and_then_the_bucket),
        TEST(a_stall_without_end_is_cleared_by_hand),
        TEST(the_dead_are_dropped),
        TEST(too_many_are_let_through),
        TEST(calls_come_out_in_the_order_of_their_time),
        TEST(absurd_figures_stay_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
