/* Verdicts on made-up series whose truth is known by construction. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random_numbers.h"
#include "reports/growth.h"
#include "tests/accuracy/known_after.h"

static const double HZ = 10;
static const double MB = 1e6;

/* ---- making traces ---- */

/* A trace of phases, each "ILFRS" letter for `seconds`, with a heap column of zeros. */
static struct sm_trace *make(enum sm_trace_plan plan, const char *phases, const double *seconds) {
    static const char letters[] = "ILFRS";
    size_t count = 0, used = 0;
    for (size_t i = 0; phases[i]; i++)
        count += (size_t)(seconds[i] * HZ);
    struct sm_trace *trace = sm_trace_new(count);
    assert_non_null(trace);
    assert_non_null(sm_trace_add_column(trace, "t"));
    assert_non_null(sm_trace_add_column(trace, "heap"));
    assert_non_null(sm_trace_add_column(trace, "sent"));
    assert_non_null(sm_trace_add_column(trace, "done"));
    trace->plan = plan;
    trace->rate_hz = HZ;
    for (size_t i = 0; phases[i]; i++)
        for (size_t k = 0; k < (size_t)(seconds[i] * HZ); k++, used++) {
            trace->phase[used] = (uint8_t)(strchr(letters, phases[i]) - letters);
            trace->t[used] = (double)(used + 1) / HZ;
            int loaded = phases[i] != 'I' && phases[i] != 'S';
            trace->sent[used] = (used ? trace->sent[used - 1] : 0) + (loaded ? 10 : 0);
            trace->done[used] = trace->sent[used];
        }
    random_state = 42;
    return trace;
}

/* 60 s of load between 2 s of idling and 3 s of rest. */
static struct sm_trace *watched(void) {
    return make(SM_PLAN_PASSIVE, "ILS", (double[]){2, 60, 3});
}

/* 20 s of a slow consumer between load and recovery. */
static struct sm_trace *faulted(void) {
    return make(SM_PLAN_FAULT, "ILFRS", (double[]){2, 8, 20, 10, 4});
}

/* Eight cycles with doses 1 2 2 1 1 2 2 1. */
static struct sm_trace *cycled(void) {
    struct sm_trace *trace = make(SM_PLAN_CYCLES, "ILSLSLSLSLSLSLSLS",
                                  (double[]){2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2});
    static const int dose[] = {1, 2, 2, 1, 1, 2, 2, 1};
    int cycle = -1;
    for (size_t i = 1; i < trace->count; i++) {
        int loaded = trace->phase[i] == SM_TRACE_LOAD;
        cycle += loaded && trace->phase[i - 1] != SM_TRACE_LOAD;
        trace->sent[i] = trace->sent[i - 1] + (loaded ? 10 * dose[cycle] : 0);
        trace->done[i] = trace->sent[i];
    }
    return trace;
}

/* Seconds since the first load began, at least 0. */
static double load_time(const struct sm_trace *trace, size_t i) {
    return fmax(0, trace->t[i] - 2);
}

static struct sm_verdict judge(const struct sm_trace *trace, double resolution, double cap) {
    struct sm_verdict verdict;
    assert_int_equal(
        sm_growth_judge(trace, SM_CHANNEL_HEAP, trace->heap, resolution, cap, &verdict), 0);
    return verdict;
}

/* What a live run knew after its first seconds. */
static struct sm_verdict judge_upto(const struct sm_trace *trace, double resolution, double cap,
                                    double upto_s) {
    struct sm_trace known = known_after(trace, upto_s);
    return judge(&known, resolution, cap);
}

#define FOR_EACH(trace, i) for (size_t i = 0; i < (trace)->count; i++)

/* ---- watched load ---- */

static void nothing_is_bounded(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    struct sm_verdict verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_BOUNDED);
    assert_true(verdict.bound == 0 && verdict.peak == 0);
    FOR_EACH(trace, i) trace->heap[i] = 5 * MB;
    verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_BOUNDED);
    assert_true(verdict.bound == 5 * MB);
    assert_true(verdict.decided_at_s > 61 && verdict.decided_at_s < 63);
    sm_trace_free(trace);
}

static void a_line_without_noise_grows_at_its_rate(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    FOR_EACH(trace, i) trace->heap[i] = 3 * MB + 50000 * load_time(trace, i);
    struct sm_verdict verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_GROWING);
    assert_true(fabs(verdict.rate_per_s - 50000) < 500);
    assert_true(verdict.rate_low < 50000 && 50000 < verdict.rate_high);
    assert_non_null(strstr(verdict.why, "50.0 KB/s"));
    sm_trace_free(trace);
}

static void noise_alone_is_bounded(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    double red = 0;
    FOR_EACH(trace, i) {
        red = .9 * red + gaussian();
        trace->heap[i] = 50 * MB + .1 * MB * red;
    }
    assert_int_equal(judge(trace, 40000, 0).kind, SM_VERDICT_BOUNDED);
    struct sm_verdict verdict = judge(trace, 200, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(verdict.needs, "constant load"));
    sm_trace_free(trace);
}

static void a_sawtooth_is_bounded_and_hides_no_leak(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    FOR_EACH(trace, i) {
        trace->heap[i] = 20 * MB + 10 * MB * fmod(trace->t[i], 3.7) / 3.7 + .02 * MB * gaussian();
    }
    assert_int_equal(judge(trace, .2 * MB, 0).kind, SM_VERDICT_BOUNDED);
    FOR_EACH(trace, i) trace->heap[i] += .4 * MB * load_time(trace, i);
    assert_int_equal(judge(trace, .1 * MB, 0).kind, SM_VERDICT_GROWING);
    sm_trace_free(trace);
}

static void a_cache_that_filled_is_bounded(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    FOR_EACH(trace, i) {
        trace->heap[i] =
            10 * MB + 30 * MB * (1 - exp(-load_time(trace, i) / 4)) + .05 * MB * gaussian();
    }
    assert_int_equal(judge(trace, 50000, 0).kind, SM_VERDICT_BOUNDED);
    sm_trace_free(trace);
}

/* Two loads of 30 s and `later_s` with a rest between them; the heap rises by 1 MB/s for `rises_s`
 * of load, and by `leak_per_s` all the time. */
static struct sm_trace *loaded_twice(double later_s, double rises_s, double leak_per_s) {
    struct sm_trace *trace = make(SM_PLAN_PASSIVE, "ILSLS", (double[]){2, 30, 3, later_s, 3});
    double loaded_s = 0;
    FOR_EACH(trace, i) {
        loaded_s += trace->phase[i] == SM_TRACE_LOAD ? 1 / HZ : 0;
        trace->heap[i] = 10 * MB + 1 * MB * fmin(loaded_s, rises_s) + leak_per_s * loaded_s +
                         .02 * MB * gaussian();
    }
    return trace;
}

static void what_a_warm_up_filled_is_bounded_once_the_load_shows_it(void **state) {
    (void)state;
    struct sm_trace *trace = loaded_twice(30, 30, 0);
    assert_int_equal(judge_upto(trace, 50000, 0, 35).kind, SM_VERDICT_GROWING);
    assert_int_equal(judge_upto(trace, 50000, 0, 50).kind, SM_VERDICT_GROWING);
    struct sm_verdict verdict = judge(trace, 50000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_BOUNDED);
    assert_non_null(strstr(verdict.why, "rose in an earlier window"));
    /* What was held beyond the declared bound was held. */
    assert_int_equal(judge(trace, 50000, 10 * MB).kind, SM_VERDICT_GROWING);
    /* Half the load may not reach what leaks. */
    FOR_EACH(trace, i) if (trace->t[i] > 35) trace->sent[i] = trace->sent[i - 1] + 5;
    assert_int_equal(judge(trace, 50000, 0).kind, SM_VERDICT_GROWING);
    sm_trace_free(trace);
}

static void what_grows_is_not_outgrown_by_less(void **state) {
    static const struct {
        double later_s, rises_s, leak_per_s;
    } cases[] = {{20, 30, 0}, {30, 30, 100000}, {30, 60, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sm_trace *trace =
            loaded_twice(cases[i].later_s, cases[i].rises_s, cases[i].leak_per_s);
        assert_int_equal(judge(trace, 50000, 0).kind, SM_VERDICT_GROWING);
        sm_trace_free(trace);
    }
}

static void a_cache_still_filling_is_suspect_only(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    FOR_EACH(trace, i) {
        trace->heap[i] =
            10 * MB + 30 * MB * (1 - exp(-load_time(trace, i) / 35)) + .05 * MB * gaussian();
    }
    struct sm_verdict verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_INCONCLUSIVE);
    assert_true(verdict.suspect);
    assert_non_null(strstr(verdict.needs, "cycles"));
    sm_trace_free(trace);
}

static void a_late_leak_grows(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    FOR_EACH(trace, i) {
        trace->heap[i] = 10 * MB + .1 * MB * fmax(0, trace->t[i] - 25) + .02 * MB * gaussian();
    }
    assert_int_equal(judge(trace, 5000, 0).kind, SM_VERDICT_GROWING);
    sm_trace_free(trace);
}

static void a_load_that_rises_proves_no_growth(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    FOR_EACH(trace, i) {
        double rate = 10 + 20 * load_time(trace, i) / 60;
        if (trace->phase[i] == SM_TRACE_LOAD)
            trace->sent[i] = trace->sent[i - 1] + floor(rate);
        else if (i > 0)
            trace->sent[i] = trace->sent[i - 1];
        trace->heap[i] = 10 * MB + .1 * MB * rate + .01 * MB * gaussian();
    }
    struct sm_verdict verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(verdict.why, "load offered changed"));
    sm_trace_free(trace);
}

static void a_gauge_that_counts_up_grows(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    struct sm_verdict verdict;
    FOR_EACH(trace, i) trace->heap[i] = 50 * floor(load_time(trace, i) / 5);
    assert_int_equal(sm_growth_judge(trace, SM_CHANNEL_OTHER, trace->heap, 1, 0, &verdict), 0);
    assert_int_equal(verdict.kind, SM_VERDICT_GROWING);
    assert_true(verdict.rate_per_s > 9 && verdict.rate_per_s < 11);
    sm_trace_free(trace);
}

static void gaps_are_bridged_and_a_series_of_gaps_is_not_judged(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    FOR_EACH(trace, i) {
        int missing = i < 7 || (i > 200 && i < 240);
        trace->heap[i] = missing ? NAN : 3 * MB + 50000 * load_time(trace, i);
    }
    assert_int_equal(judge(trace, 1000, 0).kind, SM_VERDICT_GROWING);
    FOR_EACH(trace, i) trace->heap[i] = i % 5 ? NAN : 1;
    assert_int_equal(judge(trace, 1000, 0).kind, SM_VERDICT_INCONCLUSIVE);
    FOR_EACH(trace, i) trace->heap[i] = NAN;
    struct sm_verdict verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_INCONCLUSIVE);
    assert_true(isfinite(verdict.peak) && isfinite(verdict.end));
    sm_trace_free(trace);
}

static void few_samples_ask_for_more(void **state) {
    (void)state;
    for (size_t samples = 0; samples < 45; samples++) {
        struct sm_trace *trace = make(SM_PLAN_PASSIVE, "L", (double[]){5});
        FOR_EACH(trace, i) trace->heap[i] = 1000. * (double)i;
        trace->count = samples;
        struct sm_verdict verdict = judge(trace, 1, 0);
        if (samples < 40)
            assert_int_equal(verdict.kind, SM_VERDICT_INCONCLUSIVE);
        assert_true(verdict.kind != SM_VERDICT_INCONCLUSIVE || verdict.needs[0]);
        sm_trace_free(trace);
    }
}

static void a_run_without_phases_is_judged(void **state) {
    (void)state;
    struct sm_trace *trace = make(SM_PLAN_PASSIVE, "I", (double[]){60});
    FOR_EACH(trace, i) trace->heap[i] = 3 * MB + 50000 * trace->t[i];
    assert_int_equal(judge(trace, 1000, 0).kind, SM_VERDICT_GROWING);
    sm_trace_free(trace);
}

/* ---- faults ---- */

/* The heap of a queue behind a consumer that stalls, holding at most `capacity` bytes. */
static void stall(struct sm_trace *trace, double bytes_per_s, double capacity) {
    double queue = 0;
    FOR_EACH(trace, i) {
        queue += trace->phase[i] == SM_TRACE_FAULT ? bytes_per_s / HZ : -3 * bytes_per_s / HZ;
        queue = fmax(0, fmin(queue, capacity));
        trace->heap[i] = 4 * MB + queue + 2000 * gaussian();
    }
}

static void a_backlog_beyond_the_declared_bound_grows(void **state) {
    (void)state;
    struct sm_trace *trace = faulted();
    stall(trace, 1 * MB, INFINITY);
    struct sm_verdict verdict = judge(trace, 1000, 2 * MB);
    assert_int_equal(verdict.kind, SM_VERDICT_GROWING);
    assert_true(verdict.bound_exceeded);
    assert_non_null(strstr(verdict.why, "declared bound exceeded"));
    assert_true(fabs(verdict.rate_per_s - 1 * MB) < .02 * MB);
    sm_trace_free(trace);
}

static void a_backlog_without_a_declared_bound_is_not_settled(void **state) {
    (void)state;
    struct sm_trace *trace = faulted();
    stall(trace, 1 * MB, INFINITY);
    struct sm_verdict verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(verdict.needs, "declared bound"));
    verdict = judge(trace, 1000, 30 * MB);
    assert_int_equal(verdict.kind, SM_VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(verdict.why, "may still be filling"));
    sm_trace_free(trace);
}

static void a_queue_that_fills_is_bounded(void **state) {
    (void)state;
    struct sm_trace *trace = faulted();
    stall(trace, 1 * MB, 6 * MB);
    for (int declared = 0; declared < 2; declared++) {
        struct sm_verdict verdict = judge(trace, 1000, declared ? 6 * MB : 0);
        assert_int_equal(verdict.kind, SM_VERDICT_BOUNDED);
        assert_true(verdict.bound > 9.9 * MB && verdict.bound < 10.1 * MB);
    }
    sm_trace_free(trace);
}

/* ---- cycles ---- */

static void doses_tell_requests_from_time(void **state) {
    (void)state;
    struct sm_trace *trace = cycled();
    FOR_EACH(trace, i) trace->heap[i] = 9 * MB + 700 * trace->done[i] + 500 * gaussian();
    struct sm_verdict verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_GROWING);
    assert_int_equal(verdict.driver, SM_GROWTH_BY_REQUESTS);
    assert_true(verdict.may_stop);
    FOR_EACH(trace, i) trace->heap[i] = 9 * MB + 90000 * trace->t[i] + 500 * gaussian();
    verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_GROWING);
    assert_int_equal(verdict.driver, SM_GROWTH_BY_TIME);
    sm_trace_free(trace);
}

static void a_cache_over_cycles_is_bounded(void **state) {
    (void)state;
    struct sm_trace *trace = cycled();
    FOR_EACH(trace, i) {
        trace->heap[i] = 9 * MB + 20 * MB * (1 - exp(-trace->done[i] / 500)) + 500 * gaussian();
    }
    assert_int_equal(judge(trace, 5000, 0).kind, SM_VERDICT_BOUNDED);
    sm_trace_free(trace);
}

static void few_cycles_ask_for_more(void **state) {
    (void)state;
    struct sm_trace *trace = make(SM_PLAN_CYCLES, "ILSLS", (double[]){2, 4, 2, 4, 2});
    FOR_EACH(trace, i) trace->heap[i] = 700 * trace->done[i];
    struct sm_verdict verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(verdict.needs, "8 cycles"));
    sm_trace_free(trace);
}

static void a_prefix_is_judged_as_the_run_was_then(void **state) {
    (void)state;
    struct sm_trace *trace = cycled();
    FOR_EACH(trace, i) trace->heap[i] = 9 * MB + 700 * trace->done[i] + 500 * gaussian();
    struct sm_verdict early = judge_upto(trace, 1000, 0, 16);
    assert_int_equal(early.kind, SM_VERDICT_INCONCLUSIVE);
    early = judge_upto(trace, 1000, 0, 45);
    assert_int_equal(early.kind, SM_VERDICT_GROWING);
    assert_true(early.decided_at_s <= 44.01);
    struct sm_verdict whole = judge_upto(trace, 1000, 0, early.decided_at_s);
    assert_memory_equal(&early.rate_per_s, &whole.rate_per_s, sizeof whole.rate_per_s);
    sm_trace_free(trace);
}

static void a_bound_that_was_not_kept_ends_a_run(void **state) {
    (void)state;
    struct sm_trace *trace = faulted();
    struct sm_verdict verdict;
    FOR_EACH(trace, i) {
        double stalled = fmin(fmax(0, trace->t[i] - 10), 20);
        trace->heap[i] = 5 * MB + MB * stalled + .01 * MB * gaussian();
    }
    const struct {
        double upto_s;
        int ends;
    } looks[] = {{29, 0}, {32, 1}, {44, 1}};
    for (int i = 0; i < 3; i++) {
        verdict = judge_upto(trace, 1000, 8 * MB, looks[i].upto_s);
        assert_int_equal(verdict.may_stop, looks[i].ends);
    }
    assert_int_equal(verdict.kind, SM_VERDICT_GROWING);
    verdict = judge(trace, 1000, 30 * MB);
    assert_false(verdict.may_stop);
    sm_trace_free(trace);
}

static void watching_never_ends_a_run_early(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    FOR_EACH(trace, i) trace->heap[i] = 3 * MB + 50000 * load_time(trace, i);
    struct sm_verdict verdict = judge(trace, 1000, 0);
    assert_int_equal(verdict.kind, SM_VERDICT_GROWING);
    assert_false(verdict.may_stop);
    sm_trace_free(trace);
}

/* ---- while a run goes on ---- */

/* The first second, from the fifth on, after which growth is suspected; infinite when never. */
static double first_suspected(const struct sm_trace *trace, double resolution) {
    double end = (double)trace->count / trace->rate_hz;
    for (double at = 5; at <= end; at++) {
        struct sm_verdict verdict = judge_upto(trace, resolution, 0, at);
        assert_true(verdict.suspect || verdict.kind != SM_VERDICT_GROWING);
        assert_true(verdict.kind != SM_VERDICT_INCONCLUSIVE || verdict.needs[0]);
        if (verdict.suspect)
            return at;
    }
    return INFINITY;
}

static void a_line_is_suspected_once_it_is_longer_than_a_tooth(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    FOR_EACH(trace, i) {
        trace->heap[i] = 20 * MB + MB * fmod(load_time(trace, i), 8) + .02 * MB * gaussian();
    }
    assert_true(isinf(first_suspected(trace, .2 * MB)));
    FOR_EACH(trace, i) trace->heap[i] = 20 * MB + MB * load_time(trace, i) + .02 * MB * gaussian();
    double at = first_suspected(trace, .2 * MB);
    assert_true(at >= 11 && at <= 13);
    FOR_EACH(trace, i) {
        trace->heap[i] = 20 * MB + .03 * MB * load_time(trace, i) + .002 * MB * gaussian();
    }
    assert_true(first_suspected(trace, 1000) <= 10);
    sm_trace_free(trace);
}

static void noise_that_remembers_is_not_suspected(void **state) {
    (void)state;
    int suspected = 0;
    for (int series = 0; series < 60; series++) {
        struct sm_trace *trace = watched();
        double red = gaussian() * 4.5;
        FOR_EACH(trace, i) {
            red = .95 * red + gaussian(); /* for two seconds */
            trace->heap[i] = 50 * MB + .02 * MB * red;
        }
        suspected += isfinite(first_suspected(trace, 2000));
        sm_trace_free(trace);
    }
    assert_true(suspected <= 1);
}

/* ---- descriptors ---- */

static struct sm_verdict judge_fds(const struct sm_trace *trace) {
    struct sm_verdict verdict;
    assert_int_equal(sm_growth_judge(trace, SM_CHANNEL_FD, trace->heap, 0, 0, &verdict), 0);
    return verdict;
}

static void descriptors_that_leak_now_and_then_grow(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    double open = 30;
    FOR_EACH(trace, i) {
        open += trace->phase[i] == SM_TRACE_LOAD && uniform() < .2;
        trace->heap[i] = open;
    }
    assert_int_equal(judge_fds(trace).kind, SM_VERDICT_GROWING);
    sm_trace_free(trace);
}

static void descriptors_of_a_rising_load_are_bounded_once_closed(void **state) {
    (void)state;
    struct sm_trace *trace = watched();
    FOR_EACH(trace, i) {
        int loaded = trace->phase[i] == SM_TRACE_LOAD;
        double rate = loaded ? 10 + 30 * load_time(trace, i) / 60 : 0;
        trace->sent[i] = (i ? trace->sent[i - 1] : 0) + floor(rate);
        trace->heap[i] = 30 + floor(rate);
    }
    struct sm_verdict verdict = judge_fds(trace);
    assert_int_equal(verdict.kind, SM_VERDICT_BOUNDED);
    assert_non_null(strstr(verdict.why, "followed the load"));
    sm_trace_free(trace);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_bounded),
        cmocka_unit_test(a_line_without_noise_grows_at_its_rate),
        cmocka_unit_test(noise_alone_is_bounded),
        cmocka_unit_test(a_sawtooth_is_bounded_and_hides_no_leak),
        cmocka_unit_test(a_cache_that_filled_is_bounded),
        cmocka_unit_test(a_line_is_suspected_once_it_is_longer_than_a_tooth),
        cmocka_unit_test(noise_that_remembers_is_not_suspected),
        cmocka_unit_test(a_cache_still_filling_is_suspect_only),
        cmocka_unit_test(what_a_warm_up_filled_is_bounded_once_the_load_shows_it),
        cmocka_unit_test(what_grows_is_not_outgrown_by_less),
        cmocka_unit_test(a_late_leak_grows),
        cmocka_unit_test(a_load_that_rises_proves_no_growth),
        cmocka_unit_test(a_gauge_that_counts_up_grows),
        cmocka_unit_test(gaps_are_bridged_and_a_series_of_gaps_is_not_judged),
        cmocka_unit_test(few_samples_ask_for_more),
        cmocka_unit_test(a_run_without_phases_is_judged),
        cmocka_unit_test(a_backlog_beyond_the_declared_bound_grows),
        cmocka_unit_test(a_backlog_without_a_declared_bound_is_not_settled),
        cmocka_unit_test(a_queue_that_fills_is_bounded),
        cmocka_unit_test(doses_tell_requests_from_time),
        cmocka_unit_test(a_cache_over_cycles_is_bounded),
        cmocka_unit_test(few_cycles_ask_for_more),
        cmocka_unit_test(a_prefix_is_judged_as_the_run_was_then),
        cmocka_unit_test(a_bound_that_was_not_kept_ends_a_run),
        cmocka_unit_test(watching_never_ends_a_run_early),
        cmocka_unit_test(descriptors_that_leak_now_and_then_grow),
        cmocka_unit_test(descriptors_of_a_rising_load_are_bounded_once_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
