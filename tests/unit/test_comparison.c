/* Several runs beside each other: which change moved which figure, of runs whose truth is known. */
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
#include "reports/comparison.h"
#include "reports/render.h"
#include "temp_dir.h"

enum { COMBINATIONS = 8, LOADED_S = 35, RUN_S = 40 };
static const double LEAK_PER_S = 50000, FDS_PER_S = 2, LOST_PER_S = 11;

struct compared {
    struct analysed_run made[COMBINATIONS];
    struct sm_compared_run runs[COMBINATIONS];
    struct sm_comparison comparison;
};

/* Run `i` has the fixes whose bits are set. */
static void make_run(void **state, struct compared *compared, size_t at, int bits) {
    char params[120];
    snprintf(params, sizeof params,
             "{\"rate\": 4000, \"free\": \"%s\", \"close\": %s, \"count\": \"%s\"}",
             bits & 1 ? "yes" : "no", bits & 2 ? "true" : "false", bits & 4 ? "on" : "off");
    struct synthetic_run plan = {.is_without_fault = 1,
                                 .params = params,
                                 .leaked_per_s = bits & 1 ? 0 : LEAK_PER_S,
                                 .fds_per_s = bits & 2 ? 0 : FDS_PER_S,
                                 .lost_per_s = bits & 4 ? 0 : LOST_PER_S};
    compared->made[at] = analysed_run_make(state, plan);
    compared->runs[at] =
        (struct sm_compared_run){compared->made[at].run, compared->made[at].analysis};
}

static void compare(void **state, struct compared *compared, const int *bits, size_t count) {
    for (size_t i = 0; i < count; i++)
        make_run(state, compared, i, bits[i]);
    assert_int_equal(sm_comparison_make(compared->runs, count, &compared->comparison), 0);
    assert_int_equal(compared->comparison.run_count, count);
}

static void forget(struct compared *compared) {
    for (size_t i = 0; i < compared->comparison.run_count; i++)
        analysed_run_free(&compared->made[i]);
    sm_comparison_clear(&compared->comparison);
}

static const struct sm_main_effect *effect(const struct sm_comparison *comparison,
                                           const char *figure, const char *parameter) {
    for (size_t f = 0; f < comparison->figure_count; f++)
        for (size_t c = 0; c < comparison->change_count; c++)
            if (strcmp(comparison->figures[f].name, figure) == 0 &&
                strcmp(comparison->changes[c].parameter, parameter) == 0)
                return &comparison->effects[f * comparison->change_count + c];
    fail_msg("no effect of %s on %s", parameter, figure);
    return NULL;
}

static void assert_moved(const struct sm_main_effect *effect, double by, double within) {
    assert_true(effect->is_known && effect->is_sure);
    assert_true(fabs(effect->difference.value - by) <= within);
    assert_true(effect->difference.low <= effect->difference.value);
    assert_true(effect->difference.value <= effect->difference.high);
}

static void assert_not_moved(const struct sm_main_effect *effect) {
    assert_true(effect->is_known);
    assert_false(effect->is_sure);
}

static void each_of_three_fixes_moves_its_own_figure(void **state) {
    static const int all[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct compared compared = {0};
    compare(state, &compared, all, COMBINATIONS);
    const struct sm_comparison *c = &compared.comparison;
    assert_int_equal(c->change_count, 3);
    assert_int_equal(c->freedom, 4);
    assert_moved(effect(c, "heap at end", "free"), -LEAK_PER_S * LOADED_S, 40000);
    assert_moved(effect(c, "fds at end", "close"), -FDS_PER_S * RUN_S, 1);
    assert_moved(effect(c, "unaccounted", "count"), -LOST_PER_S * LOADED_S, 1);
    assert_moved(effect(c, "cache_fill (cache.c:9)", "free"), -LEAK_PER_S * LOADED_S, 1);
    assert_not_moved(effect(c, "heap at end", "close"));
    assert_not_moved(effect(c, "heap at end", "count"));
    assert_not_moved(effect(c, "fds at end", "free"));
    assert_not_moved(effect(c, "unaccounted", "close"));
    assert_true(fabs(effect(c, "fds at end", "close")->from_mean - 12 - FDS_PER_S * RUN_S) < 2);
    forget(&compared);
}

/* Half of the combinations will do, but leave less to tell noise by. */
static void half_of_the_combinations_tell_them_apart(void **state) {
    static const int half[] = {1, 2, 4, 7};
    struct compared compared = {0};
    compare(state, &compared, half, 4);
    const struct sm_main_effect *moved = effect(&compared.comparison, "fds at end", "close");
    assert_int_equal(compared.comparison.freedom, 0);
    assert_true(moved->is_known && !moved->is_sure && isnan(moved->difference.low));
    assert_true(fabs(moved->difference.value + FDS_PER_S * RUN_S) < 2);
    forget(&compared);
}

static void fixes_that_always_come_together_are_not_told_apart(void **state) {
    static const int coupled[] = {0, 3, 4, 7, 0};
    struct compared compared = {0};
    compare(state, &compared, coupled, 5);
    const struct sm_comparison *c = &compared.comparison;
    assert_false(effect(c, "heap at end", "free")->is_known);
    assert_false(effect(c, "fds at end", "close")->is_known);
    assert_moved(effect(c, "unaccounted", "count"), -LOST_PER_S * LOADED_S, 1);
    forget(&compared);
}

static void two_runs_are_a_difference(void **state) {
    static const int two[] = {6, 7};
    struct compared compared = {0};
    compare(state, &compared, two, 2);
    const struct sm_comparison *c = &compared.comparison;
    assert_int_equal(c->change_count, 1);
    assert_string_equal(c->changes[0].from, "no");
    assert_string_equal(c->changes[0].to, "yes");
    assert_true(fabs(effect(c, "heap at end", "free")->difference.value + LEAK_PER_S * LOADED_S) <
                40000);
    forget(&compared);
}

static void throughput_is_what_was_delivered_while_it_came(void **state) {
    struct compared compared;
    compare(state, &compared, (const int[]){0, 4}, 2);
    const struct sm_compared_figure *found = NULL;
    for (size_t i = 0; i < compared.comparison.figure_count; i++)
        if (strcmp(compared.comparison.figures[i].name, "throughput, delivered") == 0)
            found = &compared.comparison.figures[i];
    assert_non_null(found);
    assert_int_equal(found->unit, SM_UNIT_COUNT_PER_S);
    double less = compared.made[0].truth.delivered / compared.made[1].truth.delivered;
    assert_true(less < .999);
    assert_true(fabs(found->values[0] / found->values[1] - less) < (1 - less) / 4);
    assert_true(fabs(found->values[1] - 4000) < 400);
    forget(&compared);
}

static void equal_runs_have_no_change(void **state) {
    static const int same[] = {5, 5, 5};
    struct compared compared = {0};
    compare(state, &compared, same, 3);
    assert_int_equal(compared.comparison.change_count, 0);
    assert_int_equal(sm_comparison_make(compared.runs, 1, &(struct sm_comparison){0}), -EINVAL);
    forget(&compared);
}

static void changes_are_told_in_words(void **state) {
    const int bits[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct compared compared = {0};
    struct sm_error err = {0};
    char *text = NULL, *leak = NULL;
    size_t length = 0;
    compare(state, &compared, bits, COMBINATIONS);
    FILE *to = open_memstream(&text, &length);
    assert_int_equal(sm_render_comparison(compared.runs, COMBINATIONS, to, &err), 0);
    assert_int_equal(fclose(to), 0);
    leak = strstr(text, "  free: no -> yes\n");
    assert_non_null(leak);
    assert_non_null(strstr(leak, "heap at end"));
    assert_true(strstr(leak, "heap at end") < strstr(leak, "  close: false -> true\n"));
    assert_null(strstr(text, "rate: ")); /* was the same in all */
    assert_non_null(strstr(text, "Main effects"));
    free(text);
    forget(&compared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_three_fixes_moves_its_own_figure),
        cmocka_unit_test(half_of_the_combinations_tell_them_apart),
        cmocka_unit_test(fixes_that_always_come_together_are_not_told_apart),
        cmocka_unit_test(two_runs_are_a_difference),
        cmocka_unit_test(throughput_is_what_was_delivered_while_it_came),
        cmocka_unit_test(equal_runs_have_no_change),
        cmocka_unit_test(changes_are_told_in_words),
    };
    return cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
}
