/* The ratios over pairs and their way into the record and back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/own_cost.h"

static int near(double a, double b) {
    return fabs(a - b) < 1e-6;
}

static void a_ratio_comes_with_its_interval(void **state) {
    (void)state;
    /* Logarithms 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, t(2) = 4.303. */
    const double without[] = {1, 2, 4};
    const double with[] = {exp(.1), 2 * exp(.2), 4 * exp(.3)};
    struct sm_ratio ratio = sm_ratio_of_pairs(with, without, 3);
    double margin = 4.303 * .1 / sqrt(3);
    assert_true(near(ratio.value, exp(.2)));
    assert_true(near(ratio.low, exp(.2 - margin)));
    assert_true(near(ratio.high, exp(.2 + margin)));
    assert_true(isnan(sm_ratio_of_pairs(with, without, 1).value));
}

static void the_record_carries_it(void **state) {
    (void)state;
    const struct sm_own_cost cost = {.pairs = 5,
                                     .cycle_s = 3,
                                     .cpu_with_s = 2e-6,
                                     .cpu_without_s = 1e-6,
                                     .cpu = {2, 1.5, 2.5},
                                     .latency_p50 = {1, .9, 1.1},
                                     .latency_p99 = {NAN, NAN, NAN},
                                     .note = "say \"why\""};
    char *text = sm_own_cost_json(&cost);
    struct sm_meta meta = {.key = (char[]){SM_META_OWN_COST}, .value = text};
    struct sm_run run = {.metas = &meta, .metas_count = 1};
    struct sm_own_cost read;
    assert_int_equal(sm_own_cost_of_run(&run, &read), 0);
    assert_int_equal(read.pairs, 5);
    assert_true(near(read.cpu.high, 2.5) && near(read.latency_p50.low, .9));
    assert_true(isnan(read.latency_p99.value));
    assert_true(near(read.cpu_with_s * 1e6, 2));
    assert_string_equal(read.note, "say \"why\"");
    free(text);
    run.metas_count = 0;
    assert_true(sm_own_cost_of_run(&run, &read) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_ratio_comes_with_its_interval),
                                       cmocka_unit_test(the_record_carries_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
