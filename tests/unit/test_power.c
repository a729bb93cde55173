/* What a run could have seen: by figures, and by a trickle that was kept for real. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analysed_run.h"
#include "temp_dir.h"

static const struct synthetic_run healthy = {.is_without_fault = 1,
                                             .budget = {"heap", "bounded", "fds", "bounded"}};

static const struct sm_series_result *heap_of(const struct analysed_run *run) {
    return sm_analysis_series(run->analysis, 0, "heap");
}

/* The same run with a leak of that size is called growing; with a half of it, it is not. */
static void the_least_growth_is_where_a_leak_begins_to_be_seen(void **state) {
    struct analysed_run run = analysed_run_make(state, healthy);
    double least = heap_of(&run)->least_seen_per_s;
    double resolution = heap_of(&run)->resolution_per_s;
    assert_int_equal(heap_of(&run)->verdict.kind, SM_VERDICT_BOUNDED);
    assert_true(isfinite(least) && least > resolution && least < 30 * resolution);
    assert_false(heap_of(&run)->is_blind);
    analysed_run_free(&run);

    struct synthetic_run leaking = healthy;
    leaking.leaked_per_s = least * 1.02;
    run = analysed_run_make(state, leaking);
    assert_int_equal(heap_of(&run)->verdict.kind, SM_VERDICT_GROWING);
    assert_true(isnan(heap_of(&run)->least_seen_per_s));
    analysed_run_free(&run);

    leaking.leaked_per_s = least / 2;
    run = analysed_run_make(state, leaking);
    assert_int_not_equal(heap_of(&run)->verdict.kind, SM_VERDICT_GROWING);
    analysed_run_free(&run);
}

static void it_is_stated_without_a_probe_too(void **state) {
    struct synthetic_run outside = healthy;
    outside.is_without_probe = 1;
    outside.control_per_s = 50000;
    struct analysed_run run = analysed_run_make(state, outside);
    const struct sm_series_result *rss = sm_analysis_series(run.analysis, 0, "rss");
    assert_true(isfinite(rss->least_seen_per_s));
    assert_int_equal(run.analysis->control.state, SM_CONTROL_IMPOSSIBLE);
    assert_non_null(strstr(run.analysis->control.text, "static program"));
    analysed_run_free(&run);
}

static void a_control_is_found_and_told_apart(void **state) {
    struct synthetic_run controlled = healthy;
    controlled.control_per_s = 900000;
    struct analysed_run run = analysed_run_make(state, controlled);
    assert_int_equal(run.analysis->control.state, SM_CONTROL_FOUND);
    assert_true(fabs(run.analysis->control.kept_per_s - 900000) < 20000);
    assert_int_equal(heap_of(&run)->verdict.kind, SM_VERDICT_BOUNDED);
    assert_int_equal(run.analysis->verdict, SM_RUN_PASS);
    assert_non_null(strstr(run.analysis->why, "kept in the target for real"));
    for (size_t i = 0; i < run.analysis->site_count; i++)
        assert_int_not_equal(run.analysis->sites[i].stack_id, SYNTHETIC_CONTROL);
    assert_int_equal(run.analysis->cause_count, 0);
    analysed_run_free(&run);
}

static void a_control_that_was_missed_leaves_the_line_open(void **state) {
    struct synthetic_run controlled = healthy;
    controlled.control_per_s = 100;
    struct analysed_run run = analysed_run_make(state, controlled);
    assert_int_equal(run.analysis->control.state, SM_CONTROL_MISSED);
    assert_int_equal(heap_of(&run)->verdict.kind, SM_VERDICT_BOUNDED);
    assert_int_equal(run.analysis->verdict, SM_RUN_INCONCLUSIVE);
    assert_int_equal(run.analysis->budget[0].holds, SM_HOLDS_UNKNOWN);
    assert_non_null(strstr(run.analysis->budget[0].why, "was not found"));
    analysed_run_free(&run);

    controlled.is_control_refused = 1;
    run = analysed_run_make(state, controlled);
    assert_int_equal(run.analysis->control.state, SM_CONTROL_IMPOSSIBLE);
    assert_int_equal(run.analysis->verdict, SM_RUN_INCONCLUSIVE);
    analysed_run_free(&run);
}

static void a_heap_that_grows_needs_no_control(void **state) {
    struct synthetic_run leaking = healthy;
    leaking.control_per_s = 100000;
    leaking.leaked_per_s = 3e6;
    struct analysed_run run = analysed_run_make(state, leaking);
    assert_int_equal(run.analysis->control.state, SM_CONTROL_NOT_NEEDED);
    assert_int_equal(run.analysis->verdict, SM_RUN_FAIL);
    analysed_run_free(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_least_growth_is_where_a_leak_begins_to_be_seen,
                                        test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(it_is_stated_without_a_probe_too, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_control_is_found_and_told_apart, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_control_that_was_missed_leaves_the_line_open,
                                        test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_heap_that_grows_needs_no_control, test_temp_dir_make,
                                        test_temp_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
