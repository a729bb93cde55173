/* Scenarios that mean no good: each ends in one line, in bounded time and memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scenario_text.h"
#include "temp_dir.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void check(void **state, const char *text, const char *word) {
    test_bad(state, text, NULL, WORDS("t.lua", word));
}

static void endless(void **state) {
    char limit[64];
    snprintf(limit, sizeof limit, "still not loaded after %d s", SPILLMARK_SLOWNESS);
    check(state, "while true do end", limit);
    check(state, test_around("budget = function() repeat until false end"), "still not loaded");
    check(state, "local s = ('x'):rep(30e6) while true do local t = s .. 'y' end", "still not");
    check(state,
          test_around("declared = { heap = (function() local t = {}"
                      " for i = 1, 2e6 do t[i] = i end"
                      " while true do table.insert(t, 1, 0) table.remove(t, 1) end end)() }"),
          "still not loaded");
}

static void nothing_runs_for_ever_in_one_call(void **state) {
    test_bad(state, "return (''):rep(math.maxinteger)", NULL, WORDS("the text \"\""));
    static const char *const gone[] = {"('a'):find('x')",
                                       "('a'):gsub('x', 'y')",
                                       "('a'):match('x')",
                                       "string.dump(print)",
                                       "table.move({}, 1, 2, 3)",
                                       "math.randomseed(1)",
                                       "collectgarbage()",
                                       "pcall(error)",
                                       "coroutine.wrap()",
                                       "debug.debug()",
                                       "dofile('x')",
                                       "utf8.char(1)",
                                       "_G.x"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        char text[128];
        snprintf(text, sizeof text, "return %s", gone[i]);
        check(state, text, "no such name");
    }
}

static void greedy(void **state) {
    check(state, "local s = 'x' while true do s = s .. s end", "64 MB of memory");
    check(state, "return ('x'):rep(1e9)", "64 MB of memory");
    check(state, "return ('x'):rep(math.maxinteger)", "too large");
    check(state, "local t = {} for i = 1, 1e9 do t[i] = i end", "64 MB of memory");
    check(state, "local t = {} for i = 1, 1e9 do t[i] = { i } end", "64 MB of memory");
    check(state,
          test_around("phases = function() local p, t = phase { 'p', '1s' }, {}"
                      " for i = 1, 1e9 do t[i] = p end return t end"),
          "64 MB of memory");
    check(state,
          test_around("phases = function() local p, t = phase { 'p', '1s' }, {}"
                      " for i = 1, 20000 do t[i] = p end return t end"),
          "more than 5000 phases");
    check(state,
          test_around("target = program { 'x', (function() local t = {}"
                      " for i = 1, 20000 do t[i] = 'x' end return t end)() }"),
          "more than 10000 values");
    check(state, test_around("phases = { [2000000] = phase { 'p', '1s' } }"), "place in a list");
}

static void deep(void **state) {
    check(state, "local function f() return 1 + f() end f()", ""); /* of stack or memory */
    check(state, "local function f() return scenario { f() } end f()", "");
    check(state,
          "local t = {} for i = 1, 300 do t = { t } end table.sort({ 1, 2, 3 }, function()"
          " return table.concat({ t }) end)",
          "invalid value");
    check(state,
          test_around("target = (function() local t = { 'x' }"
                      " for i = 1, 100 do t = { t } end return program { t } end)()"),
          "nested too deeply");
    check(state,
          test_around("target = (function() local t = {} t[1] = t return program { t } end)()"),
          "nested too deeply");
    check(state, test_around("phases = (function() local t = {} t[1] = t return t end)()"),
          "nested too deeply");
    static char nested[60000];
    memset(nested, '(', sizeof nested - 1);
    memcpy(nested, "return ", 7);
    check(state, nested, "t.lua");
    memset(nested + 7, '{', sizeof nested - 8);
    check(state, nested, "t.lua");
}

static void ugly_messages(void **state) {
    check(state, "error('first\\nsecond')", "first");
    check(state, "error(('x'):rep(100000))", "xxxxx");
    check(state, "error('\\27[31mred\\0hidden')", "\\x1b[31mred");
    check(state, "error(nil)", "no text");
    check(state, "error('a:b:c', 0)", "a:b:c");
    test_bad(state, "error(': 5: x', 0)", NULL, WORDS(": 5: x"));
    check(state, "return scenario { ['\\1\\n\\255'] = 1 }", "\\x01\\x0a");
    check(state, "return scenario { [('k'):rep(5000)] = 1 }", "kkk");
    check(state, "return scenario { title = ('k'):rep(5000) .. '${', target = program 'x' }",
          "not closed");
}

static void check_path(const char *path, const char *word) {
    struct sm_scenario *scenario = NULL;
    struct sm_error err = {0};
    char line[1200];
    assert_true(sm_scenario_load(path, &test_dirs, NULL, 0, 1, &scenario, &err) < 0);
    assert_int_equal(err.status, SM_STATUS_USAGE);
    if (!strstr(sm_error_format(&err, line, sizeof line), word))
        fail_msg("no \"%s\" in: %s", word, line);
}

static void write_bytes(const char *path, const char *bytes, size_t length) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void no_scenario_files(void **state) {
    char path[512];
    snprintf(path, sizeof path, "%s/x.lua", (const char *)*state);
    check_path(path, "No such file");
    assert_int_equal(mkdir(path, 0700), 0);
    check_path(path, "is a directory");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    check_path(path, "no regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(path, path), 0);
    check_path(path, "x.lua: cannot be read");
    assert_int_equal(unlink(path), 0);
    check_path(*state, "is a directory");
    check_path("/dev/zero", "no regular file");
    write_bytes(path, "\x1bLua\x54\0\x19\x93\r\n\x1a\n", 12);
    check_path(path, "compiled Lua");
    write_bytes(path, "-- a\nreturn \0 5", 15);
    check_path(path, "x.lua:2: is no text: it has a NUL byte");
    write_bytes(path, "\xef\xbb\xbfreturn 5", 11);
    check_path(path, "x.lua"); /* a byte order mark is no part of the text */
    char *large = malloc((1 << 20) + 1);
    assert_non_null(large);
    memset(large, ' ', (1 << 20) + 1);
    write_bytes(path, large, (1 << 20) + 1);
    check_path(path, "larger than a scenario may be");
    write_bytes(path, large, 1 << 20);
    check_path(path, "does not return a scenario");
    free(large);
}

static void names_of_shipped_scenarios(void **state) {
    (void)state;
    check_path("log-batcher/slow-dsk", "did you mean \"log-batcher/slow-disk\"?");
    check_path("slow-disk", "spillmark list");
    check_path("", "no shipped scenario");
    check_path("log-batcher/../log-batcher/slow-disk", "no shipped scenario");
    check_path("log-batcher", "no shipped scenario");
    char name[6000];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    check_path(name, "too long");
}

static void without_an_error_object(void **state) {
    struct sm_scenario *scenario = NULL;
    assert_int_equal(test_load(state, "return 5", NULL, &scenario, NULL), -EINVAL);
    assert_null(scenario);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless),
        cmocka_unit_test(nothing_runs_for_ever_in_one_call),
        cmocka_unit_test(greedy),
        cmocka_unit_test(deep),
        cmocka_unit_test(ugly_messages),
        cmocka_unit_test(no_scenario_files),
        cmocka_unit_test(names_of_shipped_scenarios),
        cmocka_unit_test(without_an_error_object),
    };
    return cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
}
