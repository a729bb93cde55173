/* Experiments in one line: the phases they make, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reports/growth_words.h"
#include "scenario_text.h"
#include "temp_dir.h"

static const char frame[] = "return scenario { title = 't', target = program { 'x' }, %s }";

static struct sm_scenario *good(void **state, const char *inside) {
    char text[600];
    snprintf(text, sizeof text, frame, inside);
    return test_good(state, text, NULL);
}

static void doses_go_low_high_high_low(void **state) {
    struct sm_scenario *scenario =
        good(state, "phases = { phase { 'a', '1s', cycle = 2 },"
                    " doses { '4s', '2s', high = 3, cycles = 4 }, phase { 'z', '1s' } }");
    static const double loads[] = {1, 0, 3, 0, 3, 0, 1, 0};
    assert_int_equal(scenario->phase_count, 10);
    for (size_t i = 0; i < 8; i++) {
        const struct sm_scenario_phase *phase = &scenario->phases[i + 1];
        assert_true(phase->load_factor == loads[i]);
        assert_true(phase->duration_s == (i % 2 ? 2 : 4));
        assert_int_equal(phase->cycle, 3 + (int)i / 2);
        assert_int_equal(phase->is_settle, i % 2 == 1);
        assert_int_equal(phase->give_back, i % 2 == 1);
        assert_int_equal(phase->fault_count, 0);
    }
    assert_string_equal(scenario->phases[3].name, "high dose");
    assert_int_equal(scenario->phases[9].cycle, 0);
    sm_scenario_free(scenario);
}

static void doses_are_eight_and_as_told(void **state) {
    struct sm_scenario *scenario = good(
        state, "params = { n = 4 }, phases = { doses { load = '4s', settle = '2s' },"
               " doses { '1s', '1s', low = 0.5, high = 1, give_back = false, cycles = '${n}' } }");
    assert_int_equal(scenario->phase_count, 16 + 8);
    assert_true(scenario->phases[16].load_factor == 0.5);
    assert_int_equal(scenario->phases[16].cycle, 9);
    assert_false(scenario->phases[17].give_back);
    sm_scenario_free(scenario);
}

static void a_stall_comes_twice(void **state) {
    struct sm_scenario *scenario =
        good(state, "phases = { stall { '5s', '10s', slow_disk { '/x', stall = true },"
                    " recovery = '3s' } }");
    static const double seconds[] = {5, 3, 10, 3};
    assert_int_equal(scenario->phase_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(scenario->phases[i].duration_s == seconds[i]);
        assert_true(scenario->phases[i].load_factor == 1);
        assert_int_equal(scenario->phases[i].fault_count, i % 2 == 0);
        assert_int_equal(scenario->phases[i].cycle, 0);
    }
    assert_ptr_equal(scenario->phases[0].faults[0], scenario->phases[2].faults[0]);
    sm_scenario_free(scenario);
}

static void mistakes_are_named(void **state) {
    static const char *const cases[][2] = {
        {"doses { '4s' }", "missing"},
        {"doses { '4s', '2s', cycles = 6 }", "multiple of 4"},
        {"doses { '4s', '2s', low = 2 }", "above the low one"},
        {"doses { '4s', '2s', cicles = 8 }", "\"cycles\""},
        {"cycles(2, { doses { '4s', '2s' } })", "cannot stand within"},
        {"stall { '5s', '10s' }", "missing"},
        {"stall { '5s', '10s', {} }", "without a fault"},
        {"stall { '5s', '5s', slow_disk { '/x', stall = true } }", "longer than the first"},
        {"doses { '4s', '2s', cycles = 2000 }, doses { '4s', '2s', cycles = 2000 }", "5000 phases"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char inside[256], text[600];
        snprintf(inside, sizeof inside, "phases = { %s }", cases[i][0]);
        snprintf(text, sizeof text, frame, inside);
        test_bad(state, text, NULL, (const char *const[]){"phases", cases[i][1], NULL});
    }
}

static void load_needed(void **state, const struct sm_verdict *verdict) {
    static const char *const experiments[] = {"phase {", "doses {", "stall {"};
    const char *line = NULL;
    char inside[400];
    for (size_t i = 0; i < 3 && !line; i++)
        line = strstr(verdict->needs, experiments[i]);
    assert_non_null(line);
    snprintf(inside, sizeof inside, "phases = { %s }", line);
    struct sm_scenario *scenario = good(state, inside);
    assert_true(scenario->phase_count > 0);
    sm_scenario_free(scenario);
}

/* Whatever is in doubt, and whichever rule is in the way: what is needed is a line that loads. */
static void what_a_verdict_needs_can_be_pasted(void **state) {
    for (int doubt = SM_DOUBT_SHORT; doubt <= SM_DOUBT_RECENT; doubt++)
        for (int rule = SM_RULE_NONE; rule <= SM_RULE_LOAD_CHANGED; rule++)
            for (int in_fault = 0; in_fault < 2; in_fault++) {
                struct sm_growth_scene scene = {.resolution_per_s = 4096,
                                                .declared_cap = 8e6,
                                                .window_s = 17.4,
                                                .in_fault = in_fault,
                                                .rule = (enum sm_growth_rule)rule};
                struct sm_window_verdict window = {.kind = SM_VERDICT_INCONCLUSIVE,
                                                   .doubt = (enum sm_window_doubt)doubt,
                                                   .profile = {.noise = 5e4, .plain_rate = 10},
                                                   .used_seconds = 9};
                struct sm_verdict verdict = {.kind = SM_VERDICT_INCONCLUSIVE};
                sm_growth_explain_window(&scene, &window, &verdict);
                load_needed(state, &verdict);
            }
    for (int marks = 0; marks < 40; marks++) {
        struct sm_growth_scene scene = {.resolution_per_s = 4096};
        struct sm_cycles_verdict cycles = {.marks = marks};
        struct sm_verdict verdict = {.kind = SM_VERDICT_INCONCLUSIVE, .suspect = marks % 2};
        sm_growth_explain_cycles(&scene, &cycles, &verdict);
        load_needed(state, &verdict);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doses_go_low_high_high_low),
        cmocka_unit_test(doses_are_eight_and_as_told),
        cmocka_unit_test(a_stall_comes_twice),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(what_a_verdict_needs_can_be_pasted),
    };
    return cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
}
