/* Figures of runs against earlier ones: lines of a gate, and files of figures. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysed_run.h"
#include "reports/figures.h"
#include "temp_dir.h"

/* Figures of the heap's peak alone. */
static struct sm_figures peaks(const double *values, size_t count) {
    struct sm_figures made = {.scenario = "s", .params = "{}", .count = count};
    for (int figure = 0; figure < SM_FIGURE_COUNT; figure++)
        for (size_t i = 0; i < count; i++)
            made.values[figure][i] = figure == SM_FIGURE_HEAP_PEAK ? values[i] : NAN;
    return made;
}
#define PEAKS(...)                                                                                 \
    peaks((const double[]){__VA_ARGS__}, sizeof(const double[]){__VA_ARGS__} / sizeof(double))

static struct sm_budget_line judged(struct sm_figures before, struct sm_figures now,
                                    double tolerance) {
    struct sm_figure_lines lines;
    sm_figures_judge(&before, &now, 0, tolerance, &lines);
    assert_int_equal(lines.count, 1);
    assert_string_equal(lines.lines[0].name, "heap_peak:baseline");
    return lines.lines[0].line;
}

static void lines_tell_limit_value_and_margin(void **state) {
    (void)state;
    struct sm_figures before = PEAKS(1e8, 1.01e8, .99e8, 1e8), now = PEAKS(1.5e8);
    struct sm_figure_lines lines;
    sm_figures_judge(&before, &now, 0, .1, &lines);
    const struct sm_figure_line *line = &lines.lines[0];
    assert_int_equal(line->line.holds, SM_HOLDS_NO);
    assert_true(fabs(line->item.value - 1.1e8) < 1e6);
    assert_true(fabs(line->line.actual - 1.5e8) < 1);
    assert_true(fabs(line->line.margin + 4e7) < 1e6);
    assert_string_equal(line->limit, "110 MB");
    assert_non_null(strstr(line->line.why, "in 4 of the baseline: +50.0 MB"));
}

static void only_what_is_worse_breaks(void **state) {
    (void)state;
    assert_int_equal(judged(PEAKS(1e8, 1e8, 1e8), PEAKS(1.02e8), .1).holds, SM_HOLDS_YES);
    assert_int_equal(judged(PEAKS(1e8, 1.01e8, .99e8, 1e8), PEAKS(3e7), .1).holds, SM_HOLDS_YES);
    /* It may be a good deal better: still not worse. */
    assert_int_equal(judged(PEAKS(1e8, 1.1e8, .9e8, 1.1e8, .9e8), PEAKS(6e7), .1).holds,
                     SM_HOLDS_YES);
    assert_int_equal(judged(PEAKS(1e8, 1.01e8, .99e8), PEAKS(1.5e8), 1).holds, SM_HOLDS_YES);
}

static void too_few_runs_settle_nothing(void **state) {
    (void)state;
    struct sm_budget_line line = judged(PEAKS(1e8), PEAKS(5e8), .1);
    assert_int_equal(line.holds, SM_HOLDS_UNKNOWN);
    assert_non_null(strstr(line.why, "one run does not tell the noise"));
    /* Noise that hides the tolerance: no pass, though the mean is the same. */
    line = judged(PEAKS(1e8, 1.4e8, .6e8), PEAKS(1e8), .1);
    assert_int_equal(line.holds, SM_HOLDS_UNKNOWN);
}

static void counts_may_be_one_more(void **state) {
    (void)state;
    struct sm_figure_lines lines;
    struct sm_figures before = {.count = 3}, now = {.count = 3};
    for (int i = 0; i < SM_FIGURE_COUNT; i++)
        for (int run = 0; run < 3; run++) {
            before.values[i][run] = i == SM_FIGURE_FDS_PEAK ? 5 : NAN;
            now.values[i][run] = i == SM_FIGURE_FDS_PEAK ? 6 : NAN;
        }
    sm_figures_judge(&before, &now, 0, .1, &lines);
    assert_int_not_equal(lines.lines[0].line.holds, SM_HOLDS_UNKNOWN);
    for (int run = 0; run < 3; run++)
        now.values[SM_FIGURE_FDS_PEAK][run] = 7;
    sm_figures_judge(&before, &now, 0, .1, &lines);
    assert_int_equal(lines.lines[0].line.holds, SM_HOLDS_NO);
    sm_figures_judge(&before, &now, 1u << SM_FIGURE_HEAP_PEAK, .1, &lines);
    assert_int_equal(lines.count, 0);
}

static void files_read_back(void **state) {
    char path[512];
    struct sm_error err = {0};
    struct sm_figures made = {0}, again = {0};
    for (int i = 0; i < 3; i++) {
        struct analysed_run a = analysed_run_make(state, (struct synthetic_run){.capacity = 20000});
        assert_int_equal(sm_figures_add(&made, a.run, a.analysis, &err), 0);
        analysed_run_free(&a);
    }
    snprintf(path, sizeof path, "%s/base.json", (char *)*state);
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    assert_int_equal(sm_figures_write(&made, to, &err), 0);
    assert_true(ftell(to) < 1500);
    fclose(to);
    assert_int_equal(sm_figures_read(&again, path, &err), 0);
    assert_string_equal(again.scenario, "synthetic/slow-disk");
    assert_string_equal(again.params, made.params);
    assert_int_equal(again.count, 3);
    for (int i = 0; i < SM_FIGURE_COUNT; i++)
        assert_true(fabs(again.values[i][2] - made.values[i][2]) <= 1e-6 * made.values[i][2]);
    assert_true(again.values[SM_FIGURE_HEAP_PEAK][0] > 6e7);
    assert_int_equal(sm_figures_read(&again, path, &err), 0); /* adds */
    assert_int_equal(again.count, 6);
}

static void files_that_are_none_are_refused(void **state) {
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"spillmark_baseline\": 2, \"scenario\": \"s\"}",
        "{\"spillmark_baseline\": 1, \"scenario\": 4, \"figures\": {\"heap_peak\": [1]}}",
        "{\"spillmark_baseline\": 1, \"scenario\": \"s\", \"figures\": {}}",
        "{\"spillmark_baseline\": 1, \"scenario\": \"s\", \"params\": {}, \"figures\": 7}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char path[512];
        struct sm_error err = {0};
        struct sm_figures figures = {0};
        snprintf(path, sizeof path, "%s/base.json", (char *)*state);
        FILE *to = fopen(path, "w");
        assert_non_null(to);
        fputs(texts[i], to);
        fclose(to);
        assert_true(sm_figures_read(&figures, path, &err) < 0);
        assert_int_equal(figures.count, 0);
        assert_non_null(strstr(err.todo, "--save-baseline"));
    }
}

static void runs_that_do_not_compare_are_refused(void **state) {
    struct sm_error err = {0};
    struct sm_figures figures = {0};
    struct analysed_run cut = analysed_run_make(state, (struct synthetic_run){.kill_at_s = 20});
    assert_int_equal(sm_figures_add(&figures, cut.run, cut.analysis, &err), -ENODATA);
    analysed_run_free(&cut);
    struct analysed_run a = analysed_run_make(state, (struct synthetic_run){.capacity = 20000});
    struct analysed_run b = analysed_run_make(state, (struct synthetic_run){.names = "other"});
    assert_int_equal(sm_figures_add(&figures, a.run, a.analysis, &err), 0);
    assert_int_equal(sm_figures_add(&figures, b.run, b.analysis, &err), -EINVAL);
    assert_int_equal(figures.count, 1);
    analysed_run_free(&a);
    analysed_run_free(&b);
}

static void lines_decide_the_run(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.capacity = 20000, .budget = {"heap_peak", "1GB"}});
    struct sm_figures before = PEAKS(3e7, 3.01e7, 2.99e7), now = PEAKS(6.5e7);
    struct sm_figure_lines lines;
    assert_int_equal(a.analysis->exit_status, 0);
    sm_figures_judge(&before, &now, 0, .1, &lines);
    assert_int_equal(sm_figures_apply(&lines, a.run, a.analysis), 0);
    assert_int_equal(a.analysis->exit_status, 1);
    assert_int_equal(a.analysis->budget_count, 2);
    assert_non_null(strstr(a.analysis->why, "heap_peak:baseline"));
    analysed_run_free(&a);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_temp_dir_make, test_temp_dir_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_tell_limit_value_and_margin),
        cmocka_unit_test(only_what_is_worse_breaks),
        cmocka_unit_test(too_few_runs_settle_nothing),
        cmocka_unit_test(counts_may_be_one_more),
        TEST(files_read_back),
        TEST(files_that_are_none_are_refused),
        TEST(runs_that_do_not_compare_are_refused),
        TEST(lines_decide_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
