/* From a record to a verdict and an exit status. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysed_run.h"
#include "reports/trace.h"
#include "temp_dir.h"

#define BUDGET                                                                                     \
    { "heap", "bounded", "heap_peak", "80MB", "fds", "bounded", "unaccounted", "0" }

static void check(const struct analysed_run *a, enum sm_run_verdict verdict, int status) {
    if (a->analysis->verdict != verdict || a->analysis->exit_status != status)
        print_error("%s\n", a->analysis->why);
    assert_int_equal(a->analysis->verdict, verdict);
    assert_int_equal(a->analysis->exit_status, status);
    assert_true(a->analysis->why[0] != '\0');
}

static enum sm_verdict_kind kind_of(const struct analysed_run *a, const char *series) {
    const struct sm_series_result *result = sm_analysis_series(a->analysis, 0, series);
    assert_non_null(result);
    assert_true(result->is_judged);
    return result->verdict.kind;
}

static void an_unbounded_backlog_fails(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 8e6, .budget = BUDGET});
    check(&a, SM_RUN_FAIL, SM_STATUS_FAILED);
    assert_int_equal(kind_of(&a, "heap"), SM_VERDICT_GROWING);
    double rate = sm_analysis_series(a.analysis, 0, "heap")->rate_per_s.value;
    assert_true(fabs(rate / a.truth.rate_bytes_per_s - 1) < .1);
    assert_int_equal(a.analysis->causes[0].kind, SM_CAUSE_BACKLOG);
    assert_int_equal(a.analysis->causes[0].sites[0]->stack_id, SYNTHETIC_ENQUEUE);
    analysed_run_free(&a);
}

static void a_queue_that_drops_and_counts_passes(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.declared_heap_bytes = 8e6, .capacity = 20000, .budget = BUDGET});
    check(&a, SM_RUN_PASS, SM_STATUS_OK);
    assert_int_equal(kind_of(&a, "heap"), SM_VERDICT_BOUNDED);
    assert_int_equal(a.analysis->ledger.dropped, llround(a.truth.dropped));
    assert_true(a.analysis->ledger.is_unaccounted_known);
    assert_int_equal(a.analysis->ledger.unaccounted, 0);
    const struct sm_cause *note = analysed_run_cause(&a, SM_CAUSE_BOUNDED_BY_DISCARDING);
    assert_non_null(note);
    assert_true(note->is_note);
    assert_int_equal(a.analysis->cause_count, 1);
    assert_non_null(strstr(a.analysis->why, "dropped"));
    analysed_run_free(&a);
}

static void drops_fail_when_the_budget_says_so(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){
                   .declared_heap_bytes = 8e6, .capacity = 20000, .budget = {"dropped", "0"}});
    check(&a, SM_RUN_FAIL, SM_STATUS_FAILED);
    analysed_run_free(&a);
}

static void without_a_declared_bound_a_backlog_is_open(void **state) {
    struct analysed_run a = analysed_run_make(state, (struct synthetic_run){.budget = BUDGET});
    check(&a, SM_RUN_INCONCLUSIVE, SM_STATUS_INCONCLUSIVE);
    assert_non_null(analysed_run_cause(&a, SM_CAUSE_BACKLOG));
    assert_true(sm_analysis_series(a.analysis, 0, "heap")->verdict.needs[0] != '\0');
    analysed_run_free(&a);
}

static void a_quiet_run_passes(void **state) {
    struct analysed_run a =
        analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1, .budget = BUDGET});
    check(&a, SM_RUN_PASS, SM_STATUS_OK);
    assert_int_equal(a.analysis->cause_count, 0);
    analysed_run_free(&a);
}

static void of_an_idle_program_it_is_said(void **state) {
    struct analysed_run a =
        analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1, .is_idle = 1});
    check(&a, SM_RUN_PASS, SM_STATUS_OK);
    assert_non_null(strstr(a.analysis->why, "hardly under load"));
    analysed_run_free(&a);
}

static void a_snapshot_is_no_verdict(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_fault = 1, .ended_by = SM_ENDED_BY_SNAPSHOT});
    check(&a, SM_RUN_INCONCLUSIVE, SM_STATUS_INCONCLUSIVE);
    assert_non_null(strstr(a.analysis->why, "one moment"));
    analysed_run_free(&a);
}

/* Or a cache would be judged by the seconds of warm-up in which it fills. */
static void a_load_goes_on_from_one_phase_to_the_next(void **state) {
    struct sm_trace_span *spans = NULL;
    struct analysed_run a =
        analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1, .gap_s = .05});
    assert_int_equal(sm_trace_spans(a.analysis->trace, &spans), 2);
    assert_int_equal(spans[0].phase, SM_TRACE_LOAD);
    assert_int_equal(spans[1].phase, SM_TRACE_SETTLE);
    free(spans);
    analysed_run_free(&a);
}

static void a_leak_fails_without_a_budget_too(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_fault = 1, .leaked_per_s = 200000});
    check(&a, SM_RUN_FAIL, SM_STATUS_FAILED);
    analysed_run_free(&a);
}

static void two_leaks_are_two_causes(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.declared_heap_bytes = 8e6, .fds_per_s = 5, .budget = BUDGET});
    check(&a, SM_RUN_FAIL, SM_STATUS_FAILED);
    assert_non_null(analysed_run_cause(&a, SM_CAUSE_BACKLOG));
    const struct sm_cause *fds = analysed_run_cause(&a, SM_CAUSE_FD_LEAK);
    assert_non_null(fds);
    assert_string_equal(fds->series, "fds:proc");
    assert_int_equal(fds->sites[0]->stack_id, SYNTHETIC_OPEN);
    analysed_run_free(&a);
}

static void lost_units_fail_whatever_the_budget(void **state) {
    struct analysed_run a =
        analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1, .lost_per_s = 3});
    check(&a, SM_RUN_FAIL, SM_STATUS_FAILED);
    assert_int_equal(a.analysis->causes[0].kind, SM_CAUSE_SILENT_LOSS);
    assert_int_equal(a.analysis->ledger.unaccounted, llround(a.truth.lost));
    analysed_run_free(&a);
}

static void a_blind_probe_is_not_a_pass(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_probe = 1, .is_without_fault = 1, .budget = BUDGET});
    check(&a, SM_RUN_INCONCLUSIVE, SM_STATUS_INCONCLUSIVE);
    assert_non_null(strstr(a.analysis->why, "static program"));
    analysed_run_free(&a);
}

static void rss_is_judged_where_the_heap_is_not_seen(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){
                   .is_without_probe = 1, .is_without_fault = 1, .leaked_per_s = 400000});
    check(&a, SM_RUN_FAIL, SM_STATUS_FAILED);
    analysed_run_free(&a);
}

static void a_record_cut_short_proves_growth_but_no_bound(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.kill_at_s = 20, .declared_heap_bytes = 8e6, .budget = BUDGET});
    assert_false(a.run->complete);
    check(&a, SM_RUN_FAIL, SM_STATUS_FAILED);
    analysed_run_free(&a);
    a = analysed_run_make(state, (struct synthetic_run){.kill_at_s = 20, .is_without_fault = 1});
    check(&a, SM_RUN_INCONCLUSIVE, SM_STATUS_INCONCLUSIVE);
    analysed_run_free(&a);
}

static void a_fault_without_effect_is_not_a_pass(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_fault_idle = 1, .consumed_slow_per_s = 100000});
    check(&a, SM_RUN_INCONCLUSIVE, SM_STATUS_INCONCLUSIVE);
    assert_non_null(strstr(a.analysis->why, "slow_disk"));
    analysed_run_free(&a);
}

static void a_load_that_reached_nobody_is_not_a_pass(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_fault = 1, .is_unanswered = 1, .budget = BUDGET});
    check(&a, SM_RUN_INCONCLUSIVE, SM_STATUS_INCONCLUSIVE);
    assert_non_null(strstr(a.analysis->why, "Not one of the 140000 units"));
    assert_non_null(strstr(a.analysis->why, "connection refused"));
    analysed_run_free(&a);
}

/* The heap is bounded, but what is mapped beside it rises, too unevenly to be called so. */
static void what_is_mapped_beside_a_bounded_heap_is_asked_for(void **state) {
    struct synthetic_run plan = {.is_without_fault = 1,
                                 .mapped_per_s = 1e6,
                                 .mapped_swing = 12e6,
                                 .budget = {"heap", "bounded"}};
    struct analysed_run a = analysed_run_make(state, plan);
    check(&a, SM_RUN_INCONCLUSIVE, SM_STATUS_INCONCLUSIVE);
    assert_non_null(strstr(a.analysis->why, "beside the heap of malloc"));
    analysed_run_free(&a);
    plan.budget[2] = "rss_peak";
    plan.budget[3] = "1GB";
    a = analysed_run_make(state, plan);
    check(&a, SM_RUN_PASS, SM_STATUS_OK);
    analysed_run_free(&a);
}

static void an_empty_record_is_inconclusive(void **state) {
    struct analysed_run a = analysed_run_make(state, (struct synthetic_run){.is_empty = 1});
    check(&a, SM_RUN_INCONCLUSIVE, SM_STATUS_INCONCLUSIVE);
    analysed_run_free(&a);
}

static void a_target_that_died_is_a_failure_of_the_run(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_fault = 1, .ended_by = "target"});
    check(&a, SM_RUN_INCONCLUSIVE, SM_STATUS_BROKEN);
    analysed_run_free(&a);
    a = analysed_run_make(
        state,
        (struct synthetic_run){.declared_heap_bytes = 8e6, .budget = BUDGET, .ended_by = "target"});
    check(&a, SM_RUN_FAIL, SM_STATUS_FAILED);
    analysed_run_free(&a);
}

static void an_interrupted_run_proves_no_bound(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_fault = 1, .ended_by = "interrupt"});
    check(&a, SM_RUN_INCONCLUSIVE, SM_STATUS_INCONCLUSIVE);
    analysed_run_free(&a);
}

static void the_same_record_gives_the_same_analysis(void **state) {
    struct sm_analysis *again = NULL;
    struct sm_error err = {0};
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 8e6, .budget = BUDGET});
    assert_int_equal(sm_analysis_make(a.run, &again, &err), 0);
    assert_string_equal(again->why, a.analysis->why);
    assert_int_equal(again->cause_count, a.analysis->cause_count);
    sm_analysis_free(again);
    analysed_run_free(&a);
}

static void memory_is_reconciled(void **state) {
    struct analysed_run a = analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1});
    const struct sm_memory *m = &a.analysis->memory;
    assert_true(m->rss > 0 && m->heap_live > 0);
    assert_true(fabs(m->heap_live + m->slack + m->other_mappings + m->remainder - m->rss) < 1);
    assert_true(fabs(m->remainder) < .01 * m->rss);
    analysed_run_free(&a);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_temp_dir_make, test_temp_dir_remove)
    const struct CMUnitTest tests[] = {
        TEST(an_unbounded_backlog_fails),
        TEST(a_queue_that_drops_and_counts_passes),
        TEST(drops_fail_when_the_budget_says_so),
        TEST(without_a_declared_bound_a_backlog_is_open),
        TEST(a_quiet_run_passes),
        TEST(of_an_idle_program_it_is_said),
        TEST(a_snapshot_is_no_verdict),
        TEST(a_load_goes_on_from_one_phase_to_the_next),
        TEST(a_leak_fails_without_a_budget_too),
        TEST(two_leaks_are_two_causes),
        TEST(lost_units_fail_whatever_the_budget),
        TEST(a_blind_probe_is_not_a_pass),
        TEST(rss_is_judged_where_the_heap_is_not_seen),
        TEST(a_record_cut_short_proves_growth_but_no_bound),
        TEST(a_fault_without_effect_is_not_a_pass),
        TEST(a_load_that_reached_nobody_is_not_a_pass),
        TEST(what_is_mapped_beside_a_bounded_heap_is_asked_for),
        TEST(an_empty_record_is_inconclusive),
        TEST(a_target_that_died_is_a_failure_of_the_run),
        TEST(an_interrupted_run_proves_no_bound),
        TEST(the_same_record_gives_the_same_analysis),
        TEST(memory_is_reconciled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
