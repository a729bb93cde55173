#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/schedule.h"

#define SECOND_NS INT64_C(1000000000)
#define BEGIN_NS  (INT64_C(12345) * SECOND_NS) /* as if the machine had been up for a while */

static struct sm_schedule_options steady(enum sm_arrivals arrivals, double rate_per_s) {
    return (struct sm_schedule_options){
        .arrivals = arrivals, .rate_per_s = rate_per_s, .burst = 1, .seed = 42};
}

/* Units due in [BEGIN_NS, BEGIN_NS + seconds). */
static int64_t due_within(const struct sm_schedule *schedule, double seconds) {
    struct sm_cursor cursor;
    sm_cursor_begin(&cursor, schedule);
    while (cursor.due_ns < BEGIN_NS + (int64_t)(seconds * 1e9))
        sm_cursor_next(&cursor);
    return cursor.number;
}

static void uniform_arrivals_keep_their_times(void **state) {
    (void)state;
    struct sm_schedule_options options = steady(SM_ARRIVALS_UNIFORM, 2999.7);
    struct sm_schedule *schedule = sm_schedule_new(&options, BEGIN_NS);
    struct sm_cursor cursor;
    sm_cursor_begin(&cursor, schedule);
    for (int64_t number = 0; number < 3000000; number++) {
        assert_int_equal(cursor.number, number);
        double exact_ns = (double)(number + 1) / 2999.7 * 1e9;
        assert_true(fabs((double)(cursor.due_ns - BEGIN_NS) - exact_ns) <= 1.01);
        sm_cursor_next(&cursor);
    }
    sm_schedule_free(schedule);
}

/* Gaps of a Poisson process: mean and standard deviation are both 1 / rate, and counts in equal
 * spans have a variance equal to their mean. Bounds are over five standard errors. */
static void poisson_arrivals_are_poisson(void **state) {
    (void)state;
    enum { UNITS = 400000, PER_SPAN = 100 };
    struct sm_schedule_options options = steady(SM_ARRIVALS_POISSON, 1000);
    struct sm_schedule *schedule = sm_schedule_new(&options, BEGIN_NS);
    struct sm_cursor cursor;
    sm_cursor_begin(&cursor, schedule);
    double sum = 0, squares = 0, span_squares = 0;
    int64_t last_ns = BEGIN_NS, span = 0, in_span = 0, spans = 0;
    for (int i = 0; i < UNITS; i++) {
        double gap = (double)(cursor.due_ns - last_ns) / 1e6;
        assert_true(gap >= 0);
        sum += gap;
        squares += gap * gap;
        last_ns = cursor.due_ns;
        for (; (last_ns - BEGIN_NS) / (PER_SPAN * 1000000) > span; span++, spans++) {
            span_squares += (double)((in_span - PER_SPAN) * (in_span - PER_SPAN));
            in_span = 0;
        }
        in_span++;
        sm_cursor_next(&cursor);
    }
    double mean = sum / UNITS, deviation = sqrt(squares / UNITS - mean * mean);
    assert_true(fabs(mean - 1) < 0.01);
    assert_true(fabs(deviation - 1) < 0.015);
    assert_true(fabs(span_squares / (double)spans / PER_SPAN - 1) < 0.12);
    sm_schedule_free(schedule);
}

static void same_options_same_times(void **state) {
    (void)state;
    struct sm_schedule_options options = steady(SM_ARRIVALS_POISSON, 500), other = options;
    other.seed++;
    struct sm_schedule *one = sm_schedule_new(&options, BEGIN_NS);
    struct sm_schedule *two = sm_schedule_new(&options, BEGIN_NS + 77);
    struct sm_schedule *three = sm_schedule_new(&other, BEGIN_NS);
    struct sm_cursor a, b, c;
    sm_cursor_begin(&a, one);
    sm_cursor_begin(&b, two);
    sm_cursor_begin(&c, three);
    int different = 0;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(a.due_ns + 77, b.due_ns);
        different += a.due_ns != c.due_ns;
        sm_cursor_next(&a);
        sm_cursor_next(&b);
        sm_cursor_next(&c);
    }
    assert_true(different > 9990);
    sm_schedule_free(one);
    sm_schedule_free(two);
    sm_schedule_free(three);
}

static void ramps_offer_their_integral(void **state) {
    (void)state;
    struct sm_schedule_options options = steady(SM_ARRIVALS_UNIFORM, 100);
    options.rate_to_per_s = 500;
    options.ramp_s = 10;
    struct sm_schedule *schedule = sm_schedule_new(&options, BEGIN_NS);
    assert_int_equal(due_within(schedule, 5.0005), 1000); /* (100 + 300) / 2 x 5 */
    assert_int_equal(due_within(schedule, 10.0005), 3000);
    assert_int_equal(due_within(schedule, 12.0005), 4000);
    sm_schedule_free(schedule);
    options.rate_per_s = 500;
    options.rate_to_per_s = 0;
    schedule = sm_schedule_new(&options, BEGIN_NS);
    assert_int_equal(due_within(schedule, 5.0005), 1875);
    struct sm_cursor cursor;
    sm_cursor_begin(&cursor, schedule);
    while (cursor.due_ns != SM_NEVER_NS)
        sm_cursor_next(&cursor);
    assert_in_range(cursor.number, 2499, 2500);
    sm_schedule_free(schedule);
}

static void factors_scale_and_pause(void **state) {
    (void)state;
    struct sm_schedule_options options = steady(SM_ARRIVALS_UNIFORM, 1000);
    struct sm_schedule *schedule = sm_schedule_new(&options, BEGIN_NS);
    assert_int_equal(sm_schedule_set_factor(schedule, BEGIN_NS + 1 * SECOND_NS, 0.5), 0);
    assert_int_equal(sm_schedule_set_factor(schedule, BEGIN_NS + 2 * SECOND_NS + 1000000, 0), 0);
    assert_int_equal(due_within(schedule, 2.5), 1500);
    assert_int_equal(sm_schedule_set_factor(schedule, BEGIN_NS + 5 * SECOND_NS, 3), 0);
    assert_int_equal(due_within(schedule, 1.0005), 1000);
    assert_int_equal(due_within(schedule, 2.0001), 1500);
    assert_int_equal(due_within(schedule, 4.9999), 1500);
    assert_int_equal(due_within(schedule, 6.0001), 4500);
    sm_schedule_free(schedule);
}

/* A pause in the middle of a gap leaves the rest of the gap for afterwards. */
static void a_pause_moves_what_is_due_after_it(void **state) {
    (void)state;
    struct sm_schedule_options options = steady(SM_ARRIVALS_UNIFORM, 1);
    struct sm_schedule *schedule = sm_schedule_new(&options, BEGIN_NS);
    struct sm_cursor cursor;
    sm_cursor_begin(&cursor, schedule);
    assert_int_equal(cursor.due_ns, BEGIN_NS + SECOND_NS);
    sm_schedule_set_factor(schedule, BEGIN_NS + SECOND_NS / 4, 0);
    sm_cursor_refresh(&cursor);
    assert_true(cursor.due_ns == SM_NEVER_NS);
    sm_schedule_set_factor(schedule, BEGIN_NS + 10 * SECOND_NS, 1);
    sm_cursor_refresh(&cursor);
    assert_int_equal(cursor.due_ns, BEGIN_NS + 10 * SECOND_NS + 3 * SECOND_NS / 4);
    sm_schedule_free(schedule);
}

/* A change during a ramp, when a cursor already looks beyond the ramp's end. */
static void factors_change_during_a_ramp(void **state) {
    (void)state;
    struct sm_schedule_options options = steady(SM_ARRIVALS_UNIFORM, 0);
    options.rate_to_per_s = 1;
    options.ramp_s = 2;
    struct sm_schedule *schedule = sm_schedule_new(&options, BEGIN_NS);
    struct sm_cursor cursor;
    sm_cursor_begin(&cursor, schedule); /* the integral is 1 at the end of the ramp */
    assert_in_range(cursor.due_ns, BEGIN_NS + 2 * SECOND_NS - 2, BEGIN_NS + 2 * SECOND_NS + 2);
    sm_schedule_set_factor(schedule, BEGIN_NS + SECOND_NS, 0); /* at a quarter */
    sm_cursor_refresh(&cursor);
    assert_true(cursor.due_ns == SM_NEVER_NS);
    sm_schedule_set_factor(schedule, BEGIN_NS + 5 * SECOND_NS, 3); /* three quarters at 3/s */
    sm_cursor_refresh(&cursor);
    assert_in_range(cursor.due_ns, BEGIN_NS + INT64_C(5249999998), BEGIN_NS + INT64_C(5250000002));
    sm_schedule_free(schedule);
}

/* Two cursors, one far behind: both see the same units, whatever changes in between. */
static void cursors_agree_across_changes(void **state) {
    (void)state;
    enum { UNITS = 50000 };
    struct sm_schedule_options options = steady(SM_ARRIVALS_POISSON, 1000);
    options.rate_to_per_s = 4000;
    options.ramp_s = 7;
    struct sm_schedule *schedule = sm_schedule_new(&options, BEGIN_NS);
    struct sm_cursor ahead, behind;
    int64_t *due_ns = calloc(UNITS, sizeof *due_ns);
    unsigned seed = 9;
    sm_cursor_begin(&ahead, schedule);
    behind = ahead;
    for (int i = 0; i < UNITS; i++) {
        due_ns[i] = ahead.due_ns;
        assert_true(i == 0 || due_ns[i] >= due_ns[i - 1]);
        sm_cursor_next(&ahead);
        if (rand_r(&seed) % 500 == 0) {
            double factor = 0.1 + rand_r(&seed) % 30 / 10.0;
            assert_int_equal(sm_schedule_set_factor(schedule, due_ns[i] + 100, factor), 0);
            sm_cursor_refresh(&ahead);
            sm_cursor_refresh(&behind);
        }
        if (i % 2 == 1) {
            assert_int_equal(behind.due_ns, due_ns[i / 2]);
            sm_cursor_next(&behind);
        }
    }
    while (behind.number < UNITS) {
        assert_int_equal(behind.due_ns, due_ns[behind.number]);
        sm_cursor_next(&behind);
    }
    free(due_ns);
    sm_schedule_free(schedule);
}

static void bursts_come_together(void **state) {
    (void)state;
    struct sm_schedule_options options = steady(SM_ARRIVALS_UNIFORM, 1000);
    options.burst = 50;
    struct sm_schedule *schedule = sm_schedule_new(&options, BEGIN_NS);
    struct sm_cursor cursor;
    sm_cursor_begin(&cursor, schedule);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(cursor.due_ns, BEGIN_NS + (i / 50 + 1) * SECOND_NS / 20);
        sm_cursor_next(&cursor);
    }
    sm_schedule_free(schedule);
}

static void a_count_ends_it(void **state) {
    (void)state;
    struct sm_schedule_options options = steady(SM_ARRIVALS_UNIFORM, 0);
    options.count = 7; /* no rate: all at once */
    struct sm_schedule *schedule = sm_schedule_new(&options, BEGIN_NS);
    struct sm_cursor cursor;
    sm_cursor_begin(&cursor, schedule);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(cursor.due_ns, BEGIN_NS);
        sm_cursor_next(&cursor);
    }
    assert_true(cursor.due_ns == SM_NEVER_NS);
    sm_schedule_free(schedule);
    sm_schedule_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_arrivals_keep_their_times),
        cmocka_unit_test(poisson_arrivals_are_poisson),
        cmocka_unit_test(same_options_same_times),
        cmocka_unit_test(ramps_offer_their_integral),
        cmocka_unit_test(factors_scale_and_pause),
        cmocka_unit_test(a_pause_moves_what_is_due_after_it),
        cmocka_unit_test(factors_change_during_a_ramp),
        cmocka_unit_test(cursors_agree_across_changes),
        cmocka_unit_test(bursts_come_together),
        cmocka_unit_test(a_count_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
