/* What the sampler makes of an allocator's answers: late ones, none, and more than is resident. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_slot.h"
#include "harness/sampler_internal.h"

static const int64_t second_ns = 1000000000;

struct bench {
    struct spillmark_slot *slot;
    struct sm_followed process;
};

static struct bench bench_make(void) {
    struct bench bench = {.slot = fake_slot_new()};
    bench.process = (struct sm_followed){.alive = 1, .has_slot = 1, .slot = fake_view(bench.slot)};
    bench.process.now =
        (struct sm_figures){.has_heap = 1, .heap = 10e6, .anon = 50e6, .anon_of_heap = 50e6};
    return bench;
}

/* As the probe does it. */
static void answer(struct bench *bench, uint64_t slack_bytes, int64_t at_ns, int64_t took_ns) {
    bench->slot->slack_bytes = slack_bytes;
    bench->slot->answered_ns = (uint64_t)at_ns;
    bench->slot->answer_took_ns = (uint64_t)took_ns;
    if (bench->slot->give_back)
        bench->slot->gave_back = bench->slot->asked;
    bench->slot->answered = bench->slot->asked;
}

static void an_answer_is_as_old_as_it_is(void **state) {
    (void)state;
    struct bench bench = bench_make();
    sm_allocator_read(&bench.process, second_ns);
    assert_int_equal(bench.slot->asked, 1);
    assert_int_equal(bench.process.now.heaps, 1);
    assert_int_equal(bench.process.now.answers, 0);
    sm_allocator_read(&bench.process, 5 * second_ns);
    assert_int_equal(bench.slot->asked, 1); /* one request at a time */
    answer(&bench, 30000000, 6 * second_ns, 1000);
    sm_allocator_read(&bench.process, 6 * second_ns + 1);
    assert_int_equal(bench.process.now.answers, 1);
    assert_true(bench.process.now.slack == 30e6);
    sm_allocator_read(&bench.process, 8 * second_ns);
    assert_int_equal(bench.slot->asked, 2);
    sm_allocator_read(&bench.process, 10 * second_ns); /* not answered any more */
    assert_true(bench.process.now.slack == 30e6);
    assert_true(bench.process.now.slack_age_s > 3.99 && bench.process.now.slack_age_s < 4.01);
    free(bench.slot);
}

static void what_is_not_resident_is_no_slack(void **state) {
    (void)state;
    struct bench bench = bench_make();
    sm_allocator_read(&bench.process, second_ns);
    answer(&bench, 70000000, second_ns, 1000);
    sm_allocator_read(&bench.process, second_ns + 1);
    assert_true(bench.process.now.slack == 40e6);
    free(bench.slot);
}

static void a_slow_answer_is_asked_for_seldom(void **state) {
    (void)state;
    struct bench bench = bench_make();
    sm_allocator_read(&bench.process, second_ns);
    answer(&bench, 1, second_ns, second_ns / 10);
    sm_allocator_read(&bench.process, 2 * second_ns);
    sm_allocator_read(&bench.process, 11 * second_ns);
    assert_int_equal(bench.slot->asked, 1);
    sm_allocator_read(&bench.process, 12 * second_ns + 1);
    assert_int_equal(bench.slot->asked, 2);
    free(bench.slot);
}

static void giving_back_is_counted_when_it_was_done(void **state) {
    (void)state;
    struct bench bench = bench_make();
    struct sm_followed *followed[] = {&bench.process};
    struct sm_sampler sampler = {.followed = followed, .followed_count = 1};
    sm_allocator_read(&bench.process, second_ns);
    assert_int_equal(sm_sampler_give_back(&sampler, second_ns), 1);
    assert_int_equal(bench.slot->give_back, 1);
    bench.slot->answered = 1; /* the request before, answered late */
    sm_allocator_read(&bench.process, 2 * second_ns);
    assert_int_equal(bench.process.now.give_back_asked, 1);
    assert_int_equal(bench.process.now.give_back_done, 0);
    answer(&bench, 5, 3 * second_ns, 1000);
    sm_allocator_read(&bench.process, 4 * second_ns);
    assert_int_equal(bench.process.now.give_back_done, 1);
    sm_allocator_read(&bench.process, 5 * second_ns);
    assert_int_equal(bench.slot->give_back, 0);
    free(bench.slot);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_as_old_as_it_is),
        cmocka_unit_test(what_is_not_resident_is_no_slack),
        cmocka_unit_test(a_slow_answer_is_asked_for_seldom),
        cmocka_unit_test(giving_back_is_counted_when_it_was_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
