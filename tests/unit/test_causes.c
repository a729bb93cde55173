/* Each cause where it is, and not where it is not; with the figures it states. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "analysed_run.h"
#include "reports/memory.h"
#include "reports/record.h"
#include "temp_dir.h"

static double evidence(const struct sm_cause *cause, const char *name) {
    for (size_t i = 0; i < cause->evidence_count; i++)
        if (strcmp(cause->evidence[i].name, name) == 0)
            return cause->evidence[i].value;
    fail_msg("no evidence %s", name);
    return NAN;
}

static int near(double value, double wanted, double share) {
    return fabs(value - wanted) <= share * fabs(wanted);
}

static void a_backlog_states_its_figures(void **state) {
    struct analysed_run a =
        analysed_run_make(state, (struct synthetic_run){.declared_heap_bytes = 8e6});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_BACKLOG);
    assert_non_null(cause);
    assert_true(near(evidence(cause, "offered_per_s"), 4000, .02));
    assert_true(near(evidence(cause, "delivered_per_s"), 100, .05));
    assert_true(near(evidence(cause, "bytes_per_unit"), 224, .05));
    assert_true(near(evidence(cause, "rate_bytes_per_s"), a.truth.rate_bytes_per_s, .1));
    assert_true(evidence(cause, "drained_share") > .95);
    assert_true(evidence(cause, "drains") == 1);
    assert_true(evidence(cause, "half_drained_after_s") < 3);
    const struct sm_site_result *site = cause->sites[0];
    assert_int_equal(site->stack_id, SYNTHETIC_ENQUEUE);
    assert_int_equal(site->freed_by_stack_id, SYNTHETIC_FREE);
    assert_true(near(site->residence_before_s, .04, .01));
    assert_true(site->residence_now_s >= 9);
    assert_true(near(site->rate_per_s.value, a.truth.rate_bytes_per_s, .1));
    assert_true(near(site->rate_per_unit.value, a.truth.rate_bytes_per_s / 4000, .1));
    analysed_run_free(&a);
}

static void growth_ranks_sites_not_size(void **state) {
    struct analysed_run a =
        analysed_run_make(state, (struct synthetic_run){.declared_heap_bytes = 8e6});
    assert_int_equal(a.analysis->sites[0].stack_id, SYNTHETIC_ENQUEUE);
    assert_int_equal(a.analysis->sites[1].stack_id, SYNTHETIC_CACHE);
    assert_true(a.analysis->sites[1].live_bytes > a.analysis->sites[0].live_bytes);
    assert_false(a.analysis->sites[1].is_growing);
    assert_true(a.analysis->sites[0].is_judged && a.analysis->sites[1].is_judged);
    assert_int_equal(a.analysis->sites[0].verdict.kind, SM_VERDICT_GROWING);
    assert_int_equal(a.analysis->sites[1].verdict.kind, SM_VERDICT_BOUNDED);
    analysed_run_free(&a);
}

static void a_backlog_is_found_by_its_drain_where_nothing_counts_deliveries(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_delivered = 1, .declared_heap_bytes = 8e6});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_BACKLOG);
    assert_non_null(cause);
    assert_true(evidence(cause, "drained_share") > .95);
    assert_false(a.analysis->ledger.is_unaccounted_known);
    analysed_run_free(&a);
}

static void a_backlog_that_never_drains_says_so(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 8e6, .consumed_per_s = 4000});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_BACKLOG);
    assert_non_null(cause);
    assert_true(evidence(cause, "drained_share") < .5);
    assert_true(evidence(cause, "drains") == 0);
    assert_null(strstr(cause->text, "It drains once"));
    analysed_run_free(&a);
}

/* A queue in front of a consumer that is slower than the load all the time. */
static void a_backlog_without_a_fault_is_told_by_its_drain_at_rest(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){
                   .is_without_fault = 1, .is_without_delivered = 1, .consumed_per_s = 3000});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_BACKLOG);
    assert_non_null(cause);
    assert_true(near(evidence(cause, "drained_share"), 15. / 35, .05));
    assert_null(analysed_run_cause(&a, SM_CAUSE_LEAK_PER_REQUEST));
    assert_null(strstr(cause->text, "fault is lifted"));
    analysed_run_free(&a);
}

static void memory_that_the_program_maps_is_no_slack(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_fault = 1, .mapped_per_s = 1e6});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_MAPPING_GROWTH);
    assert_non_null(cause);
    assert_string_equal(cause->series, "mapped");
    assert_true(near(evidence(cause, "rate_bytes_per_s"), 1e6, .1));
    assert_true(near(evidence(cause, "beyond_heap_bytes"), 17.5e6, .05));
    assert_null(analysed_run_cause(&a, SM_CAUSE_ALLOCATOR_RETENTION));
    assert_int_equal(a.analysis->verdict, SM_RUN_FAIL);
    assert_int_equal(cause->site_count, 1);
    assert_int_equal(cause->sites[0]->stack_id, SYNTHETIC_MAP);
    assert_int_equal(cause->sites[0]->kind, SM_SITE_MAP);
    assert_true(near(cause->sites[0]->growth_bytes, 35e6, .05));
    assert_null(strstr(cause->advice, "strace"));
    analysed_run_free(&a);
}

/* As in a record of a probe that took none. */
static void without_a_stack_of_mappings_a_way_to_get_one_is_told(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_fault = 1, .mapped_per_s = 1e6, .is_map_unseen = 1});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_MAPPING_GROWTH);
    assert_non_null(cause);
    assert_int_equal(cause->site_count, 0);
    assert_non_null(strstr(cause->advice, "strace"));
    analysed_run_free(&a);
}

/* One large mapping that is filled: no stack maps more, and who holds most of it is named. */
static void who_reserved_what_is_filled_is_named(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_fault = 1, .touched_per_s = 1e6, .reserved_bytes = 1e9});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_MAPPING_GROWTH);
    assert_non_null(cause);
    assert_string_equal(cause->series, "rss");
    assert_int_equal(cause->site_count, 1);
    assert_int_equal(cause->sites[0]->stack_id, SYNTHETIC_RESERVE);
    assert_false(cause->sites[0]->is_growing);
    assert_non_null(strstr(cause->text, "No call maps ever more"));
    analysed_run_free(&a);
}

/* Files that are mapped again and again. */
static void shared_mappings_that_grow_have_their_stacks(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_fault = 1, .mapped_per_s = 1e6, .is_map_shared = 1});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_MAPPING_GROWTH);
    assert_non_null(cause);
    assert_false(cause->is_note);
    assert_int_equal(cause->sites[0]->stack_id, SYNTHETIC_MAP);
    assert_non_null(strstr(cause->text, "not private memory"));
    assert_int_equal(a.analysis->verdict, SM_RUN_FAIL);
    analysed_run_free(&a);
}

/* What is reserved and never touched takes no memory: worth a note, and no more. */
static void reservations_that_grow_fail_nothing(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_fault = 1, .mapped_per_s = 1e6, .is_map_untouched = 1});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_MAPPING_GROWTH);
    assert_non_null(cause);
    assert_true(cause->is_note);
    assert_int_equal(cause->sites[0]->stack_id, SYNTHETIC_MAP);
    assert_non_null(strstr(cause->text, "not touched"));
    assert_int_equal(a.analysis->verdict, SM_RUN_PASS);
    analysed_run_free(&a);
}

/* Each with stacks of its own kind. */
static void a_leak_does_not_hide_mappings_that_grow(void **state) {
    static const struct {
        double mapped_per_s;
        int is_named;
    } cases[] = {{1e6, 1}, {100e3, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct analysed_run a =
            analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1,
                                                            .leaked_per_s = 200000,
                                                            .mapped_per_s = cases[i].mapped_per_s});
        const struct sm_cause *leak = analysed_run_cause(&a, SM_CAUSE_LEAK_PER_REQUEST);
        const struct sm_cause *maps = analysed_run_cause(&a, SM_CAUSE_MAPPING_GROWTH);
        assert_non_null(leak);
        assert_int_equal(leak->site_count, 1);
        assert_int_equal(leak->sites[0]->stack_id, SYNTHETIC_CACHE);
        assert_int_equal(maps != NULL, cases[i].is_named);
        assert_true(!maps || maps->sites[0]->stack_id == SYNTHETIC_MAP);
        analysed_run_free(&a);
    }
}

/* Pages of its own data that a program touches bit by bit are no mapping that it forgot. */
static void what_is_touched_late_is_no_mapping(void **state) {
    struct {
        double per_s;
        int is_named;
    } cases[] = {{20e3, 0}, {1e6, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct analysed_run a = analysed_run_make(
            state, (struct synthetic_run){.is_without_fault = 1, .touched_per_s = cases[i].per_s});
        const struct sm_series_result *rss = sm_analysis_series(a.analysis, 0, "rss");
        assert_int_equal(rss->verdict.kind, SM_VERDICT_GROWING);
        const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_MAPPING_GROWTH);
        assert_int_equal(cause != NULL, cases[i].is_named);
        assert_int_equal(a.analysis->verdict, cases[i].is_named ? SM_RUN_FAIL : SM_RUN_PASS);
        analysed_run_free(&a);
    }
}

static void a_leak_that_stops_with_the_load_is_per_request(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_fault = 1, .leaked_per_s = 200000});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_LEAK_PER_REQUEST);
    assert_non_null(cause);
    assert_true(near(evidence(cause, "rate_bytes_per_s"), 200000, .1));
    assert_true(near(evidence(cause, "bytes_per_unit"), 50, .1));
    assert_int_equal(cause->sites[0]->stack_id, SYNTHETIC_CACHE);
    assert_int_equal(cause->sites[0]->freed_by_stack_id, 0);
    assert_null(analysed_run_cause(&a, SM_CAUSE_BACKLOG));
    analysed_run_free(&a);
}

static void a_bounded_queue_has_no_backlog(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 8e6, .capacity = 20000});
    assert_null(analysed_run_cause(&a, SM_CAUSE_BACKLOG));
    assert_null(analysed_run_cause(&a, SM_CAUSE_DECLARED_BOUND_EXCEEDED));
    analysed_run_free(&a);
}

static void a_bound_that_is_not_kept_is_named(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 1e6, .capacity = 20000});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_DECLARED_BOUND_EXCEEDED);
    assert_non_null(cause);
    assert_true(near(evidence(cause, "rise"), 20000 * 224., .05));
    assert_int_equal(a.analysis->exit_status, SM_STATUS_FAILED);
    analysed_run_free(&a);
}

static void a_gauge_that_claims_what_the_heap_does_not_hold_is_named(void **state) {
    /* Units leave the queue without a word, but the program still counts them as queued. */
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_fault = 1, .lost_per_s = 200, .is_gauge_stale = 1});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_ACCOUNTING_MISMATCH);
    assert_non_null(cause);
    assert_string_equal(cause->series, "gauge:queued");
    assert_non_null(analysed_run_cause(&a, SM_CAUSE_SILENT_LOSS));
    assert_int_equal(sm_analysis_series(a.analysis, 0, "heap")->verdict.kind, SM_VERDICT_BOUNDED);
    assert_int_equal(sm_analysis_series(a.analysis, 0, "gauge:queued")->verdict.kind,
                     SM_VERDICT_GROWING);
    analysed_run_free(&a);
}

static void what_no_account_counts_is_named(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_fault = 1, .kept_bytes = 4e7, .counted_share = .6});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_ACCOUNTING_MISMATCH);
    assert_non_null(cause);
    assert_true(cause->is_note);
    assert_true(near(evidence(cause, "heap_rise_bytes"), 4e7, .05));
    assert_true(near(evidence(cause, "uncounted_bytes"), 1.6e7, .1));
    assert_non_null(strstr(cause->text, "queue"));
    assert_non_null(strstr(cause->text, "cache 24.0 MB"));
    analysed_run_free(&a);
}

static void accounts_are_held_against_a_heap_that_was_looked_at(void **state) {
    struct analysed_run a = analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1,
                                                                            .kept_bytes = 4e7,
                                                                            .counted_share = .6,
                                                                            .heap_unseen_s = 1.2});
    assert_null(analysed_run_cause(&a, SM_CAUSE_ACCOUNTING_MISMATCH));
    analysed_run_free(&a);
}

static void accounts_that_add_up_are_no_mismatch(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_fault = 1, .kept_bytes = 4e7, .counted_share = 1});
    assert_null(analysed_run_cause(&a, SM_CAUSE_ACCOUNTING_MISMATCH));
    analysed_run_free(&a);
}

static void zombies_that_a_gauge_tells_of_are_named(void **state) {
    struct analysed_run a = analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1,
                                                                            .kept_bytes = 4e7,
                                                                            .counted_share = 1,
                                                                            .zombie_bytes = 3e7});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_ACCOUNTING_MISMATCH);
    assert_non_null(cause);
    assert_true(near(evidence(cause, "zombie_peak_bytes"), 3e7, 1e-9));
    assert_true(near(evidence(cause, "zombie_end_bytes"), 3e7, 1e-9));
    assert_non_null(strstr(cause->text, "gauge:witness.zombie_bytes"));
    analysed_run_free(&a);
}

static void memory_that_outlives_the_load_is_a_note(void **state) {
    struct analysed_run a =
        analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1, .kept_bytes = 4e7});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_KEPT_AFTER_LOAD);
    assert_non_null(cause);
    assert_true(cause->is_note);
    assert_true(near(evidence(cause, "kept_bytes"), 4e7, .05));
    assert_int_equal(cause->sites[0]->stack_id, SYNTHETIC_CACHE);
    analysed_run_free(&a);
}

static void a_leak_beside_frees_of_its_site_is_no_queue(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_fault = 1, .leaked_per_s = 200000, .leak_freed_s = .01});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_LEAK_PER_REQUEST);
    assert_non_null(cause);
    assert_true(near(cause->sites[0]->residence_freed_s, .01, .01));
    assert_non_null(strstr(cause->text, "a part is freed 10 ms later, as ever"));
    assert_null(strstr(cause->advice, "queue"));
    analysed_run_free(&a);
}

static void pages_the_allocator_keeps_are_no_leak(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){
                   .is_without_fault = 1, .retained_bytes = 4e7, .budget = {"heap", "bounded"}});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_ALLOCATOR_RETENTION);
    assert_non_null(cause);
    assert_true(near(evidence(cause, "retained_bytes"), 4e7, .05));
    assert_int_equal(a.analysis->exit_status, SM_STATUS_OK);
    analysed_run_free(&a);
}

static void a_peak_far_above_the_payload_is_a_note(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_fault = 1, .payload_bytes = 10e6, .burst_bytes = 9e7});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_PEAK_AMPLIFICATION);
    assert_non_null(cause);
    assert_true(cause->is_note);
    assert_true(evidence(cause, "peak_over_payload") > 2);
    analysed_run_free(&a);
}

static void a_failing_consumer_is_retries_not_a_backlog(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 8e6, .fault_kind = "disk_enospc"});
    assert_non_null(analysed_run_cause(&a, SM_CAUSE_RETRY_ACCUMULATION));
    assert_null(analysed_run_cause(&a, SM_CAUSE_BACKLOG));
    analysed_run_free(&a);
}

/* The other process swings so much that the whole tells nothing. */
static void a_leak_in_one_process_is_found_behind_the_other(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.is_without_fault = 1, .leaked_per_s = 400000, .beside_bytes = 2e7});
    const struct sm_series_result *whole = sm_analysis_series(a.analysis, 0, "heap");
    assert_int_equal(whole->verdict.kind, SM_VERDICT_INCONCLUSIVE);
    assert_int_equal(sm_analysis_series(a.analysis, 1, "heap")->verdict.kind, SM_VERDICT_GROWING);
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_LEAK_PER_REQUEST);
    assert_non_null(cause);
    assert_true(evidence(cause, "process_pid") == 4242);
    assert_false(cause->is_note);
    assert_int_equal(a.analysis->verdict, SM_RUN_FAIL);
    assert_non_null(strstr(a.analysis->why, "of one process"));
    analysed_run_free(&a);
}

static void a_backlog_names_the_process_that_holds_it(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.beside_bytes = 1e4, .declared_heap_bytes = 4e6});
    const struct sm_cause *cause = analysed_run_cause(&a, SM_CAUSE_BACKLOG);
    assert_non_null(cause);
    assert_true(evidence(cause, "process_pid") == 4242);
    assert_true(evidence(cause, "process_share") > .9);
    assert_non_null(strstr(cause->text, "one alone: pid 4242"));
    analysed_run_free(&a);
}

static void quiet_processes_are_no_cause(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_fault = 1, .beside_bytes = 1e4});
    assert_null(analysed_run_cause(&a, SM_CAUSE_LEAK_PER_REQUEST));
    assert_int_equal(a.analysis->verdict, SM_RUN_PASS);
    analysed_run_free(&a);
}

/* One process rests long since, the other freed just after its account: both are counted. */
static void each_process_has_an_account_of_its_own_age(void **state) {
    char path[256];
    struct sm_record *record;
    struct sm_run *run;
    struct sm_error err = {0};
    snprintf(path, sizeof path, "%s/run.db", (char *)*state);
    assert_int_equal(sm_record_create(path, &record, &err), 0);
    /* At 1, 9 and 10 s: the heap, the allocator's account and its age. */
    static const double told[2][3][3] = {{{2e6, 1e6, 0}, {1e6, 1e6, 8}, {1e6, 1e6, 9}},
                                         {{8e7, 2e6, 0}, {9e7, 3e6, 0}, {4e7, 3e6, 1}}};
    static const char *const names[] = {"heap", "slack", "slack_age"};
    static const int64_t at_s[] = {1, 9, 10};
    for (int p = 0; p < 2; p++) {
        struct sm_process process = {p + 1, 42 + p, 1, (char *)"two", 0, -1, "", "on", 0};
        assert_int_equal(sm_record_add_process(record, &process), 0);
        for (int n = 0; n < 3; n++) {
            struct sm_series series = {3 * p + n + 1, p + 1, (char *)names[n], SM_UNIT_BYTES};
            assert_int_equal(sm_record_add_series(record, &series), 0);
            for (int i = 0; i < 3; i++) {
                double value = told[p][i][n];
                struct sm_sample sample = {series.id, at_s[i] * INT64_C(1000000000), value, value,
                                           value};
                assert_int_equal(sm_record_add_sample(record, &sample), 0);
            }
        }
    }
    assert_int_equal(sm_record_close(record, 1), 0);
    assert_int_equal(sm_run_open(path, &run, &err), 0);
    /* 1 MB and the 1 MB freed since; 3 MB and the 50 MB freed since. */
    assert_true(fabs(sm_memory_slack_at_most(run, INT64_C(10000000000)) - 55e6) < 1);
    sm_run_free(run);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_temp_dir_make, test_temp_dir_remove)
    const struct CMUnitTest tests[] = {
        TEST(each_process_has_an_account_of_its_own_age),
        TEST(a_backlog_states_its_figures),
        TEST(growth_ranks_sites_not_size),
        TEST(a_backlog_is_found_by_its_drain_where_nothing_counts_deliveries),
        TEST(a_backlog_that_never_drains_says_so),
        TEST(a_backlog_without_a_fault_is_told_by_its_drain_at_rest),
        TEST(memory_that_the_program_maps_is_no_slack),
        TEST(without_a_stack_of_mappings_a_way_to_get_one_is_told),
        TEST(who_reserved_what_is_filled_is_named),
        TEST(shared_mappings_that_grow_have_their_stacks),
        TEST(reservations_that_grow_fail_nothing),
        TEST(a_leak_does_not_hide_mappings_that_grow),
        TEST(what_is_touched_late_is_no_mapping),
        TEST(a_leak_that_stops_with_the_load_is_per_request),
        TEST(a_bounded_queue_has_no_backlog),
        TEST(a_bound_that_is_not_kept_is_named),
        TEST(a_gauge_that_claims_what_the_heap_does_not_hold_is_named),
        TEST(what_no_account_counts_is_named),
        TEST(accounts_are_held_against_a_heap_that_was_looked_at),
        TEST(accounts_that_add_up_are_no_mismatch),
        TEST(zombies_that_a_gauge_tells_of_are_named),
        TEST(memory_that_outlives_the_load_is_a_note),
        TEST(a_leak_beside_frees_of_its_site_is_no_queue),
        TEST(pages_the_allocator_keeps_are_no_leak),
        TEST(a_peak_far_above_the_payload_is_a_note),
        TEST(a_failing_consumer_is_retries_not_a_backlog),
        TEST(a_leak_in_one_process_is_found_behind_the_other),
        TEST(a_backlog_names_the_process_that_holds_it),
        TEST(quiet_processes_are_no_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
