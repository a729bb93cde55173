#include "scenario_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SETTINGS_MAX = 8 };

const struct sm_scenario_dirs test_dirs = {.bin = "/B", .run = "/R", .data = "/D", .log = "/L"};

const char *test_write(void **state, const char *name, const char *text) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

int test_load(void **state, const char *text, const char *const *settings,
              struct sm_scenario **ret_scenario, struct sm_error *err) {
    struct sm_setting list[SETTINGS_MAX];
    char names[SETTINGS_MAX][64];
    size_t count = 0;
    for (; settings && settings[count]; count++) {
        const char *equals = strchr(settings[count], '=');
        snprintf(names[count], sizeof names[count], "%.*s", (int)(equals - settings[count]),
                 settings[count]);
        list[count] = (struct sm_setting){names[count], equals + 1};
    }
    return sm_scenario_load(test_write(state, "t.lua", text), &test_dirs, list, count, 1,
                            ret_scenario, err);
}

struct sm_scenario *test_good(void **state, const char *text, const char *const *settings) {
    struct sm_scenario *scenario = NULL;
    struct sm_error err = {0};
    char line[1200];
    if (test_load(state, text, settings, &scenario, &err))
        fail_msg("%s\n%s", sm_error_format(&err, line, sizeof line), text);
    return scenario;
}

void test_bad(void **state, const char *text, const char *const *settings,
              const char *const *words) {
    struct sm_scenario *scenario = NULL;
    struct sm_error err = {0};
    char line[1200];
    int rc = test_load(state, text, settings, &scenario, &err);
    if (rc == 0)
        fail_msg("loaded, but should not:\n%s", text);
    assert_null(scenario);
    assert_int_equal(rc, err.code);
    assert_true(rc < 0);
    assert_int_equal(err.status, SM_STATUS_USAGE);
    sm_error_format(&err, line, sizeof line);
    assert_null(strchr(line, '\n'));
    for (; *words; words++)
        if (!strstr(line, *words))
            fail_msg("no \"%s\" in: %s\n%s", *words, line, text);
}

const char *test_around(const char *inside) {
    static char text[65536];
    snprintf(text, sizeof text, "return scenario { title = \"t\",%s%s %s }",
             strstr(inside, "target") ? "" : " target = program { \"true\" },",
             strstr(inside, "phases") ? "" : " phases = { phase { \"p\", \"1s\" } },", inside);
    return text;
}

void test_texts(const struct sm_block *block, const char *key, const char *const *expected) {
    size_t count, i = 0;
    const char *const *texts = sm_block_texts(block, key, &count);
    for (; expected[i]; i++) {
        assert_true(i < count);
        assert_string_equal(texts[i], expected[i]);
    }
    assert_int_equal(count, i);
    assert_null(texts[i]);
}
