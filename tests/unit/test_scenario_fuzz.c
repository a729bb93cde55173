/* Damaged scenarios: whatever is left of one, loading it ends in a scenario or in one line. The
 * same damage every time; more of it with SPILLMARK_FUZZ_ROUNDS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/paths.h"
#include "scenario_text.h"
#include "temp_dir.h"

enum { ROUNDS = 1500, TEXT_BYTES = 16384, EDITS_MAX = 6 };

static uint64_t random_state = 20261;

static uint32_t draw(uint32_t below) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((random_state >> 33) % below);
}

static const char *const pieces[] = {"{",
                                     "}",
                                     "(",
                                     ")",
                                     ",",
                                     "=",
                                     "..",
                                     "\"",
                                     "'",
                                     "[[",
                                     "]]",
                                     "--",
                                     "\n",
                                     "\\",
                                     "${",
                                     "}",
                                     "$${",
                                     "nil",
                                     "true",
                                     "false",
                                     "0",
                                     "-1",
                                     "1e308",
                                     "0/0",
                                     "math.huge",
                                     "function(p) return p end",
                                     "function(p) return p.build end",
                                     "function(p) return { p.rate } end",
                                     "end",
                                     "return",
                                     "local",
                                     "off",
                                     "bounded",
                                     "title",
                                     "params",
                                     "target",
                                     "load",
                                     "phases",
                                     "rate",
                                     "path",
                                     "\"${rate}/s\"",
                                     "\"${run}\"",
                                     "\"5s\"",
                                     "\"64KB/s\"",
                                     "\"1 parsec\"",
                                     "choice",
                                     "param",
                                     "fixes",
                                     "program",
                                     "http",
                                     "http_load",
                                     "null_load",
                                     "json",
                                     "text",
                                     "text(1e6)",
                                     "noise(uniform(1, 99), 7)",
                                     "msgpack {",
                                     "protobuf { {1, 'bytes',",
                                     "gzip(",
                                     "join {",
                                     "in_turn {",
                                     "number()",
                                     "file 't.lua'",
                                     "template(3, function(i) return",
                                     "phase",
                                     "cycles",
                                     "cycles(3, {",
                                     "slow_disk",
                                     "sqlite_rows",
                                     "gauge",
                                     "tcp { 80 }",
                                     "scenario",
                                     "[\"gauge:x\"]",
                                     "[1]",
                                     "[true]",
                                     "{{{{{{{{{{",
                                     "require \"_part\"",
                                     "{ [2] = 1 }",
                                     "{ nil, 1 }",
                                     "\xff",
                                     "\x01"};
enum { PIECES = sizeof pieces / sizeof *pieces };

static void replace(char *text, size_t at, size_t gone, const char *with, size_t with_length) {
    size_t length = strlen(text);
    if (length - gone + with_length >= TEXT_BYTES)
        return;
    memmove(text + at + with_length, text + at + gone, length - at - gone + 1);
    memcpy(text + at, with, with_length);
}

static void edit(char *text) {
    size_t length = strlen(text);
    size_t at = draw((uint32_t)length + 1), gone = draw(24);
    char copy[256];
    gone = gone < length - at ? gone : length - at;
    switch (draw(5)) {
    case 0: /* cut */
        replace(text, at, gone, "", 0);
        break;
    case 1: /* another byte, not NUL, which would end the text here */
        if (at < length)
            text[at] = (char)(1 + draw(255));
        break;
    case 2: { /* a piece of it somewhere else */
        size_t from = draw((uint32_t)length + 1), taken = draw(200);
        taken = taken < length - from ? taken : length - from;
        memcpy(copy, text + from, taken);
        replace(text, at, 0, copy, taken);
        break;
    }
    default: { /* a word of the language */
        const char *piece = pieces[draw(PIECES)];
        replace(text, at, draw(2) ? gone : 0, piece, strlen(piece));
    }
    }
}

static const char rich[] =
    "local part = require '_part'\n"
    "local list = {}\n"
    "for i = 1, 3 do list[i] = phase { 'p' .. i, i .. 's', cycle = i } end\n"
    "return scenario {\n"
    "  title = 'rich ${rate}',\n"
    "  params = { build = choice { 'before', 'after' }, rate = param { 100, help = 'x' },\n"
    "             channel = '', deep = true },\n"
    "  target = program { '${bin}/x', fixes { before = { '--channel', 'a' },\n"
    "      after = { '--channel', 'b' } }, function(p) return { p.rate * 2, part } end,\n"
    "    env = { A = '1' }, ready = log { 'up' }, stop_timeout = '1s', address_space = '1GB',\n"
    "    gauges = { http { url = 'http://127.0.0.1:1/' } } },\n"
    "  services = { program { 'y', ready = unix { '${run}/s' } } },\n"
    "  load = { http_load { url = 'http://127.0.0.1:1/', rate = '${rate}/s',\n"
    "             body = json { a = { 1, { b = text(10) } }, c = '${build}' } },\n"
    "           null_load { rate = '5/s', arrivals = 'uniform' } },\n"
    "  phases = { list, cycles(2, function(p, cycle) return { phase { 'c', '1s',\n"
    "      load = cycle / 2, faults = { slow_disk { '${data}', rate = '1KB/s' } } } } end) },\n"
    "  delivered = sqlite_rows { 'a', 'b' }, dropped = gauge 'd',\n"
    "  declared = function(p) return { heap = p.rate * 1000 } end,\n"
    "  budget = { heap = bounded, ['gauge:q'] = 5, latency_p99 = '5ms' },\n"
    "}\n";

static void read_shipped(char *text) {
    char path[5000];
    snprintf(path, sizeof path, "%s/log-batcher/slow-disk.lua", sm_path_scenarios());
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t length = fread(text, 1, TEXT_BYTES - 1, file);
    fclose(file);
    text[length] = '\0';
}

static void load_damaged(void **state, const char *text) {
    struct sm_scenario *scenario = NULL;
    struct sm_error err = {0};
    char line[1200];
    int rc = test_load(state, text, draw(4) ? NULL : (const char *const[]){"rate=5", NULL},
                       &scenario, &err);
    if (rc == 0) {
        assert_int_equal(err.code, 0);
        free(sm_scenario_params_json(scenario));
        sm_scenario_free(scenario);
        return;
    }
    assert_null(scenario);
    assert_true(rc < 0 && err.code == rc);
    sm_error_format(&err, line, sizeof line);
    assert_true(strlen(line) > 0 && !strchr(line, '\n'));
    assert_true(err.where[0] != '\0');
}

static void damaged(void **state) {
    static char shipped[TEXT_BYTES], text[TEXT_BYTES];
    const char *rounds_text = getenv("SPILLMARK_FUZZ_ROUNDS");
    long rounds = rounds_text ? strtol(rounds_text, NULL, 10) : ROUNDS;
    test_write(state, "_part.lua", "return 'part'");
    read_shipped(shipped);
    load_damaged(state, rich);
    for (long i = 0; i < rounds; i++) {
        snprintf(text, sizeof text, "%s", draw(2) ? shipped : rich);
        for (uint32_t edits = 1 + draw(EDITS_MAX); edits > 0; edits--)
            edit(text);
        load_damaged(state, text);
    }
}

static void cut_short(void **state) {
    static char text[TEXT_BYTES];
    for (size_t length = strlen(rich); length > 0; length--) {
        memcpy(text, rich, length - 1);
        text[length - 1] = '\0';
        load_damaged(state, text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged),
        cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
}
