#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analysed_run.h"
#include "reports/budget.h"
#include "reports/loads.h"
#include "temp_dir.h"

static void good_lines_are_taken(void **state) {
    (void)state;
    static const struct {
        const char *name, *limit;
        int is_bounded;
        double value;
    } cases[] = {
        {"heap", "bounded", 1, 0},
        {"rss", "bounded", 1, 0},
        {"slack", "bounded", 1, 0},
        {"fds", "bounded", 1, 0},
        {"heap", "50KB/s", 1, 50000},
        {"gauge:queued", "2/s", 1, 2},
        {"heap_peak", "64MB", 0, 64e6},
        {"rss_peak", "1GiB", 0, 1073741824},
        {"fds_peak", "200", 0, 200},
        {"unaccounted", "0", 0, 0},
        {"dropped", "10", 0, 10},
        {"refused", "1k", 0, 1000},
        {"unanswered", "0", 0, 0},
        {"latency_p50", "5ms", 0, .005},
        {"latency_p90", "5ms", 0, .005},
        {"latency_p99", "20ms", 0, .02},
        {"latency_max", "1s", 0, 1},
        {"gauge:queued", "bounded", 1, 0},
        {"gauge:queued", "500", 0, 500},
        {"gauge:held_bytes", "64MB", 0, 64e6},
        {"gauge:held_bytes", "64000000", 0, 64e6},
        {"gauge:held_bytes", "64KB/s", 1, 64e3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sm_budget_item item;
        struct sm_error err = {0};
        assert_int_equal(sm_budget_check_name(cases[i].name, cases[i].limit, &item, &err), 0);
        assert_string_equal(item.name, cases[i].name);
        assert_string_equal(item.limit, cases[i].limit);
        assert_int_equal(item.is_bounded, cases[i].is_bounded);
        assert_true(fabs(item.value - cases[i].value) < 1e-9);
        sm_budget_item_clear(&item);
    }
}

static void wrong_lines_are_refused_with_the_right_one(void **state) {
    (void)state;
    static const struct {
        const char *name, *limit, *todo;
    } cases[] = {
        {"heep", "bounded", "\"heap\""},
        {"heap_peek", "64MB", "\"heap_peak\""},
        {"fd", "bounded", "\"fds\""},
        {"latency_p98", "1s", "\"latency_p9"},
        {"heap", "64MB", "heap_peak = "},
        {"heap_peak", "bounded", "\"64MB\""},
        {"heap_peak", "64 apples", "\"64MB\""},
        {"latency_p99", "20", "\"20s\""},
        {"unaccounted", "-1", "unaccounted = "},
        {"heap", "0/s", "heap = bounded"},
        {"heap_peak", "50KB/s", "\"64MB\""},
        {"gauge:", "1", ""},
        {"slack", "64MB", "slack = bounded"},
        {"", "1", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sm_budget_item item = {(char *)"untouched", NULL, 0, 0};
        struct sm_error err = {0};
        assert_int_equal(sm_budget_check_name(cases[i].name, cases[i].limit, &item, &err), -EINVAL);
        assert_string_equal(item.name, "untouched");
        if (!strstr(err.todo, cases[i].todo))
            fail_msg("%s = %s: \"%s\" does not say %s", cases[i].name, cases[i].limit, err.todo,
                     cases[i].todo);
    }
}

static const struct sm_budget_line *line(const struct analysed_run *a, size_t at) {
    assert_true(at < a->analysis->budget_count);
    return &a->analysis->budget[at];
}

static void figures_are_held_against_limits(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_fault = 1,
                                      .budget = {"heap_peak", "60MB", "heap_peak", "80MB",
                                                 "fds_peak", "12", "latency_p99", "3ms",
                                                 "latency_p99", "4ms", "refused", "0"}});
    static const enum sm_holds holds[] = {SM_HOLDS_NO, SM_HOLDS_YES, SM_HOLDS_YES,
                                          SM_HOLDS_NO, SM_HOLDS_YES, SM_HOLDS_YES};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(line(&a, i)->holds, holds[i]);
    assert_true(fabs(line(&a, 1)->margin - (80e6 - line(&a, 1)->actual)) < 1);
    assert_int_equal(a.analysis->exit_status, SM_STATUS_FAILED);
    analysed_run_free(&a);
}

/* What a driver makes of its own lateness is no fault of the target. */
static void a_late_driver_is_not_held_against_the_target(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){
                   .is_without_fault = 1,
                   .driver_late_s = .02,
                   .budget = {"latency_p99", "3ms", "latency_p99", "4ms", "heap_peak", "80MB"}});
    static const enum sm_holds holds[] = {SM_HOLDS_UNKNOWN, SM_HOLDS_YES, SM_HOLDS_YES};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(line(&a, i)->holds, holds[i]);
    assert_non_null(strstr(line(&a, 0)->why, "http_load itself came late, by 20 ms"));
    assert_non_null(strstr(a.analysis->why, "http_load could not keep up with its own schedule"));
    assert_int_equal(a.analysis->exit_status, SM_STATUS_INCONCLUSIVE);
    analysed_run_free(&a);
}

/* What it does not answer because it ends, it does not answer whoever asks, and when. */
static void what_a_dead_target_left_unanswered_is_its_own(void **state) {
    static const struct {
        const char *ended_by;
        enum sm_holds holds;
        int status;
    } cases[] = {{"schedule", SM_HOLDS_UNKNOWN, SM_STATUS_INCONCLUSIVE},
                 {"target", SM_HOLDS_NO, SM_STATUS_FAILED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct analysed_run a =
            analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1,
                                                            .is_unanswered = 1,
                                                            .driver_late_s = .5,
                                                            .ended_by = cases[i].ended_by,
                                                            .budget = {"unanswered", "0"}});
        assert_int_equal(line(&a, 0)->holds, cases[i].holds);
        assert_int_equal(a.analysis->exit_status, cases[i].status);
        analysed_run_free(&a);
    }
}

/* A slip of some ms is nothing beside what nobody answered for seconds. */
static void lateness_is_weighed_against_what_was_met(void **state) {
    struct sm_load_interval row = {
        .load = "x", .to_ns = 1000000000, .offered = 100, .unanswered = 100, .slip_p99_s = .008};
    struct sm_run run = {.load_intervals = &row, .load_intervals_count = 1};
    double slip_s = 0;
    (void)state;
    assert_null(sm_loads_late(&run, &slip_s));
    row.slip_p99_s = .5;
    assert_string_equal(sm_loads_late(&run, &slip_s), "x");
    assert_true(slip_s == .5);
    row.accepted = 100;
    row.unanswered = 0;
    row.latency_p99_s = 6;
    assert_null(sm_loads_late(&run, &slip_s));
    row.latency_p99_s = .6;
    assert_non_null(sm_loads_late(&run, &slip_s));
}

static void what_was_not_measured_is_unknown(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.is_without_fault = 1,
                                      .is_without_probe = 1,
                                      .is_without_delivered = 1,
                                      .budget = {"heap_peak", "80MB", "unaccounted", "0",
                                                 "gauge:depth", "bounded", "slack", "bounded"}});
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(line(&a, i)->holds, SM_HOLDS_UNKNOWN);
        assert_true(line(&a, i)->why[0] != '\0');
    }
    assert_int_equal(a.analysis->exit_status, SM_STATUS_INCONCLUSIVE);
    analysed_run_free(&a);
}

static void gauges_are_judged_by_name(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 8e6,
                                      .capacity = 20000,
                                      .budget = {"gauge:queued", "20000", "gauge:queued", "19000",
                                                 "gauge:queued", "bounded"}});
    assert_int_equal(line(&a, 0)->holds, SM_HOLDS_YES);
    assert_int_equal(line(&a, 1)->holds, SM_HOLDS_NO);
    assert_int_equal(line(&a, 2)->holds, SM_HOLDS_YES);
    analysed_run_free(&a);
}

static void a_peak_in_a_record_cut_short_is_only_a_peak_so_far(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.kill_at_s = 20,
                                      .declared_heap_bytes = 8e6,
                                      .budget = {"heap_peak", "500MB", "heap_peak", "62MB"}});
    assert_int_equal(line(&a, 0)->holds, SM_HOLDS_UNKNOWN);
    assert_int_equal(line(&a, 1)->holds, SM_HOLDS_NO);
    analysed_run_free(&a);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_temp_dir_make, test_temp_dir_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_are_taken),
        cmocka_unit_test(wrong_lines_are_refused_with_the_right_one),
        TEST(figures_are_held_against_limits),
        TEST(a_late_driver_is_not_held_against_the_target),
        TEST(what_a_dead_target_left_unanswered_is_its_own),
        cmocka_unit_test(lateness_is_weighed_against_what_was_met),
        TEST(what_was_not_measured_is_unknown),
        TEST(gauges_are_judged_by_name),
        TEST(a_peak_in_a_record_cut_short_is_only_a_peak_so_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
