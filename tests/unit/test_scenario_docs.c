/* SCENARIOS.md: its reference is what the tables say, and its examples load, as the README's does.
 * With the path of the file as an argument, writes the reference into it instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/scenario_families.h"
#include "scenario_text.h"
#include "temp_dir.h"

static const char begin_mark[] =
    "<!-- reference: made from the tables, by the build target scenario-reference -->\n";
static const char end_mark[] = "<!-- end of reference -->\n";

static void write_kind(FILE *to, const struct sm_key *key) {
    static const char *const units[] = {[SM_UNIT_NONE] = "number",
                                        [SM_UNIT_BYTES] = "size",
                                        [SM_UNIT_COUNT] = "count",
                                        [SM_UNIT_SECONDS] = "duration",
                                        [SM_UNIT_BYTES_PER_S] = "bytes per time",
                                        [SM_UNIT_COUNT_PER_S] = "rate"};
    switch (key->type) {
    case SM_KEY_TEXT:
        for (size_t i = 0; key->choices && key->choices[i]; i++)
            fprintf(to, "%s`%s`", i ? ", " : "", key->choices[i]);
        fputs(key->choices ? "" : "text", to);
        break;
    case SM_KEY_TEXTS:
        fputs("list of texts", to);
        break;
    case SM_KEY_SETTINGS:
        fputs("`{ NAME = text }`", to);
        break;
    case SM_KEY_BOOL:
        fputs("`true` or `false`", to);
        break;
    case SM_KEY_QUANTITY:
        fputs(units[key->unit], to);
        break;
    case SM_KEY_BLOCK:
        fputs(sm_family_noun(key->family), to);
        break;
    case SM_KEY_BLOCKS:
        fprintf(to, "list, each %s", sm_family_noun(key->family));
        break;
    case SM_KEY_BODY:
        fputs("a body", to);
        break;
    case SM_KEY_OPEN:
        fputs("table", to);
        break;
    }
}

static void write_range(FILE *to, const struct sm_key *key) {
    char low[SM_UNIT_TEXT_BYTES], high[SM_UNIT_TEXT_BYTES];
    if (key->at_least > 0)
        fprintf(to, ", at least %s", sm_unit_format(key->unit, key->at_least, low));
    if (key->at_most > 0)
        fprintf(to, ", at most %s", sm_unit_format(key->unit, key->at_most, high));
}

static void write_member(FILE *to, const char *family, const struct sm_member *member) {
    fprintf(to, "### `%s`\n\n%c%s: %s.\n\n| key | value | default | |\n|---|---|---|---|\n",
            member->name, sm_family_noun(family)[0] - 'a' + 'A', sm_family_noun(family) + 1,
            member->help);
    for (const struct sm_key *key = member->keys; key->name; key++) {
        fprintf(to, key->required ? "| **`%s`** | " : "| `%s` | ", key->name);
        write_kind(to, key);
        write_range(to, key);
        fprintf(to, key->fallback ? " | `%s` | %s |\n" : " | %s| %s |\n",
                key->fallback ? key->fallback : "", key->help ? key->help : "");
    }
    fputs("\n", to);
}

/* malloc'd. */
static char *make_reference(void) {
    char *text = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&text, &length);
    if (!to)
        return NULL;
    fputs("\n", to);
    for (size_t f = 0; sm_family_names[f]; f++) {
        struct sm_member members[SM_MEMBERS];
        size_t count = sm_family_members(sm_family_names[f], members);
        for (size_t i = 0; i < count; i++)
            write_member(to, sm_family_names[f], &members[i]);
    }
    return fclose(to) ? NULL : text;
}

/* malloc'd. */
static char *read_file(const char *path) {
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t length = 0;
    if (!file)
        return NULL;
    ssize_t got = getdelim(&text, &length, '\0', file);
    fclose(file);
    return got < 0 ? NULL : text;
}

static char *document;

static void reference_is_what_the_tables_say(void **state) {
    (void)state;
    char *reference = make_reference();
    assert_non_null(reference);
    const char *begin = strstr(document, begin_mark), *end = strstr(document, end_mark);
    assert_non_null(begin);
    assert_non_null(end);
    begin += strlen(begin_mark);
    bool is_same = (size_t)(end - begin) == strlen(reference) &&
                   memcmp(begin, reference, strlen(reference)) == 0;
    free(reference);
    if (!is_same)
        fail_msg("SCENARIOS.md is out of date: build the target scenario-reference");
}

static void everything_is_explained(void **state) {
    (void)state;
    for (size_t f = 0; sm_family_names[f]; f++) {
        struct sm_member members[SM_MEMBERS];
        size_t count = sm_family_members(sm_family_names[f], members);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++) {
            assert_true(members[i].help && members[i].help[0]);
            for (const struct sm_key *key = members[i].keys; key->name; key++)
                if (!key->help || !key->help[0])
                    fail_msg("%s: %s has no help", members[i].name, key->name);
        }
    }
}

/* Returns how many there are. */
static int load_examples(void **state, const char *text) {
    static const char fence[] = "\n```lua\n";
    int count = 0;
    for (const char *at = strstr(text, fence); at; at = strstr(at, fence)) {
        at += strlen(fence);
        const char *end = strstr(at, "```");
        assert_non_null(end);
        char *example = strndup(at, (size_t)(end - at));
        assert_non_null(example);
        sm_scenario_free(test_good(
            state, strstr(example, "return scenario {") ? example : test_around(example), NULL));
        free(example);
        at = end;
        count++;
    }
    return count;
}

static void examples_load(void **state) {
    test_write(state, "events.ndjson", "{\"id\":@@@@@@@@@@@@@@@@@@@@}\n");
    assert_true(load_examples(state, document) >= 7);
    char *readme = read_file(README_MD);
    assert_non_null(readme);
    assert_int_equal(load_examples(state, readme), 1);
    free(readme);
}

static int write_reference(const char *path) {
    char *reference = make_reference();
    char *end = strstr(document, end_mark), *begin = strstr(document, begin_mark);
    FILE *to = reference && begin && end ? fopen(path, "we") : NULL;
    if (!to) {
        perror(path);
        free(reference);
        return 1;
    }
    fprintf(to, "%.*s%s%s%s", (int)(begin - document), document, begin_mark, reference, end);
    free(reference);
    return fclose(to) ? 1 : 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_is_what_the_tables_say),
        cmocka_unit_test(everything_is_explained),
        cmocka_unit_test(examples_load),
    };
    document = read_file(argc > 1 ? argv[1] : SCENARIOS_MD);
    if (!document) {
        perror(SCENARIOS_MD);
        return 1;
    }
    int rc = argc > 1 ? write_reference(argv[1])
                      : cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
    free(document);
    return rc;
}
