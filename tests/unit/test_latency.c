/* Latencies of a phase against the sorted list of all of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reports/histogram.h"
#include "reports/latency.h"

enum { INTERVALS = 6, OF_AN_INTERVAL = 500 };
static const int64_t SECOND_NS = 1000000000;

static struct sm_phase phases[] = {
    {.id = 1, .name = (char *)"warm-up", .from_ns = 0, .to_ns = 2000000000, .load_factor = 1},
    {.id = 2,
     .name = (char *)"load",
     .from_ns = 2000000000,
     .to_ns = 6000000000,
     .load_factor = 1}};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A second each; only the fourth is slow. `all` gets the latencies of the second phase. */
static void fill(struct sm_load_interval *rows, double *all) {
    uint64_t state = 7;
    for (size_t i = 0; i < INTERVALS; i++) {
        struct sm_histogram *histogram = sm_histogram_new();
        assert_non_null(histogram);
        for (size_t k = 0; k < OF_AN_INTERVAL; k++) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            int64_t ns = 1000000 + (int64_t)(state >> 44) * (i == 3 ? 100 : 1);
            sm_histogram_record(histogram, ns);
            if (i >= 2)
                all[(i - 2) * OF_AN_INTERVAL + k] = (double)ns / 1e9;
        }
        rows[i] = (struct sm_load_interval){
            .from_ns = (int64_t)i * SECOND_NS,
            .to_ns = (int64_t)(i + 1) * SECOND_NS,
            .accepted = OF_AN_INTERVAL,
            .latency_p99_s = (double)sm_histogram_quantile(histogram, .99) / 1e9};
        rows[i].histogram = sm_histogram_encode(histogram, &rows[i].histogram_bytes);
        assert_non_null(rows[i].histogram);
        sm_histogram_free(histogram);
    }
}

static void a_phase_is_the_sum_of_its_intervals(void **state) {
    (void)state;
    static double all[4 * OF_AN_INTERVAL];
    static const double quantiles[] = {.5, .9, .99, 1};
    struct sm_load_interval rows[INTERVALS];
    struct sm_phase_latency got;
    fill(rows, all);
    qsort(all, 4 * OF_AN_INTERVAL, sizeof *all, compare);
    struct sm_run run = {.phases = phases,
                         .phases_count = 2,
                         .load_intervals = rows,
                         .load_intervals_count = INTERVALS};
    for (size_t i = 0; i < 4; i++) {
        size_t rank = (size_t)ceil(quantiles[i] * 4 * OF_AN_INTERVAL) - 1;
        assert_int_equal(sm_latency_of_phase(&run, &phases[1], quantiles[i], &got), 0);
        assert_true(got.is_whole);
        assert_true(fabs(got.value_s / all[rank] - 1) < .0015);
    }
    assert_int_equal(sm_latency_of_phase(&run, &phases[0], 1, &got), 0);
    assert_true(got.value_s < .003); /* nothing of the slow one */

    free(rows[2].histogram);
    rows[2].histogram = NULL;
    assert_int_equal(sm_latency_of_phase(&run, &phases[1], .99, &got), 0);
    assert_false(got.is_whole);
    assert_true(got.value_s == rows[3].latency_p99_s); /* the worst interval, for want of better */

    run.load_intervals_count = 0;
    assert_int_equal(sm_latency_of_phase(&run, &phases[1], .99, &got), 0);
    assert_true(isnan(got.value_s));
    for (size_t i = 0; i < INTERVALS; i++)
        free(rows[i].histogram);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_phase_is_the_sum_of_its_intervals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
