/* Services in a scenario: their names, and the places that others may name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario_text.h"
#include "temp_dir.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *argument(const struct sm_scenario *scenario, size_t index) {
    return sm_block_texts(scenario->target, "command", NULL)[index];
}

static void places_are_named(void **state) {
    char port[16];
    struct sm_scenario *scenario = test_good(
        state,
        test_around("services = { redis {}, redis { name = 'cache', relay = true },"
                    " program { '/x/broker', '${port}', '${dir}', '${redis.port}' } },"
                    " target = program { 'x', '${redis.port}', '${redis.unix}', '${cache.port}',"
                    " '${cache.unix}', '${broker.log}', function() return '${redis.dir}' end }"),
        NULL);
    const struct sm_service *services = scenario->services;
    assert_int_equal(scenario->service_count, 3);
    assert_string_equal(services[0].name, "redis");
    assert_string_equal(services[2].name, "broker");
    snprintf(port, sizeof port, "%u", services[0].port);
    assert_string_equal(argument(scenario, 1), port);
    assert_string_equal(argument(scenario, 2), "/R/redis.sock");
    snprintf(port, sizeof port, "%u", services[1].front_port);
    assert_string_equal(argument(scenario, 3), port);
    assert_int_not_equal(services[1].port, services[1].front_port);
    assert_string_equal(argument(scenario, 4), "/R/cache.sock");
    assert_string_equal(services[1].unix_path, "/R/cache-own.sock");
    assert_string_equal(argument(scenario, 5), "/D/broker.log");
    assert_string_equal(argument(scenario, 6), "/D/redis");
    const char *const *broker = sm_block_texts(services[2].block, "command", NULL);
    snprintf(port, sizeof port, "%u", services[2].port);
    assert_string_equal(broker[1], port);
    assert_string_equal(broker[2], "/D/broker");
    sm_scenario_free(scenario);
}

static void names_without_a_name(void **state) {
    struct sm_scenario *scenario =
        test_good(state,
                  test_around("services = { program { '/bin/9lives' }, program { 'sh' },"
                              " program { 'sh' }, nginx {}, postgres {} }"),
                  NULL);
    const char *const names[] = {"service1", "sh", "service3", "nginx", "postgres"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(scenario->services[i].name, names[i]);
    sm_scenario_free(scenario);
}

static void a_parameter_goes_first(void **state) {
    struct sm_scenario *scenario = test_good(
        state, test_around("params = { port = 7 }, services = { program { 'x', '${port}' } }"),
        NULL);
    assert_string_equal(sm_block_texts(scenario->services[0].block, "command", NULL)[1], "7");
    sm_scenario_free(scenario);
}

static void mistakes(void **state) {
    test_bad(state,
             test_around("services = { redis {} }, target = program { 'x', '${rdis.port}' }"), NULL,
             WORDS("target.command", "${rdis...}", "did you mean \"redis\"?"));
    test_bad(state,
             test_around("services = { redis {} }, target = program { 'x', '${redis.prt}' }"), NULL,
             WORDS("${redis.prt}", "did you mean \"port\"?"));
    test_bad(state, test_around("services = { program { 'x', '${redis.port}' }, redis {} }"), NULL,
             WORDS("services[1].command", "no service before this"));
    test_bad(state, test_around("services = { redis {}, redis { name = 'redis' } }"), NULL,
             WORDS("services[2]", "there is a redis already"));
    test_bad(state, test_around("services = { redis { name = 'target' } }"), NULL,
             WORDS("there is a target already"));
    test_bad(state, test_around("services = { redis { name = '../x' } }"), NULL,
             WORDS("cannot be a service's name"));
    test_bad(state, test_around("target = program { 'x', '${port}' }"), NULL, WORDS("${port}"));
    test_bad(state, test_around("services = { redis { memory = '8MB' } }"), NULL,
             WORDS("services[1].memory: no such key"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(places_are_named, test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(names_without_a_name, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_parameter_goes_first, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(mistakes, test_temp_dir_make, test_temp_dir_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
