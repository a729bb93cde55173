#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/histogram.h"

enum { VALUES = 20000 };

static int by_value(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* Log-uniform from 1 ns to 1 h, so that every scale is met. */
static void fill(int64_t *values, size_t count, unsigned seed) {
    for (size_t i = 0; i < count; i++)
        values[i] = (int64_t)pow(3.6e12, rand_r(&seed) / (double)RAND_MAX);
}

static struct sm_histogram *histogram_of(const int64_t *values, size_t count) {
    struct sm_histogram *histogram = sm_histogram_new();
    assert_non_null(histogram);
    for (size_t i = 0; i < count; i++)
        sm_histogram_record(histogram, values[i]);
    return histogram;
}

static void assert_same(const struct sm_histogram *one, const struct sm_histogram *other) {
    size_t one_bytes, other_bytes;
    void *a = sm_histogram_encode(one, &one_bytes), *b = sm_histogram_encode(other, &other_bytes);
    assert_int_equal(one_bytes, other_bytes);
    assert_memory_equal(a, b, one_bytes);
    free(a);
    free(b);
}

static void empty_histogram(void **state) {
    (void)state;
    struct sm_histogram *histogram = sm_histogram_new();
    assert_int_equal(sm_histogram_count(histogram), 0);
    assert_int_equal(sm_histogram_quantile(histogram, 0.5), 0);
    assert_int_equal(sm_histogram_max(histogram), 0);
    sm_histogram_free(histogram);
    sm_histogram_free(NULL);
}

/* A quantile is never below the exact one, and above it by less than a thousandth. */
static void quantiles_have_three_digits(void **state) {
    (void)state;
    static const double quantiles[] = {0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};
    int64_t *values = calloc(VALUES, sizeof *values);
    for (unsigned seed = 1; seed <= 5; seed++) {
        fill(values, VALUES, seed);
        struct sm_histogram *histogram = histogram_of(values, VALUES);
        qsort(values, VALUES, sizeof *values, by_value);
        assert_int_equal(sm_histogram_count(histogram), VALUES);
        assert_int_equal(sm_histogram_max(histogram), values[VALUES - 1]);
        for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
            int64_t rank = (int64_t)ceil(quantiles[i] * VALUES);
            int64_t exact = values[rank > 0 ? rank - 1 : 0];
            int64_t told = sm_histogram_quantile(histogram, quantiles[i]);
            assert_true(told >= exact);
            assert_true((double)(told - exact) <= (double)exact / 1000);
        }
        sm_histogram_free(histogram);
    }
    free(values);
}

static void single_values_at_every_edge(void **state) {
    (void)state;
    for (int shift = 0; shift < 41; shift++) {
        for (int64_t around = -1; around <= 1; around++) {
            int64_t value = (INT64_C(1) << shift) + around;
            struct sm_histogram *histogram = histogram_of(&value, 1);
            assert_int_equal(sm_histogram_quantile(histogram, 0.5), value);
            sm_histogram_record(histogram, value * 2);
            int64_t lower = sm_histogram_quantile(histogram, 0.25);
            assert_true(lower >= value && (double)(lower - value) <= (double)value / 1000);
            sm_histogram_free(histogram);
        }
    }
}

static void values_out_of_range(void **state) {
    (void)state;
    const int64_t values[] = {-5, INT64_MAX, INT64_MIN, INT64_C(3600000000001)};
    struct sm_histogram *histogram = histogram_of(values, 4);
    assert_int_equal(sm_histogram_count(histogram), 4);
    assert_int_equal(sm_histogram_quantile(histogram, 0.5), 0);
    assert_int_equal(sm_histogram_max(histogram), INT64_MAX);
    assert_int_equal(sm_histogram_quantile(histogram, 1), INT64_MAX);
    sm_histogram_free(histogram);
}

/* Adding histograms is the same as recording all values into one. */
static void addition_is_exact(void **state) {
    (void)state;
    int64_t *values = calloc(VALUES, sizeof *values);
    fill(values, VALUES, 7);
    struct sm_histogram *whole = histogram_of(values, VALUES), *sum = sm_histogram_new();
    for (size_t from = 0; from < VALUES; from += VALUES / 8) {
        struct sm_histogram *part = histogram_of(values + from, VALUES / 8);
        sm_histogram_add(sum, part);
        sm_histogram_free(part);
    }
    assert_same(sum, whole);
    sm_histogram_reset(sum);
    struct sm_histogram *fresh = sm_histogram_new();
    assert_same(sum, fresh);
    sm_histogram_free(fresh);
    sm_histogram_free(sum);
    sm_histogram_free(whole);
    free(values);
}

static void encoding_round_trips(void **state) {
    (void)state;
    int64_t *values = calloc(VALUES, sizeof *values);
    for (size_t count = 0; count <= VALUES; count = count * 3 + 1) {
        fill(values, count, 11);
        struct sm_histogram *histogram = histogram_of(values, count), *read = sm_histogram_new();
        size_t length;
        void *bytes = sm_histogram_encode(histogram, &length);
        assert_int_equal(sm_histogram_decode_add(read, bytes, length), 0);
        assert_same(read, histogram);
        free(bytes);
        sm_histogram_free(histogram);
        sm_histogram_free(read);
    }
    free(values);
}

/* Whatever is wrong with the bytes, nothing of them is added. */
static void damaged_encodings_add_nothing(void **state) {
    (void)state;
    const int64_t values[] = {3, 900, 70000, 5000000, 5000000, 123456789};
    struct sm_histogram *histogram = histogram_of(values, 6), *to = sm_histogram_new();
    struct sm_histogram *empty = sm_histogram_new();
    size_t length;
    unsigned char *bytes = sm_histogram_encode(histogram, &length);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(sm_histogram_decode_add(to, bytes, cut), -EINVAL);
        assert_same(to, empty);
    }
    unsigned seed = 5;
    unsigned char *damaged = malloc(length + 1);
    for (int round = 0; round < 20000; round++) {
        memcpy(damaged, bytes, length);
        damaged[length] = (unsigned char)rand_r(&seed);
        for (int i = rand_r(&seed) % 3; i >= 0; i--)
            damaged[(size_t)rand_r(&seed) % length] = (unsigned char)rand_r(&seed);
        size_t given = length + (size_t)(rand_r(&seed) % 2);
        int rc = sm_histogram_decode_add(to, damaged, given);
        if (rc == 0) { /* still a histogram: then it is one through and through */
            size_t again_length;
            void *again = sm_histogram_encode(to, &again_length);
            assert_int_equal(again_length, given);
            assert_memory_equal(again, damaged, given);
            free(again);
            sm_histogram_reset(to);
        }
        assert_same(to, empty);
    }
    free(damaged);
    free(bytes);
    sm_histogram_free(empty);
    sm_histogram_free(to);
    sm_histogram_free(histogram);
}

static void counts_do_not_overflow(void **state) {
    (void)state;
    /* One value of 1 ns, counted INT64_MAX times. */
    static const unsigned char full[] = {1,    1,    1,    1,    0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    struct sm_histogram *histogram = sm_histogram_new();
    assert_int_equal(sm_histogram_decode_add(histogram, full, sizeof full), 0);
    assert_int_equal(sm_histogram_count(histogram), INT64_MAX);
    assert_int_equal(sm_histogram_quantile(histogram, 0.5), 1);
    assert_int_equal(sm_histogram_decode_add(histogram, full, sizeof full), -EINVAL);
    assert_int_equal(sm_histogram_count(histogram), INT64_MAX);
    sm_histogram_free(histogram);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_histogram),
        cmocka_unit_test(quantiles_have_three_digits),
        cmocka_unit_test(single_values_at_every_edge),
        cmocka_unit_test(values_out_of_range),
        cmocka_unit_test(addition_is_exact),
        cmocka_unit_test(encoding_round_trips),
        cmocka_unit_test(damaged_encodings_add_nothing),
        cmocka_unit_test(counts_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
