/* A run against earlier ones: error rates on figures whose truth is known, and the corners. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "random_numbers.h"
#include "reports/baseline.h"

static struct sm_baseline_verdict judge(const double *before, size_t count, double now,
                                        double tolerance, double least, int worse_is_lower) {
    struct sm_baseline_verdict verdict;
    struct sm_baseline_ask ask = {.before = before,
                                  .before_count = count,
                                  .now = &now,
                                  .now_count = 1,
                                  .worse_is_lower = worse_is_lower,
                                  .tolerance = tolerance,
                                  .least = least};
    sm_baseline_judge(&ask, &verdict);
    return verdict;
}

/* Of `trials` new runs at `times` the level, with noise of 2 %, the share of each kind. */
static void shares(size_t runs, double times, double share[4]) {
    enum { TRIALS = 1500 };
    memset(share, 0, 4 * sizeof *share);
    for (int trial = 0; trial < TRIALS; trial++) {
        double before[32];
        for (size_t i = 0; i < runs; i++)
            before[i] = 5e7 * exp(.02 * gaussian());
        double now = 5e7 * times * exp(.02 * gaussian());
        share[judge(before, runs, now, .05, 0, 0).kind] += 1. / TRIALS;
    }
}

static void equal_runs_are_seldom_called_worse(void **state) {
    (void)state;
    static const size_t runs[] = {2, 3, 5, 10, 20};
    double share[4];
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        shares(runs[i], 1, share);
        assert_true(share[SM_BASELINE_WORSE] < .01);
        assert_true(share[SM_BASELINE_BETTER] < .01);
    }
    shares(20, 1, share);
    assert_true(share[SM_BASELINE_UNSURE] < 1);
}

static void a_change_is_found_from_five_runs_on(void **state) {
    (void)state;
    double share[4];
    shares(5, 1.25, share);
    assert_true(share[SM_BASELINE_WORSE] > .97);
    shares(10, 1.15, share);
    assert_true(share[SM_BASELINE_WORSE] > .97);
    shares(5, .75, share);
    assert_true(share[SM_BASELINE_BETTER] > .97);
    shares(10, 1.02, share); /* real, but does not matter */
    assert_true(share[SM_BASELINE_WORSE] < .03);
}

static void the_interval_holds_the_truth(void **state) {
    (void)state;
    enum { TRIALS = 1500 };
    int inside = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        double before[6];
        for (size_t i = 0; i < 6; i++)
            before[i] = 100 + 3 * gaussian() - 120; /* not all above zero: as they are */
        struct sm_baseline_verdict v = judge(before, 6, -10 + 3 * gaussian(), .1, 0, 0);
        inside += v.low <= 10 && v.high >= 10;
    }
    assert_true(inside > TRIALS * .98 && inside < TRIALS * .998);
}

static void few_runs_are_not_enough(void **state) {
    (void)state;
    const double one[] = {100}, three[] = {100, 110, 95}, nothing[] = {NAN, NAN};
    struct sm_baseline_verdict v = judge(one, 1, 130, .05, 0, 0);
    assert_int_equal(v.kind, SM_BASELINE_UNSURE);
    assert_int_equal(v.runs_needed, 3);
    assert_true(isinf(v.high));
    assert_int_equal(judge(one, 1, 100, .05, 0, 0).kind, SM_BASELINE_SAME);
    v = judge(three, 3, 118, .3, 0, 0);
    assert_int_equal(v.kind, SM_BASELINE_UNSURE);
    assert_true(v.runs_needed > 3);
    assert_int_equal(judge(nothing, 2, 1, .05, 0, 0).kind, SM_BASELINE_UNSURE);
    assert_true(isnan(judge(nothing, 2, 1, .05, 0, 0).before));
}

static void counts_that_never_change_are_exact(void **state) {
    (void)state;
    const double none[] = {0, 0, 0, 0, 0}, twelve[] = {12, 12, 12, 12};
    assert_int_equal(judge(none, 5, 0, .05, 0, 0).kind, SM_BASELINE_SAME);
    assert_int_equal(judge(none, 5, 1, .05, 0, 0).kind, SM_BASELINE_WORSE);
    assert_int_equal(judge(none, 5, 1, .05, 2, 0).kind, SM_BASELINE_SAME);
    assert_int_equal(judge(twelve, 4, 13, .05, 0, 0).kind, SM_BASELINE_WORSE);
    assert_int_equal(judge(twelve, 4, 13, .05, 0, 1).kind, SM_BASELINE_BETTER);
    assert_int_equal(judge(twelve, 4, 11, .05, 0, 1).kind, SM_BASELINE_WORSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_runs_are_seldom_called_worse),
        cmocka_unit_test(a_change_is_found_from_five_runs_on),
        cmocka_unit_test(the_interval_holds_the_truth),
        cmocka_unit_test(few_runs_are_not_enough),
        cmocka_unit_test(counts_that_never_change_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
