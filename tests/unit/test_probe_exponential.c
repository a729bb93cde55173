/* The arithmetic of sampling against libm. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/exponential.h"

static uint64_t state = 42;

static uint64_t next(void) {
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = state;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void weights_are_those_of_libm(void **unused) {
    (void)unused;
    for (uint64_t interval = 2; interval < UINT64_C(1) << 32; interval *= 3) {
        for (uint64_t bytes = 1; bytes < UINT64_C(1) << 40; bytes = bytes * 5 / 2 + 1) {
            double exact = 1024.0 / -expm1(-(double)bytes / (double)interval);
            double got = (double)smp_weight_q10(bytes, interval);
            assert_true(fabs(got - exact) <= 0.5 + exact * 1e-9);
        }
    }
    assert_int_equal(smp_weight_q10(100, 1), 1024);
    assert_int_equal(smp_weight_q10(0, 4096), 1024);
}

static void draws_are_those_of_libm(void **unused) {
    (void)unused;
    for (int i = 0; i < 100000; i++) {
        uint64_t random = next();
        double uniform = ((double)(random >> 11) + 1.0) * 0x1p-53;
        double exact = -log(uniform) * 524288.0;
        int64_t got = smp_exponential(random, 524288);
        assert_true(got >= 1);
        assert_true(fabs((double)got - exact) <= 1.0 + exact * 1e-8);
    }
    assert_true(smp_exponential(UINT64_MAX, 1) >= 1);
    assert_true(smp_exponential(0, UINT64_MAX) > 0);
}

static void draws_have_the_mean(void **unused) {
    (void)unused;
    const double mean = 65536;
    double sum = 0, squares = 0;
    const int count = 400000;
    for (int i = 0; i < count; i++) {
        double draw = (double)smp_exponential(next(), 65536);
        sum += draw;
        squares += draw * draw;
    }
    double average = sum / count;
    assert_true(fabs(average - mean) < 4 * mean / sqrt(count));
    double deviation = sqrt(squares / count - average * average);
    assert_true(fabs(deviation - mean) < mean * 0.02);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_those_of_libm),
        cmocka_unit_test(draws_are_those_of_libm),
        cmocka_unit_test(draws_have_the_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
