#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reports/record.h"
#include "reports/settled.h"
#include "temp_dir.h"

/* A record in the making: cycles of 4 s of load and 2 s of rest, or 4 s loads without rests. */
struct plan {
    int cycles;
    int is_rest_open; /* the last rest has not ended */
    int is_passive;
    double leaked_per_s; /* of load */
    double declared;     /* bound of the heap in bytes; 0 = none */
    const char *budget[8];
};

enum { HZ = 20, LOAD_S = 4, REST_S = 2, HEAP = 1, FDS = 2 };

static void add_phase(struct sm_record *record, int id, int cycle, double from_s, double to_s,
                      double load) {
    const struct sm_phase phase = {.id = id,
                                   .name = (char *)(load > 0 ? "load" : "rest"),
                                   .cycle = cycle,
                                   .from_ns = (int64_t)(from_s * 1e9),
                                   .to_ns = to_s < 0 ? -1 : (int64_t)(to_s * 1e9),
                                   .load_factor = load,
                                   .is_settle = load <= 0};
    assert_int_equal(sm_record_add_phase(record, &phase), 0);
}

static void add_sample(struct sm_record *record, int series_id, double t_s, double value) {
    const struct sm_sample sample = {series_id, (int64_t)(t_s * 1e9), value, value, value};
    assert_int_equal(sm_record_add_sample(record, &sample), 0);
}

static void write_levels(struct sm_record *record, const struct plan *plan) {
    const struct sm_series heap = {HEAP, 0, (char *)"heap", SM_UNIT_BYTES};
    const struct sm_series fds = {FDS, 0, (char *)"fds", SM_UNIT_COUNT};
    const int length_s = plan->is_passive ? LOAD_S : LOAD_S + REST_S;
    assert_int_equal(sm_record_add_series(record, &heap), 0);
    assert_int_equal(sm_record_add_series(record, &fds), 0);
    for (int i = 0; i <= plan->cycles * length_s * HZ; i++) {
        double t_s = (double)i / HZ, within_s = fmod(t_s, length_s);
        int is_load = within_s < LOAD_S;
        double loaded_s = floor(t_s / length_s) * LOAD_S + fmin(within_s, LOAD_S);
        double work = is_load ? 1e5 + 5e4 * (i % 7) : 200 * (i % 3);
        add_sample(record, HEAP, t_s, 1e6 + work + plan->leaked_per_s * loaded_s);
        add_sample(record, FDS, t_s, is_load ? 12 : 8);
    }
}

/* Writes the plan, and looks at it while it is still open. */
static struct sm_settled look(void **state, const struct plan *plan, int is_all_seen) {
    struct sm_record *record;
    struct sm_settled settled;
    struct sm_error err = {0};
    char name[40], path[512];
    static int number;
    snprintf(name, sizeof name, "%d.db", ++number);
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, name);
    assert_int_equal(sm_record_create(path, &record, &err), 0);
    for (int i = 0; i < plan->cycles; i++) {
        double from_s = plan->is_passive ? i * LOAD_S : i * (LOAD_S + REST_S);
        int is_open = plan->is_rest_open && i == plan->cycles - 1;
        add_phase(record, 2 * i + 1, plan->is_passive ? 0 : i + 1, from_s, from_s + LOAD_S, 1);
        if (!plan->is_passive)
            add_phase(record, 2 * i + 2, i + 1, from_s + LOAD_S,
                      is_open ? -1 : from_s + LOAD_S + REST_S, 0);
    }
    write_levels(record, plan);
    const struct sm_declared_bound bound = {(char *)"heap", plan->declared};
    if (plan->declared > 0)
        assert_int_equal(sm_record_add_declared_bound(record, &bound), 0);
    for (size_t i = 0; plan->budget[i]; i += 2) {
        const char *limit = plan->budget[i + 1];
        int is_bounded = strcmp(limit, "bounded") == 0;
        const struct sm_budget_item item = {(char *)plan->budget[i], (char *)limit, is_bounded,
                                            is_bounded ? 0 : 3e6};
        assert_int_equal(sm_record_add_budget_item(record, &item), 0);
    }
    assert_int_equal(sm_record_commit(record), 0);
    assert_int_equal(sm_settled_look(path, is_all_seen, &settled, &err), 0);
    assert_int_equal(sm_record_close(record, 0), 0);
    return settled;
}

static void a_leak_is_sure_after_seven_rests(void **state) {
    struct plan plan = {.leaked_per_s = 50000, .budget = {"heap", "bounded", "fds", "bounded"}};
    for (plan.cycles = 1; plan.cycles < 7; plan.cycles++)
        assert_false(look(state, &plan, 1).is_settled);
    plan.cycles = 8;
    struct sm_settled settled = look(state, &plan, 0);
    assert_true(settled.is_settled);
    assert_non_null(strstr(settled.why, "heap is growing"));
}

static void growth_is_sure_without_a_budget_too(void **state) {
    struct sm_settled settled = look(state, &(struct plan){.cycles = 8, .leaked_per_s = 50000}, 0);
    assert_true(settled.is_settled);
    assert_non_null(strstr(settled.why, "heap is growing"));
}

static void what_is_flat_is_sure_after_eight_rests(void **state) {
    struct plan plan = {.budget = {"heap", "bounded", "fds", "bounded"}};
    for (plan.cycles = 1; plan.cycles < 8; plan.cycles++)
        assert_false(look(state, &plan, 1).is_settled);
    plan.cycles = 9;
    struct sm_settled settled = look(state, &plan, 0);
    assert_true(settled.is_settled);
    assert_non_null(strstr(settled.why, "heap is bounded"));
    plan.budget[0] = NULL;
    assert_true(look(state, &plan, 0).is_settled);
}

static void a_rest_that_is_still_on_does_not_count(void **state) {
    struct plan plan = {.cycles = 8, .budget = {"heap", "bounded"}};
    assert_true(look(state, &plan, 0).is_settled);
    plan.is_rest_open = 1;
    assert_false(look(state, &plan, 0).is_settled);
}

static void a_limit_that_holds_waits_for_what_is_to_come(void **state) {
    struct plan plan = {.cycles = 9, .budget = {"heap", "bounded", "heap_peak", "3MB"}};
    assert_false(look(state, &plan, 0).is_settled);
    assert_true(look(state, &plan, 1).is_settled);
    plan.budget[2] = "gauge:none"; /* never measured: nothing to wait for either */
    assert_true(look(state, &plan, 1).is_settled);
    plan.budget[3] = "bounded";
    assert_false(look(state, &plan, 1).is_settled);
}

static void watching_alone_is_never_sure(void **state) {
    struct plan plan = {.cycles = 10, .is_passive = 1, .budget = {"heap", "bounded"}};
    assert_false(look(state, &plan, 1).is_settled);
    plan.leaked_per_s = 200000;
    assert_false(look(state, &plan, 1).is_settled);
    /* But a broken limit is. */
    plan.budget[0] = "heap_peak";
    plan.budget[1] = "3MB";
    struct sm_settled settled = look(state, &plan, 0);
    assert_true(settled.is_settled);
    assert_non_null(strstr(settled.why, "heap_peak is broken"));
    /* And so is a declared bound, once a phase has ended beyond 1.2 times of it. */
    plan.budget[0] = NULL;
    plan.declared = 7e6;
    assert_false(look(state, &plan, 0).is_settled);
    plan.declared = 4e6;
    settled = look(state, &plan, 0);
    assert_true(settled.is_settled);
    assert_non_null(strstr(settled.why, "declared bound exceeded"));
}

static void a_damaged_record_is_an_error(void **state) {
    struct sm_settled settled = {.is_settled = 7};
    struct sm_error err = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/none.db", (const char *)*state);
    assert_true(sm_settled_look(path, 1, &settled, &err) < 0);
    assert_int_equal(settled.is_settled, 7);
    assert_int_not_equal(err.code, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_is_sure_after_seven_rests),
        cmocka_unit_test(growth_is_sure_without_a_budget_too),
        cmocka_unit_test(what_is_flat_is_sure_after_eight_rests),
        cmocka_unit_test(a_rest_that_is_still_on_does_not_count),
        cmocka_unit_test(a_limit_that_holds_waits_for_what_is_to_come),
        cmocka_unit_test(watching_alone_is_never_sure),
        cmocka_unit_test(a_damaged_record_is_an_error),
    };
    return cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
}
