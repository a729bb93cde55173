#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reports/growth_basis.h"
#include "reports/growth_profile.h"
#include "reports/growth_stats.h"

static void quantiles_of_student_are_those_of_the_tables(void **state) {
    (void)state;
    static const struct {
        double tail;
        int df;
        double t;
    } table[] = {{.025, 1, 12.706}, {.05, 2, 2.920},   {.005, 3, 5.841},  {.01, 4, 3.747},
                 {.001, 9, 4.297},  {.005, 21, 2.831}, {.025, 60, 2.000}, {.01, 1000, 2.330}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_true(fabs(sm_stats_t_above(table[i].tail, table[i].df) - table[i].t) < .001);
}

static void selects_and_medians(void **state) {
    (void)state;
    double odd[] = {5, 1, 4, 2, 3}, even[] = {4, 1, 3, 2}, same[] = {7, 7, 7, 7}, one[] = {9};
    assert_true(sm_stats_median(odd, 5) == 3);
    assert_true(sm_stats_median(even, 4) == 2.5);
    assert_true(sm_stats_median(same, 4) == 7);
    assert_true(sm_stats_median(one, 1) == 9);
    assert_true(sm_stats_median(NULL, 0) == 0);
    for (size_t rank = 0; rank < 5; rank++)
        assert_true(sm_stats_select(odd, 5, rank) == (double)rank + 1);
}

static void closes_gaps_by_lines(void **state) {
    (void)state;
    double values[] = {NAN, 2, NAN, NAN, 8, NAN};
    assert_int_equal(sm_stats_close_gaps(values, 6), 2);
    static const double closed[] = {2, 2, 4, 6, 8, 8};
    for (int i = 0; i < 6; i++)
        assert_true(fabs(values[i] - closed[i]) < 1e-12);
    double none[] = {NAN, NAN};
    assert_int_equal(sm_stats_close_gaps(none, 2), 0);
    assert_true(none[0] == 0 && none[1] == 0);
}

static void block_means_keep_the_area(void **state) {
    (void)state;
    double values[10], means[4];
    for (int i = 0; i < 10; i++)
        values[i] = i;
    sm_stats_block_means(values, 10, means, 4);
    double sum = 0;
    for (int i = 0; i < 4; i++)
        sum += means[i] * 2.5;
    assert_true(fabs(sum - 45) < 1e-9);
    assert_true(fabs(means[0] - (0 + 1 + .5 * 2) / 2.5) < 1e-9);
}

static void polynomials_are_orthonormal_and_know_lines(void **state) {
    (void)state;
    static const size_t sizes[] = {12, 13, 40, 255, 256};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const struct sm_basis *basis = sm_basis_get(sizes[s]);
        assert_non_null(basis);
        assert_ptr_equal(basis, sm_basis_get(sizes[s]));
        for (int a = 0; a < basis->degree; a++)
            for (int b = 0; b <= a; b++) {
                double sum = 0, ones = 0;
                for (size_t i = 0; i < basis->points; i++) {
                    sum += basis->polynomial[a][i] * basis->polynomial[b][i];
                    ones += basis->polynomial[a][i];
                }
                assert_true(fabs(sum - (a == b)) < 1e-9);
                assert_true(fabs(ones) < 1e-9);
            }
    }
    assert_null(sm_basis_get(11));
    assert_null(sm_basis_get(257));
}

static void shapes_rise_by_one_at_most(void **state) {
    (void)state;
    for (int s = 0; s < SM_BASIS_SHAPES; s++) {
        double last = 0;
        for (int i = 0; i <= 100; i++) {
            double height = sm_shape_at(&sm_shapes[s], i / 100.);
            assert_true(height >= last - 1e-12 && height <= 1 + 1e-12);
            last = height;
        }
    }
}

static void a_profile_finds_the_line_under_a_saturation(void **state) {
    (void)state;
    double values[300];
    for (int i = 0; i < 300; i++)
        values[i] = 1e9 + 500. * i / 10 + 2e5 * (1 - exp(-i / 12.)) + 40 * sin(i * 1.7);
    struct sm_profile_ask ask = {
        .seconds = 30, .alpha_growing = .01, .alpha_bounded = .01, .slowest = {.95, .3}};
    struct sm_profile profile;
    assert_int_equal(sm_profile_fit(values, 300, &ask, &profile), 0);
    assert_true(profile.low < 500 && 500 < profile.high);
    assert_true(profile.plain_rate > 900);
    assert_true(profile.shape >= 0);
    assert_true(sm_profile_fit(values, 11, &ask, &profile) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_of_student_are_those_of_the_tables),
        cmocka_unit_test(selects_and_medians),
        cmocka_unit_test(closes_gaps_by_lines),
        cmocka_unit_test(block_means_keep_the_area),
        cmocka_unit_test(polynomials_are_orthonormal_and_know_lines),
        cmocka_unit_test(shapes_rise_by_one_at_most),
        cmocka_unit_test(a_profile_finds_the_line_under_a_saturation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
