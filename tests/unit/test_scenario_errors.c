/* Mistakes in a scenario: each is one line that names the place, the key and what would do. */
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

/* What stands inside of scenario {...}, and words of the line. */
static void check_inside(void **state, const char *inside, const char *const *words) {
    test_bad(state, test_around(inside), NULL, words);
}

static void unknown_keys(void **state) {
    check_inside(state, "loda = 1", WORDS("t.lua:1: loda: no such key", "did you mean \"load\"?"));
    check_inside(state, "\n\nload = http_load { url = \"http://h/\",\n rte = \"5/s\" }",
                 WORDS("t.lua:4: load.rte: no such key", "did you mean \"rate\"?"));
    check_inside(state,
                 "\nphases = { phase { \"a\", \"1s\" },\n phase { \"b\", \"1s\", lod = off } }",
                 WORDS("t.lua:3: phases[2].lod: no such key", "\"load\""));
    check_inside(state,
                 "\nphases = {\n phase { \"b\", \"1s\", faults = {\n slow_disk {\n path = \"/x\","
                 " raet = \"1KB/s\" } } } }",
                 WORDS("t.lua:5: phases[1].faults[1].raet", "\"rate\""));
    check_inside(state, "target = program { \"x\", zzz = 1 }",
                 WORDS("target.zzz: no such key", "known: command, env"));
}

static void unknown_names(void **state) {
    check_inside(state, "load = htp_load {}",
                 WORDS("t.lua:1", "htp_load", "did you mean \"http_load\"?"));
    check_inside(state, "title2 = string.gmatch", WORDS("string.gmatch", "no such name"));
    check_inside(state, "budget = { heep = bounded }",
                 WORDS("budget.heep", "did you mean \"heap\"?"));
    check_inside(state, "budget = {\n\n ['gauge:'] = 1 }", WORDS("t.lua:3: budget.gauge:"));
    check_inside(state, "declared = { heep = '8MB' }", WORDS("declared.heep", "\"heap\""));
    check_inside(state, "dropped = gauge { 'x' }", WORDS("dropped", "gauges"));
    check_inside(state, "delivered = gauge { 'x' }", WORDS("delivered", "gauges"));
    check_inside(state, "delivered = sqlite_row { 'a', 'b' }", WORDS("sqlite_rows"));
    test_bad(state, "return scenario { title = 'x' ..\n undefined }", NULL,
             WORDS("t.lua:2", "undefined"));
}

static void wrong_types_and_units(void **state) {
    check_inside(state, "phases = { phase { 'p', '5 parsec' } }",
                 WORDS("phases[1].duration", "\"5 parsec\" is not a duration", "\"20s\""));
    check_inside(state, "phases = { phase { 'p', 5 } }",
                 WORDS("phases[1].duration", "the number 5", "with its unit"));
    check_inside(state, "phases = { phase { 'p' } }", WORDS("phases[1].duration: missing"));
    check_inside(state, "phases = { phase { 'p', '0s' } }", WORDS("less than", "the least"));
    check_inside(state, "phases = { phase { 'p', '1000h' } }", WORDS("the most"));
    check_inside(state, "phases = { phase { 'p', '-1s' } }", WORDS("\"-1s\" is not a duration"));
    check_inside(state, "phases = { phase { 'p', '1s', load = 0/0 } }", WORDS("phases[1].load"));
    check_inside(state, "phases = { phase { 'p', '1s', load = 1/0 } }", WORDS("phases[1].load"));
    check_inside(state, "phases = { phase { 'p', '1s', load = true } }", WORDS("true is not a"));
    check_inside(state, "phases = { phase { 'p', '1s', give_back = true } }",
                 WORDS("phases[1]", "give_back is for a phase at rest"));
    check_inside(state, "phases = { phase { 'p', '1s', 'q' } }",
                 WORDS("phases[1]", "value 3", "\"q\"", "has no key"));
    check_inside(state, "phases = {}", WORDS("phases", "there is no phase"));
    check_inside(state, "phases = 5",
                 WORDS("phases", "must be a list of phases, not the number 5"));
    check_inside(state, "phases = { slow_disk { path = '/x' } }",
                 WORDS("phases[1]", "slow_disk {...} is not a phase"));
    check_inside(state, "load = { http {} }", WORDS("load[1]", "http {...} is not a load"));
    check_inside(state, "target = 'x'", WORDS("target", "\"x\" is not a program"));
    check_inside(state, "target = program {}", WORDS("target.command: missing"));
    check_inside(state, "target = program { function() end }", WORDS("target.command: empty"));
    check_inside(state, "target = program { 'x', nil, 'y' }", WORDS("missing (nil)"));
    check_inside(state, "target = program { 'x', {}, true }",
                 WORDS("target.command[3]", "must be a text, not true"));
    check_inside(state, "target = program { 'x', env = { 'A=1' } }", WORDS("target.env"));
    check_inside(state, "target = program { 'x', stop_signal = 'TREM' }",
                 WORDS("target.stop_signal", "did you mean \"TERM\"?"));
    check_inside(state, "target = program { 'x', address_space = '1KB' }", WORDS("the least"));
    check_inside(state, "budget = { heap_peak = '5s' }", WORDS("budget.heap_peak", "\"5s\""));
    check_inside(state, "budget = { heap = 5 }", WORDS("budget.heap", "\"5\""));
    check_inside(state, "budget = { 5 }", WORDS("budget", "without a name"));
    check_inside(state, "declared = { fds = '8MB' }", WORDS("declared.fds", "\"8MB\""));
    check_inside(state, "title = { 'x' }", WORDS("title", "must be a text"));
    check_inside(
        state, "load = http_load { url = 'http://h/', rate = '5/s', body = 5 }",
        WORDS("load.body", "must be a text, text(n), noise(n), json {...} or replay {...}"));
}

static void blocks_that_depend_on_themselves(void **state) {
    check_inside(state, "target = program { 'x', ready = http { path = '/h' } }",
                 WORDS("target.ready", "it needs an address"));
    check_inside(state, "target = program { 'x', ready = http { url = 'ftp://x/' } }",
                 WORDS("target.ready", "not one of HTTP"));
    check_inside(state, "target = program { 'x', ready = tcp { 80, address = 'localhost' } }",
                 WORDS("target.ready", "\"localhost\" is no address"));
    check_inside(state, "target = program { 'x', ready = tcp { 65536 } }",
                 WORDS("target.ready.port", "65535"));
    check_inside(state, "target = program { 'x', ready = tcp { 1.5 } }", WORDS("whole number"));
    check_inside(state, "target = program { 'x', ready = unix { ('x'):rep(108) } }",
                 WORDS("target.ready", "at most 107 bytes"));
    check_inside(state,
                 "phases = { phase { 'p', '1s', faults = { slow_disk { '/x', stall = true },"
                 " slow_disk { '/x', stall = true } } } }",
                 WORDS("phases[1].faults[2]", "twice"));
}

static void too_many_blocks(void **state) {
    check_inside(state,
                 "services = (function() local t = {} for i = 1, 17 do t[i] = program 'x' end"
                 " return t end)()",
                 WORDS("services", "17", "16 is the most"));
}

static void texts(void **state) {
    check_inside(state, "params = { rate = 5 }, load = http_load { url = '${rat}' }",
                 WORDS("load.url", "${rat}", "did you mean \"rate\"?"));
    check_inside(state, "target = program { '${dta}' }", WORDS("${dta}", "\"data\""));
    check_inside(state, "target = program { '${data' }", WORDS("not closed", "$${"));
    check_inside(state, "target = program { 'a\\0b' }", WORDS("NUL"));
}

static void parameters(void **state) {
    check_inside(state, "params = { 'x' }", WORDS("params", "no name"));
    check_inside(state, "params = { ['a b'] = 1 }", WORDS("params.a b", "cannot be a parameter"));
    check_inside(state, "params = { run = 1 }", WORDS("params.run", "a place already"));
    check_inside(state, "params = { a = '${run}' }", WORDS("params.a", "cannot refer"));
    check_inside(state, "params = { a = {} }", WORDS("params.a", "a parameter cannot be a table"));
    check_inside(state, "params = { a = phase {} }", WORDS("params.a", "cannot be phase {...}"));
    check_inside(state, "params = { a = choice {} }", WORDS("params.a", "1 to 64"));
    check_inside(state, "params = { a = choice { 'x', 'x' } }", WORDS("\"x\" stands twice"));
    check_inside(state, "params = { a = choice { 'x', hlp = 'y' } }", WORDS("\"hlp\"", "\"help\""));
    check_inside(state, "params = { a = param { help = 'y' } }", WORDS("one value, its default"));
    check_inside(state, "params = { a = '\\xff' }", WORDS("params.a", "not UTF-8"));
    check_inside(state, "params = function() return {} end", WORDS("params", "not a function"));
    check_inside(state, "params = 5", WORDS("params", "must be a table"));
    check_inside(state, "params = { a = 1 }, declared = function(p) return { heap = p.b } end",
                 WORDS("t.lua:1", "b: the scenario has no such parameter"));
    test_bad(state, test_around("params = { t = 'x' }"), WORDS("t=\xff"),
             WORDS("-p t", "is not UTF-8"));
    const char *text = test_around("params = { build = choice { 'before', 'after' }, n = 5 }");
    test_bad(state, text, WORDS("build=befor"),
             WORDS("-p build: \"befor\" is not one of its choices; did you mean \"before\"? "
                   "known: before, after"));
    test_bad(state, text, WORDS("biuld=after"),
             WORDS("-p biuld: the scenario has no such parameter; did you mean \"build\"? "
                   "known: build, n"));
    test_bad(state, text, WORDS("zzz=1"), WORDS("no such parameter; known: build, n"));
    test_bad(state, text, WORDS("n=five"), WORDS("-p n: \"five\" is not a number"));
    test_bad(state, test_around("params = { b = true }"), WORDS("b=1"),
             WORDS("-p b: \"1\" is not true or false"));
    test_bad(state, test_around(""), WORDS("n=1"), WORDS("-p n: the scenario has no parameters"));
}

static void functions(void **state) {
    check_inside(state, "declared = function(p) return 5 end",
                 WORDS("declared", "must be a table"));
    check_inside(state, "title2 = 1, declared = function(p) end", WORDS("title2"));
    check_inside(state, "\nbudget = function(p)\n local x = nil\n return x.y end",
                 WORDS("t.lua:4", "attempt to index a nil value"));
    check_inside(state, "budget = function() return function() end end", WORDS("another function"));
    check_inside(state, "budget = function() error('no such build') end", WORDS("no such build"));
    check_inside(state, "budget = function() error({}) end", WORDS("no text"));
    check_inside(state, "budget = function() local p = phase {} return p.duration end",
                 WORDS("phase {...}", "cannot be read"));
    check_inside(state, "title2 = phase { 'p' } .. 'x'", WORDS("t.lua:1", "a block value"));
}

static void fixes(void **state) {
    check_inside(state, "target = program { 'x', fixes { before = {} } }",
                 WORDS("target.command[2]", "needs the parameter \"build\""));
    const char *build = "params = { build = choice { 'before', 'after' } }, ";
    char inside[512];
    snprintf(inside, sizeof inside, "%starget = program { 'x', fixes { before = {} } }", build);
    check_inside(state, inside, WORDS("no flags for the build \"after\""));
    snprintf(inside, sizeof inside, "%starget = program { 'x', fixes { before = 'x' } }", build);
    check_inside(state, inside, WORDS("a list of flags for each build"));
    snprintf(inside, sizeof inside, "%starget = program { 'x', fixes '${build}' }", build);
    check_inside(state, inside, WORDS("_fixes.lua", "No such file"));
}

static void bodies(void **state) {
    static const char *const cases[][2] = {
        {"json { text() }", "one length"},
        {"json { text(-1) }", "is not a size"},
        {"json { text('1 parsec') }", "\"1 parsec\" is not a size"},
        {"json { text('2TB') }", "the most"},
        {"json { noise(4) }", "noise {...} cannot be put into JSON"},
        {"in_turn {}", "has no values"},
        {"in_turn { 'a', phase {} }", "not phase {...}"},
        {"template(3)", "a number of variants and a function"},
        {"template(0, function() return 'a' end)", "the least"},
        {"template(2, function(i) return template end)", "a number of variants and"},
#ifndef __SANITIZE_ADDRESS__ /* it would take longer than a script may */
        {"template(5, function(i) return string.rep('x', 17e6) end)", "more than 64 MiB"},
#endif
        {"text(uniform(2, 1))", "the least and the most"},
        {"text(exponential())", "the mean"},
        {"json { text(uniform(1, 2)), in_turn { 1, 2, 3, 4, 5, 6, 7 } }", "4096 variants"},
        {"join { a = 'x' }", "join {...} takes a list"},
        {"join { 'a', {} }", "not a table"},
        {"file()", "one path"},
        {"file 'missing.bin'", "missing.bin: No such file"},
        {"file '.'", "not a regular file"},
        {"gzip()", "one body"},
        {"gzip(join { number() })", "cannot be written into what is compressed"},
        {"gzip(gzip 'a')", "a whole body, once"},
        {"msgpack { phase {} }", "phase {...} cannot be put into MessagePack"},
        {"protobuf { {1, 'string'} }", "a number, a type and a value"},
        {"protobuf { {0, 'string', 'x'} }", "the least"},
        {"protobuf { {1, 'strang', 'x'} }", "did you mean \"string\"?"},
        {"protobuf { {1, 'int32', 'x'} }", "needs a whole number"},
        {"protobuf { {1, 'bool', 1} }", "true or false"},
        {"protobuf { {1, 'double', {}} , a = 2 }", "has the name"},
        {"json { a = 0/0 }", "JSON has no such number"},
        {"json { a = phase {} }", "phase {...} cannot be put into JSON"},
        {"json { 1, a = 2 }", "has the name \"a\""},
        {"json { a = { [true] = 1 } }", "names only"},
        {"json { a = '\\xff' }", "UTF-8"},
        {"json { ['\\xff'] = 1 }", "UTF-8"},
        {"json { a = { b = { c = '${x}' } } }", "body.a.b.c"},
        {"(function() local t = {} t.t = t return json(t) end)()", "levels deep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char inside[256];
        snprintf(inside, sizeof inside, "load = http_load { url = 'http://h/', body = %s }",
                 cases[i][0]);
        check_inside(state, inside, WORDS("load.body", cases[i][1]));
    }
    check_inside(state,
                 "load = http_load { url = 'http://h/',"
                 " body = template(2, function() while true do end end) }",
                 WORDS("does it loop for ever?"));
}

static void cycles(void **state) {
    static const char *const cases[][2] = {
        {"cycles(0, { phase { 'a', '1s' } })", "the least"},
        {"cycles(1e9, { phase { 'a', '1s' } })", "the most"},
        {"cycles(2)", "a number and a list"},
        {"cycles(2, 3)", "must be a list"},
        {"cycles(2, { cycles(2, {}) })", "cannot stand within"},
        {"cycles(2, { phase { 'a', '1s', cycle = 3 } })", "numbers its phases itself"},
        {"cycles(2, {})", "there is no phase"},
        {"cycles(2000, { phase{'a','1s'}, phase{'a','1s'}, phase{'a','1s'} })", "5000 phases"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char inside[256];
        snprintf(inside, sizeof inside, "phases = { %s }", cases[i][0]);
        check_inside(state, inside, WORDS("phases", cases[i][1]));
    }
}

static void not_a_scenario(void **state) {
    test_bad(state, "", NULL, WORDS("t.lua", "does not return a scenario", "nothing (nil)"));
    test_bad(state, "return 5", NULL, WORDS("t.lua", "the number 5"));
    test_bad(state, "return { title = 'x' }", NULL, WORDS("t.lua", "a table"));
    test_bad(state, "return phase {}", NULL, WORDS("t.lua", "phase {...}"));
    test_bad(state, "return scenario {\n title = \n}", NULL, WORDS("t.lua:3", "near '}'"));
    test_bad(state, "return scenario {}", NULL, WORDS("t.lua:1: title: missing"));
    test_bad(state, "print('hello')", NULL, WORDS("t.lua:1", "print"));
    test_bad(state, "local x = io.open('/etc/passwd')", NULL, WORDS("t.lua:1", "io"));
    test_bad(state, "os.exit(0)", NULL, WORDS("t.lua:1", "os"));
    test_bad(state, "return load('return 1')()", NULL, WORDS("t.lua:1", "load"));
    test_bad(state, "setmetatable({}, {})", NULL, WORDS("setmetatable"));
    test_bad(state, "local a <close> = 5", NULL, WORDS("t.lua:1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(wrong_types_and_units),
        cmocka_unit_test(blocks_that_depend_on_themselves),
        cmocka_unit_test(too_many_blocks),
        cmocka_unit_test(texts),
        cmocka_unit_test(parameters),
        cmocka_unit_test(functions),
        cmocka_unit_test(fixes),
        cmocka_unit_test(bodies),
        cmocka_unit_test(cycles),
        cmocka_unit_test(not_a_scenario),
    };
    return cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
}
