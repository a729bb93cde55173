/* What the language can say: parameters as values, functions, cycles, lists, builds, bodies. */
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

static struct sm_scenario *around(void **state, const char *inside, const char *const *settings) {
    return test_good(state, test_around(inside), settings);
}

static void parameters_have_types(void **state) {
    const char *inside =
        "params = { n = 4, f = 0.5, b = true, s = 'x', c = choice { 10, 20, help = 'ten' },"
        " q = param { 'w', help = 'what' } },"
        " target = program { 'x', function(p) return { p.n + 1, p.f * 2, p.c / 2,"
        " p.b and 'yes' or 'no', p.s .. p.q, math.type(p.n) } end, '${n},${f},${b},${c}' }";
    struct sm_scenario *scenario = around(state, inside, NULL);
    test_texts(scenario->target, "command",
               WORDS("x", "5", "1", "5", "yes", "xw", "integer", "4,0.5,true,10"));
    assert_string_equal(scenario->params[0].name, "n");
    assert_string_equal(scenario->params[0].help, "");
    assert_string_equal(scenario->params[4].help, "ten");
    assert_string_equal(scenario->params[5].help, "what");
    assert_null(scenario->params[5].choices);
    sm_scenario_free(scenario);
    scenario = around(state, inside, WORDS("n=2k", "f=3", "b=false", "s=y", "c=20", "q="));
    test_texts(scenario->target, "command",
               WORDS("x", "2001", "6", "10", "no", "y", "integer", "2000,3,false,20"));
    sm_scenario_free(scenario);
}

static void texts_are_replaced_once(void **state) {
    struct sm_scenario *scenario =
        around(state,
               "params = { p = '$' }, target = program { '${bin}/x', '$${bin}', '$$', '${p}{bin}',"
               " 'a${run}b${data}c${log}', env = { B = '${p}', A = 5 }, cwd = '${data}' }",
               NULL);
    test_texts(scenario->target, "command", WORDS("/B/x", "${bin}", "$$", "${bin}", "a/Rb/Dc/L"));
    test_texts(scenario->target, "env", WORDS("A=5", "B=$"));
    assert_string_equal(sm_block_text(scenario->target, "cwd"), "/D");
    assert_false(sm_block_has(scenario->target, "ready"));
    assert_null(sm_block_block(scenario->target, "ready"));
    assert_true(sm_block_quantity(scenario->target, "address_space") == 0);
    sm_scenario_free(scenario);
}

static void functions_stand_for_any_value(void **state) {
    struct sm_scenario *scenario = around(
        state,
        "params = { n = 3, slow = true }, title2 = nil,"
        " target = program { 'x', ready = function(p) if p.slow then return tcp { 80 } end end,"
        " gauges = function() return http { url = 'http://h/' } end },"
        " load = function(p) local l = {} for i = 1, p.n do"
        " l[i] = null_load { rate = i * 10 .. '/s' } end return l end,"
        " declared = function(p) return { heap = p.n * 1000, ['gauge:q'] = function() return 7 end"
        " } end, budget = { heap = function(p) return p.n > 2 and bounded or nil end,"
        " heap_peak = function(p) return nil end }",
        NULL);
    assert_string_equal(sm_block_block(scenario->target, "ready")->type, "tcp");
    assert_int_equal(scenario->load_count, 3);
    assert_true(sm_block_quantity(scenario->loads[2], "rate") == 30);
    assert_int_equal(scenario->declared_count, 2);
    assert_string_equal(scenario->declared[0].series, "gauge:q");
    assert_true(scenario->declared[0].value == 7);
    assert_true(scenario->declared[1].value == 3000);
    assert_int_equal(scenario->budget_count, 1);
    sm_scenario_free(scenario);
}

static void cycles_repeat_phases(void **state) {
    struct sm_scenario *scenario = around(
        state,
        "params = { n = 3 }, phases = { phase { 'idle', '1s', load = off },"
        " cycles('${n}', { phase { 'load', '2s' }, phase { 'rest', '1s', load = off } }),"
        " cycles(2, function(p, cycle) return { phase { 'dose ' .. cycle, '1s', load = cycle / 2,"
        " faults = { slow_disk { '/x', stall = true } } } } end),"
        " phase { 'end', '1s', load = off } }",
        NULL);
    assert_int_equal(scenario->phase_count, 1 + 6 + 2 + 1);
    assert_int_equal(scenario->phases[0].cycle, 0);
    assert_false(scenario->phases[0].is_settle);
    assert_int_equal(scenario->phases[1].cycle, 1);
    assert_int_equal(scenario->phases[6].cycle, 3);
    assert_true(scenario->phases[6].is_settle);
    assert_string_equal(scenario->phases[8].name, "dose 5");
    assert_true(scenario->phases[8].load_factor == 2.5);
    assert_int_equal(scenario->phases[9].cycle, 0);
    assert_ptr_equal(scenario->phases[7].faults[0], scenario->phases[8].faults[0]);
    sm_scenario_free(scenario);
}

static void loops_make_phases(void **state) {
    struct sm_scenario *scenario =
        test_good(state,
                  "local stall = slow_disk { '/x', stall = true }\n"
                  "local list = {}\n"
                  "for i = 1, 40 do\n"
                  "  list[#list + 1] = { phase { 'load', '1s', cycle = i, faults = { stall } },\n"
                  "                      phase { 'rest', '1s', cycle = i, load = off,\n"
                  "                              faults = slow_disk { '/y', rate = (i % 4 + 1) .. "
                  "'KB/s' } } }\n"
                  "end\n"
                  "return scenario { title = 'loops', target = program { 'x' }, phases = list }",
                  NULL);
    assert_int_equal(scenario->phase_count, 80);
    assert_int_equal(scenario->phases[79].cycle, 40);
    /* A fault that says the same is the same fault, wherever it was made. */
    assert_ptr_equal(scenario->phases[0].faults[0], scenario->phases[78].faults[0]);
    assert_ptr_equal(scenario->phases[1].faults[0], scenario->phases[9].faults[0]);
    assert_ptr_not_equal(scenario->phases[1].faults[0], scenario->phases[3].faults[0]);
    sm_scenario_free(scenario);
}

static void a_block_can_stand_in_several_places(void **state) {
    struct sm_scenario *scenario =
        test_good(state,
                  "local ask = http { unix = '${run}/s', path = '/h' }\n"
                  "local t = { 'p', '1s' }\n"
                  "local p = phase(t)\n"
                  "t[1] = 'changed'\n"
                  "return scenario { title = 't', phases = { p, p, phase(t) },\n"
                  "  target = program { 'x', ready = ask, gauges = { ask } } }",
                  NULL);
    assert_int_equal(scenario->phase_count, 3);
    assert_string_equal(scenario->phases[1].name, "p");
    assert_string_equal(scenario->phases[2].name, "changed");
    sm_scenario_free(scenario);
}

static void builds_have_flags(void **state) {
    const char *inside =
        "params = { build = choice { 'before', 'after' }, channel = '', stale_socket = '',"
        " verbose = '' }, target = program { 'x', fixes {"
        " before = { '--channel', 'open', '--verbose', '--n', 5 },"
        " after = { '--channel', '${verbose}b', '--stale-socket', 'unlink' } }, 'y' }";
    struct sm_scenario *scenario = around(state, inside, NULL);
    test_texts(scenario->target, "command",
               WORDS("x", "--channel", "open", "--verbose", "--n", "5", "y"));
    sm_scenario_free(scenario);
    scenario = around(state, inside, WORDS("build=after", "verbose=1"));
    test_texts(scenario->target, "command",
               WORDS("x", "--channel", "1b", "--stale-socket", "unlink", "y"));
    sm_scenario_free(scenario);
    /* Each single fix over the build's own; one that only the other build sets is added. */
    scenario = around(state, inside, WORDS("channel=full", "stale_socket=keep"));
    test_texts(
        scenario->target, "command",
        WORDS("x", "--channel", "full", "--verbose", "--n", "5", "--stale-socket", "keep", "y"));
    sm_scenario_free(scenario);
}

static void parts_are_shared(void **state) {
    test_write(state, "_fixes.lua", "return { before = { '--a', '1' }, after = { '--a', '2' } }");
    test_write(state, "_part.lua",
               "local n = 0\nreturn { next = function() n = n + 1 return n end }");
    struct sm_scenario *scenario =
        around(state,
               "params = { build = choice { 'after', 'before' } }, target = program { 'x',"
               " fixes '${build}', require('_part').next(), require('_part').next() }",
               NULL);
    test_texts(scenario->target, "command", WORDS("x", "--a", "2", "1", "2"));
    sm_scenario_free(scenario);
    test_write(state, "_part.lua", "return scenario {");
    test_bad(state, test_around("target = program { require '_part' }"), NULL,
             WORDS("_part.lua:1", "near <eof>"));
    test_write(state, "_part.lua", "\nreturn function() return phase { 'x', '1s', lod = 1 } end");
    test_bad(state, test_around("phases = { require '_part' }"), NULL,
             WORDS("_part.lua:2: phases[1].lod"));
    test_bad(state, test_around("target = program { require '../x' }"), NULL,
             WORDS("../x", "not the name of a part"));
    test_write(state, "_part.lua", "return require '_part'");
    test_bad(state, test_around("target = program { require '_part' }"), NULL, WORDS("false"));
}

static const struct sm_body *body_of(struct sm_scenario *scenario) {
    return sm_block_body(scenario->loads[0], "body");
}

static void assert_body(void **state, const char *body, const char *bytes, const char *type,
                        size_t payload_bytes) {
    char inside[512];
    snprintf(inside, sizeof inside,
             "params = { n = 3, s = 'v' },"
             " load = http_load { url = 'http://h/', rate = '1/s', body = %s }",
             body);
    struct sm_scenario *scenario = around(state, inside, NULL);
    assert_string_equal(body_of(scenario)->variants->parts->bytes, bytes);
    assert_int_equal(body_of(scenario)->variants->length, strlen(bytes));
    assert_string_equal(body_of(scenario)->content_type, type);
    assert_int_equal(body_of(scenario)->payload_bytes, payload_bytes);
    sm_scenario_free(scenario);
}

static void bodies_are_built(void **state) {
    assert_body(state, "'x=${s}'", "x=v", "text/plain", 3);
    assert_body(state, "json { b = { 1, 0.1, true, '${s}' }, a = { c = {} } }",
                "{\"a\":{\"c\":{}},\"b\":[1,0.1,true,\"v\"]}", "application/json", 35);
    assert_body(state, "json { function(p) return p.n end, { x = text(0) } }", "[3,{\"x\":\"\"}]",
                "application/json", 0);
    assert_body(state,
                "(function() local t = {} for i = 1, 20000 do t[i] = 1 end"
                " return json { #t, t[20000] } end)()",
                "[20000,1]", "application/json", 9);
    assert_body(state, "function(p) return json { p.s, p.n } end", "[\"v\",3]", "application/json",
                7);
}

static void generated_text_is_the_same_each_time(void **state) {
    const char *inside = "load = http_load { url = 'http://h/', rate = '1/s', body = text '4KB' }";
    struct sm_scenario *a = around(state, inside, NULL), *b = around(state, inside, NULL);
    assert_int_equal(body_of(a)->variants->length, 4000);
    assert_int_equal(body_of(a)->payload_bytes, 4000);
    assert_memory_equal(body_of(a)->variants->parts->bytes, body_of(b)->variants->parts->bytes,
                        4001);
    size_t blanks = 0;
    for (size_t i = 0; i < 4000; i++) {
        char c = body_of(a)->variants->parts->bytes[i];
        assert_true((c >= 'a' && c <= 'z') || c == ' ');
        blanks += c == ' ';
    }
    assert_in_range(blanks, 200, 1500);
    sm_scenario_free(a);
    sm_scenario_free(b);
}

static void the_same_every_time(void **state) {
    const char *inside = "target = program { math.random(1000000), math.random(1000000) }";
    struct sm_scenario *a = around(state, inside, NULL), *b = around(state, inside, NULL);
    test_texts(a->target, "command", sm_block_texts(b->target, "command", NULL));
    sm_scenario_free(a);
    sm_scenario_free(b);
}

static void a_block_as_json(void **state) {
    struct sm_scenario *scenario = around(
        state,
        "load = http_load { url = 'http://h/\\xff', rate = '2k/s', headers = { 'A: \\\"b\\\"' },"
        " body = 'xyz' }, target = program { 'x', ready = tcp { 80 } }",
        NULL);
    char *json = sm_block_json(scenario->loads[0]);
    assert_non_null(strstr(json, "\"rate\":2000"));
    assert_non_null(strstr(json, "\"url\":\"http://h/\xef\xbf\xbd\""));
    assert_non_null(strstr(json, "\"headers\":[\"A: \\\"b\\\"\"]"));
    assert_non_null(strstr(json, "\"body\":3"));
    assert_null(strstr(json, "ramp_to"));
    free(json);
    json = sm_block_json(scenario->target);
    assert_non_null(strstr(json, "\"ready\":{\"type\":\"tcp\",\"port\":80"));
    free(json);
    sm_scenario_free(scenario);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_have_types),
        cmocka_unit_test(texts_are_replaced_once),
        cmocka_unit_test(functions_stand_for_any_value),
        cmocka_unit_test(cycles_repeat_phases),
        cmocka_unit_test(loops_make_phases),
        cmocka_unit_test(a_block_can_stand_in_several_places),
        cmocka_unit_test(builds_have_flags),
        cmocka_unit_test(parts_are_shared),
        cmocka_unit_test(bodies_are_built),
        cmocka_unit_test(generated_text_is_the_same_each_time),
        cmocka_unit_test(the_same_every_time),
        cmocka_unit_test(a_block_as_json),
    };
    return cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
}
