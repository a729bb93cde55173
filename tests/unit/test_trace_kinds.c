/* Causes that a trace alone can show, each on a trace made to have it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "reports/render_verdicts.h"
#include "reports/trace_kinds.h"

static const double HZ = 10, PAYLOAD = 1000, MB = 1e6;

/* 2 s idle, 40 s of load (or 10 s of it, 20 s of fault and 10 s of recovery), 5 s at rest. 20 units
 * a second are sent and done at once. */
static struct sm_trace *make(int with_fault) {
    static const char *const names[] = {"t",    "rate",    "sent", "done", "err",
                                        "heap", "heap_hi", "rss",  "infl", "app"};
    struct sm_trace *trace = sm_trace_new(470);
    assert_non_null(trace);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(sm_trace_add_column(trace, names[i]));
    trace->rate_hz = HZ;
    trace->payload_bytes = PAYLOAD;
    trace->min_rate_bytes_per_s = 1000;
    trace->plan = with_fault ? SM_PLAN_FAULT : SM_PLAN_PASSIVE;
    for (size_t i = 0; i < trace->count; i++) {
        double t = trace->t[i] = (double)(i + 1) / HZ;
        int loaded = t > 2 && t <= 42, fault = with_fault && t > 12 && t <= 32;
        trace->phase[i] = (uint8_t)(t <= 2                 ? SM_TRACE_IDLE
                                    : !loaded              ? SM_TRACE_SETTLE
                                    : fault                ? SM_TRACE_FAULT
                                    : with_fault && t > 32 ? SM_TRACE_RECOVER
                                                           : SM_TRACE_LOAD);
        trace->rate[i] = loaded ? 20 : 0;
        trace->sent[i] = (i ? trace->sent[i - 1] : 0) + (loaded ? 2 : 0);
        trace->done[i] = trace->sent[i];
        trace->heap[i] = trace->heap_hi[i] = 10 * MB + 500 * (double)(i % 3);
        trace->rss[i] = 20 * MB;
    }
    return trace;
}

static struct sm_trace_causes causes_of(const struct sm_trace *trace) {
    struct sm_trace_verdicts verdicts;
    struct sm_trace_causes causes;
    assert_int_equal(sm_trace_judge(trace, &verdicts), 0);
    assert_int_equal(sm_trace_causes(trace, &verdicts, &causes), 0);
    return causes;
}

static unsigned bit(enum sm_cause_kind kind) {
    return 1U << kind;
}

static void a_healthy_trace_has_no_cause(void **state) {
    (void)state;
    struct sm_trace *trace = make(0);
    assert_int_equal(causes_of(trace).bits, 0);
    sm_trace_free(trace);
}

/* Eight cycles, doses 1 2 2 1, of a request or two each, so long that many end in the rest; each
 * leaves `left` bytes when it ends, and every second `per_s`. */
static struct sm_trace *make_long_requests(double left, double per_s) {
    enum { CYCLE = 60, LOADED = 40, LEAD = 20, MOST = 64 };
    static const int apart[] = {20, 10, 10, 20};
    int ends[MOST], begun = 0;
    struct sm_trace *trace = make(0);
    trace->plan = SM_PLAN_CYCLES;
    trace->count = 460;
    for (int i = 0; i < (int)trace->count; i++) {
        int at = (i - LEAD) % CYCLE, loaded = i >= LEAD && at < LOADED, done = 0;
        int every = i >= LEAD ? apart[(i - LEAD) / CYCLE % 4] : 1;
        trace->phase[i] = (uint8_t)(i < LEAD ? SM_TRACE_IDLE
                                    : loaded ? SM_TRACE_LOAD
                                             : SM_TRACE_SETTLE);
        if (loaded && at % every == every - 1) {
            ends[begun] = i + 11 + 7 * begun % 9; /* after 1.1 to 1.9 s */
            begun++;
        }
        for (int k = 0; k < begun; k++)
            done += ends[k] <= i;
        trace->sent[i] = begun;
        trace->done[i] = done;
        trace->infl[i] = 2 * MB * (begun - done);
        trace->heap[i] = 50 * MB + trace->infl[i] + left * done + per_s * fmax(0, trace->t[i] - 2) +
                         500 * (double)(i % 3);
    }
    return trace;
}

static void few_long_requests_that_end_in_the_rest_are_told_from_time(void **state) {
    (void)state;
    struct sm_trace *trace = make_long_requests(.3 * MB, 0);
    assert_true(causes_of(trace).bits & bit(SM_CAUSE_LEAK_PER_REQUEST));
    assert_false(causes_of(trace).bits & bit(SM_CAUSE_LEAK_OVER_TIME));
    sm_trace_free(trace);
    trace = make_long_requests(0, .2 * MB);
    assert_true(causes_of(trace).bits & bit(SM_CAUSE_LEAK_OVER_TIME));
    assert_false(causes_of(trace).bits & bit(SM_CAUSE_LEAK_PER_REQUEST));
    sm_trace_free(trace);
    trace = make_long_requests(0, 0);
    assert_false(causes_of(trace).bits &
                 (bit(SM_CAUSE_LEAK_OVER_TIME) | bit(SM_CAUSE_LEAK_PER_REQUEST)));
    sm_trace_free(trace);
}

static void units_that_vanish_are_silent_loss(void **state) {
    (void)state;
    struct sm_trace *trace = make(0);
    for (size_t i = 0; i < trace->count; i++)
        trace->done[i] -= trace->t[i] > 20 ? 7 : 0;
    struct sm_trace_causes causes = causes_of(trace);
    assert_int_equal(causes.bits, bit(SM_CAUSE_SILENT_LOSS));
    assert_true(causes.lost_units == 7);
    sm_trace_free(trace);
}

static void growth_after_the_load_tells_time_from_requests(void **state) {
    (void)state;
    struct sm_trace *trace = make(0);
    for (size_t i = 0; i < trace->count; i++)
        trace->heap[i] = 10 * MB + 2000 * trace->done[i];
    assert_int_equal(causes_of(trace).bits, bit(SM_CAUSE_LEAK_PER_REQUEST));
    for (size_t i = 0; i < trace->count; i++)
        trace->heap[i] = 10 * MB + 40000 * trace->t[i];
    assert_int_equal(causes_of(trace).bits, bit(SM_CAUSE_LEAK_OVER_TIME));
    sm_trace_free(trace);
}

static void what_piles_up_in_a_fault_is_a_backlog_or_retries(void **state) {
    (void)state;
    struct sm_trace *trace = make(1);
    double queue = 0;
    for (size_t i = 0; i < trace->count; i++) {
        queue += trace->phase[i] == SM_TRACE_FAULT ? 2 : -10;
        queue = queue > 0 ? queue : 0;
        trace->infl[i] = trace->app[i] = queue * PAYLOAD;
        trace->heap[i] += queue * PAYLOAD;
    }
    struct sm_trace_causes causes = causes_of(trace);
    assert_int_equal(causes.bits, bit(SM_CAUSE_BACKLOG));
    assert_true(causes.backlog_bytes > 390 * PAYLOAD && causes.backlog_bytes < 410 * PAYLOAD);
    snprintf(trace->fault_kind, sizeof trace->fault_kind, "fail");
    assert_int_equal(causes_of(trace).bits, bit(SM_CAUSE_RETRY_ACCUMULATION));
    trace->budget = 100 * PAYLOAD;
    assert_int_equal(causes_of(trace).bits,
                     bit(SM_CAUSE_RETRY_ACCUMULATION) | bit(SM_CAUSE_DECLARED_BOUND_EXCEEDED));
    sm_trace_free(trace);
}

static void a_gauge_that_lies_is_an_accounting_mismatch(void **state) {
    (void)state;
    struct sm_trace *trace = make(0);
    for (size_t i = 0; i < trace->count; i++) {
        trace->infl[i] = trace->rate[i] > 0 ? 20 * PAYLOAD : 0;
        trace->app[i] = trace->infl[i] / 2;
    }
    assert_int_equal(causes_of(trace).bits, bit(SM_CAUSE_ACCOUNTING_MISMATCH));
    sm_trace_free(trace);
}

static void resident_memory_kept_is_allocator_retention(void **state) {
    (void)state;
    struct sm_trace *trace = make(0);
    for (size_t i = 0; i < trace->count; i++)
        trace->rss[i] += trace->t[i] > 3 ? 15 * MB : 0;
    struct sm_trace_causes causes = causes_of(trace);
    assert_int_equal(causes.bits, bit(SM_CAUSE_ALLOCATOR_RETENTION));
    assert_true(causes.retained_bytes > 14 * MB && causes.retained_bytes < 16 * MB);
    sm_trace_free(trace);
}

static void resident_memory_that_the_allocator_has_not_is_no_retention(void **state) {
    (void)state;
    struct sm_trace *trace = make(0);
    double *slack = sm_trace_add_column(trace, "slack");
    for (size_t i = 0; i < trace->count; i++) {
        trace->rss[i] += trace->t[i] > 3 ? 15 * MB : 0;
        slack[i] = trace->t[i] < 5 ? NAN : 1 * MB;
    }
    assert_int_equal(causes_of(trace).bits, 0);
    /* The account is from before the load's end: what was freed since is the allocator's, too. */
    for (size_t i = 0; i < trace->count; i++) {
        trace->heap[i] += trace->t[i] < 42 ? 12 * MB : 0;
        trace->heap_hi[i] = trace->heap[i];
    }
    struct sm_trace_causes causes = causes_of(trace);
    assert_int_equal(causes.bits, bit(SM_CAUSE_ALLOCATOR_RETENTION));
    assert_true(causes.retained_bytes > 12 * MB && causes.retained_bytes < 14 * MB);
    sm_trace_free(trace);
}

static void peaks_of_many_payloads_are_amplification(void **state) {
    (void)state;
    struct sm_trace *trace = make(0);
    trace->payload_bytes = 1 * MB;
    for (size_t i = 0; i < trace->count; i++) {
        trace->infl[i] = trace->app[i] = trace->rate[i] > 0 && i % 5 == 0 ? 1 * MB : 0;
        trace->sent[i] = trace->done[i] = (double)(i / 5);
        trace->heap_hi[i] += 6 * trace->infl[i];
    }
    struct sm_trace_causes causes = causes_of(trace);
    assert_int_equal(causes.bits, bit(SM_CAUSE_PEAK_AMPLIFICATION));
    assert_true(causes.amplification > 5 && causes.amplification < 7);
    sm_trace_free(trace);
}

static void descriptors_that_stay_open_are_a_leak(void **state) {
    (void)state;
    struct sm_trace *trace = make(0);
    assert_non_null(sm_trace_add_column(trace, "fd"));
    for (size_t i = 0; i < trace->count; i++)
        trace->fd[i] = 20 + (double)((int)(trace->done[i] / 4));
    assert_int_equal(causes_of(trace).bits, bit(SM_CAUSE_FD_LEAK));
    sm_trace_free(trace);
}

static void verdicts_are_one_json_object(void **state) {
    (void)state;
    struct sm_trace *trace = make(0);
    struct sm_error err = {0};
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; i < trace->count; i++)
        trace->heap[i] = 10 * MB + 2000 * trace->done[i];
    assert_int_equal(sm_render_verdicts(trace, out, &err), 0);
    assert_int_equal(fclose(out), 0);
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    json_t *all = json_loads(text, 0, NULL), *heap = json_object_get(all, "heap");
    assert_string_equal(json_string_value(json_object_get(heap, "verdict")), "GROWING");
    assert_true(json_is_true(json_object_get(heap, "suspect")));
    assert_true(json_number_value(json_object_get(heap, "lo")) < 40000);
    assert_true(json_number_value(json_object_get(heap, "hi")) > 40000);
    assert_null(json_object_get(all, "fd"));
    json_t *kinds = json_object_get(all, "kinds");
    assert_int_equal(json_array_size(kinds), 1);
    assert_string_equal(json_string_value(json_array_get(kinds, 0)), "per_request");
    json_decref(all);
    free(text);
    sm_trace_free(trace);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_trace_has_no_cause),
        cmocka_unit_test(few_long_requests_that_end_in_the_rest_are_told_from_time),
        cmocka_unit_test(units_that_vanish_are_silent_loss),
        cmocka_unit_test(growth_after_the_load_tells_time_from_requests),
        cmocka_unit_test(what_piles_up_in_a_fault_is_a_backlog_or_retries),
        cmocka_unit_test(a_gauge_that_lies_is_an_accounting_mismatch),
        cmocka_unit_test(resident_memory_kept_is_allocator_retention),
        cmocka_unit_test(resident_memory_that_the_allocator_has_not_is_no_retention),
        cmocka_unit_test(peaks_of_many_payloads_are_amplification),
        cmocka_unit_test(descriptors_that_stay_open_are_a_leak),
        cmocka_unit_test(verdicts_are_one_json_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
