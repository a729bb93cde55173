#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reports/timeline.h"

#define S INT64_C(1000000000)

static struct sm_series series[] = {{1, 0, "heap", SM_UNIT_BYTES}};
static struct sm_sample samples[] = {
    {1, 1 * S, 10, 10, 10}, {1, 2 * S, 20, 15, 90}, {1, 3 * S, 30, 30, 30}, {1, 4 * S, 40, 40, 40}};
static struct sm_phase phases[] = {{1, "calm", 1, 0, 2 * S, 1, 0, 0},
                                   {2, "fault", 1, 2 * S, -1, 1, 1, 0}};
static const struct sm_run run = {.series = series,
                                  .series_count = 1,
                                  .samples = samples,
                                  .samples_count = 4,
                                  .phases = phases,
                                  .phases_count = 2};

static void levels_hold_until_the_next_sample(void **state) {
    (void)state;
    assert_true(sm_timeline_at(&run, series, 0) == sm_timeline_at(&run, series, S));
    assert_true(isnan(sm_timeline_at(&run, series, -1)));
    assert_true(sm_timeline_at(&run, series, S) == 10);
    assert_true(sm_timeline_at(&run, series, 3 * S - 1) == 20);
    assert_true(sm_timeline_at(&run, series, 99 * S) == 40);
    assert_true(isnan(sm_timeline_at(&run, NULL, S)));
}

static void peaks_see_what_was_between_samples(void **state) {
    (void)state;
    assert_true(sm_timeline_peak(&run, series, 0, 9 * S) == 90);
    assert_true(sm_timeline_peak(&run, series, 3 * S, 9 * S) == 40);
    assert_true(isnan(sm_timeline_peak(&run, NULL, 0, S)));
}

static void an_open_phase_ends_with_the_samples(void **state) {
    (void)state;
    int64_t from_ns, to_ns;
    assert_int_equal(sm_timeline_phase_end(&run, &phases[1]), 4 * S);
    assert_true(sm_timeline_range(&run, &from_ns, &to_ns));
    assert_true(from_ns == 0 && to_ns == 4 * S);
}

static void a_run_of_nothing_has_no_range(void **state) {
    (void)state;
    int64_t from_ns, to_ns;
    const struct sm_run empty = {0};
    assert_false(sm_timeline_range(&empty, &from_ns, &to_ns));
}

static void a_few_odd_samples_do_not_move_a_slope(void **state) {
    (void)state;
    double t[40], v[40], error;
    for (int i = 0; i < 40; i++) {
        t[i] = i;
        v[i] = 100 + 3 * i;
    }
    assert_true(fabs(sm_timeline_slope_of(t, v, 40, &error) - 3) < 1e-9);
    assert_true(error < 1e-6);
    v[7] = v[22] = 1e6;
    assert_true(fabs(sm_timeline_slope_of(t, v, 40, &error) - 3) < .2);
    assert_true(error > 1);
}

static void a_slope_of_one_point_is_unknown(void **state) {
    (void)state;
    double t = 1, v = 1, error;
    assert_true(isnan(sm_timeline_slope_of(&t, &v, 1, &error)));
    assert_true(isnan(sm_timeline_slope_of(&t, &v, 0, &error)));
}

static void the_rise_is_where_memory_rose_most(void **state) {
    (void)state;
    assert_ptr_equal(sm_timeline_rise(&run, series), &phases[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_hold_until_the_next_sample),
        cmocka_unit_test(peaks_see_what_was_between_samples),
        cmocka_unit_test(an_open_phase_ends_with_the_samples),
        cmocka_unit_test(a_run_of_nothing_has_no_range),
        cmocka_unit_test(a_few_odd_samples_do_not_move_a_slope),
        cmocka_unit_test(a_slope_of_one_point_is_unknown),
        cmocka_unit_test(the_rise_is_where_memory_rose_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
