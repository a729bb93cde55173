#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario_text.h"
#include "temp_dir.h"

static struct sm_scenario *slow_disk(const struct sm_setting *settings, size_t count,
                                     double time_scale) {
    struct sm_scenario *scenario = NULL;
    struct sm_error err = {0};
    char line[1200];
    if (sm_scenario_load("log-batcher/slow-disk", &test_dirs, settings, count, time_scale,
                         &scenario, &err))
        fail_msg("%s", sm_error_format(&err, line, sizeof line));
    return scenario;
}

static void shipped_scenario_loads(void **state) {
    (void)state;
    struct sm_scenario *scenario = slow_disk(NULL, 0, 1);
    assert_string_equal(scenario->name, "log-batcher/slow-disk");
    assert_string_equal(scenario->title, "Log batcher on a slow disk");
    test_texts(scenario->target, "command",
               (const char *const[]){"/B/log-batcher", "--socket", "/R/rpc.sock", "--db",
                                     "/D/logs.db", "--capacity", "20000", "--channel", "unbounded",
                                     NULL});
    const struct sm_block *ready = sm_block_block(scenario->target, "ready");
    assert_string_equal(ready->type, "http");
    assert_string_equal(sm_block_text(ready, "unix"), "/R/rpc.sock");
    assert_string_equal(sm_block_text(ready, "path"), "/health");
    assert_true(sm_block_quantity(scenario->target, "ready_timeout") == 30);
    size_t count;
    const struct sm_block *const *gauges = sm_block_blocks(scenario->target, "gauges", &count);
    assert_int_equal(count, 1);
    assert_string_equal(sm_block_text(gauges[0], "path"), "/stats");
    assert_string_equal(sm_block_text(scenario->delivered, "query"), "select count(*) from logs");
    assert_string_equal(sm_block_text(scenario->delivered, "path"), "/D/logs.db");
    assert_string_equal(sm_block_text(scenario->dropped, "name"), "dropped_total");
    sm_scenario_free(scenario);
}

static void shipped_load_has_its_body(void **state) {
    (void)state;
    struct sm_scenario *scenario = slow_disk(NULL, 0, 1);
    assert_int_equal(scenario->load_count, 1);
    const struct sm_block *load = scenario->loads[0];
    assert_string_equal(load->type, "http_load");
    assert_true(sm_block_quantity(load, "rate") == 4000);
    const struct sm_body *body = sm_block_body(load, "body");
    assert_string_equal(body->content_type, "application/json");
    assert_int_equal(body->payload_bytes, 142);
    const struct sm_body_part *part = body->variants->parts;
    assert_int_equal(strlen(part->bytes), body->variants->length);
    assert_memory_equal(part->bytes, "{\"method\":\"logs.insert\",\"params\":\"", 34);
    assert_int_equal(part->length, 34 + 142 + 2);
    sm_scenario_free(scenario);
}

static void shipped_phases_and_limits(void **state) {
    (void)state;
    struct sm_scenario *scenario = slow_disk(NULL, 0, 0.5);
    assert_int_equal(scenario->phase_count, 4);
    assert_string_equal(scenario->phases[1].name, "slow disk");
    assert_true(scenario->phases[1].duration_s == 10);
    assert_int_equal(scenario->phases[1].fault_count, 1);
    const struct sm_block *fault = scenario->phases[1].faults[0];
    assert_string_equal(fault->type, "slow_disk");
    assert_true(sm_block_quantity(fault, "rate") == 64000);
    assert_string_equal(sm_block_text(fault, "path"), "/D");
    assert_non_null(strstr(fault->where, "slow-disk.lua:"));
    assert_non_null(strstr(fault->where, "phases[2].faults[1]"));
    assert_true(scenario->phases[0].load_factor == 1);
    assert_true(scenario->phases[3].load_factor == 0);
    assert_false(scenario->phases[2].is_settle);
    assert_true(scenario->phases[3].is_settle);
    assert_int_equal(scenario->declared_count, 1);
    assert_string_equal(scenario->declared[0].series, "heap");
    assert_true(scenario->declared[0].value == 8e6);
    assert_int_equal(scenario->budget_count, 4);
    assert_string_equal(scenario->budget[1].name, "heap");
    assert_true(scenario->budget[1].is_bounded);
    assert_string_equal(scenario->budget[2].limit, "64MB");
    assert_true(scenario->budget[2].value == 64e6);
    sm_scenario_free(scenario);
}

static void settings_change_parameters(void **state) {
    (void)state;
    const struct sm_setting settings[] = {
        {"build", "after"}, {"rate", "1"}, {"rate", "2.5k"}, {"channel", "unbounded"}};
    struct sm_scenario *scenario = slow_disk(settings, 4, 1);
    test_texts(scenario->target, "command",
               (const char *const[]){"/B/log-batcher", "--socket", "/R/rpc.sock", "--db",
                                     "/D/logs.db", "--capacity", "20000", "--channel", "unbounded",
                                     NULL});
    assert_true(sm_block_quantity(scenario->loads[0], "rate") == 2500);
    char *json = sm_scenario_params_json(scenario);
    assert_string_equal(json, "{\"build\":\"after\",\"channel\":\"unbounded\","
                              "\"capacity\":\"20000\",\"rate\":\"2500\",\"disk\":\"64KB/s\"}");
    free(json);
    assert_string_equal(scenario->params[0].fallback, "before");
    assert_string_equal(scenario->params[0].choices[2], "after");
    sm_scenario_free(scenario);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_scenario_loads),
        cmocka_unit_test(shipped_load_has_its_body),
        cmocka_unit_test(shipped_phases_and_limits),
        cmocka_unit_test(settings_change_parameters),
    };
    return cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
}
