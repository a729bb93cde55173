/* Finding a key in the text of a scenario. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/scenario_where.h"

static const char text[] = "-- box { key = 0 }\n"                            /* 1 */
                           "--[==[ box {\n ]] key = 0 } ]==]\n"              /* 2 */
                           "return box { -- { } ) }\n"                       /* 4 */
                           "  'first }', [[ second\n"                        /* 5 */
                           "  { ]], key = 1, ['quoted'] = f(1, { 2, 3 }),\n" /* 6 */
                           "  same == 2, third = function(a, b)\n"           /* 7 */
                           "    if a then return { key2 = 1, b } end\n"      /* 8 */
                           "    for i = 1, 2 do local key2 = i end\n"        /* 9 */
                           "  end;\n"                                        /* 10 */
                           "  key2 = 5, nested = {\n"                        /* 11 */
                           "    10, 20,\n"                                   /* 12 */
                           "    inner = { deep = 1,\n"                       /* 13 */
                           "      deeper = 2 },\n"                           /* 14 */
                           "    30 }, \"esc\\\"}\", last = 9,\n"             /* 15 */
                           "  other { key = 2 }, box({ unique = 3 }),\n"     /* 16 */
                           "}\n";

static int line_of(int line, const char *type, const char *path) {
    size_t offset = sm_where_find(text, strlen(text), line, type, path);
    return offset == SM_WHERE_UNKNOWN ? 0 : sm_where_line(text, offset);
}

static void finds_keys(void **state) {
    (void)state;
    static const struct {
        int line;
        const char *type, *path;
        int expected;
    } cases[] = {{4, "box", "key", 6},
                 {4, "box", ".key", 6},
                 {4, "box", "quoted", 6},
                 {4, "box", "third", 7},
                 {4, "box", "key2", 11},
                 {4, "box", "nested.inner", 13},
                 {4, "box", "nested.inner.deeper", 14},
                 {4, "box", "nested[2]", 12},
                 {4, "box", "nested[3]", 15},
                 {4, "box", "[1]", 5},
                 {4, "box", "[2]", 5},
                 {4, "box", "command[2]", 5},
                 {4, "box", "last", 15},
                 {16, "other", "key", 16},
                 {16, "box", "unique", 16},
                 /* What is not in the text in this form is looked for no further. */
                 {4, "box", "nested.missing", 11},
                 {4, "box", "key.more", 6},
                 {4, "box", "missing", 0},
                 {4, "box", "[9]", 0},
                 {4, "box", "", 0},
                 {4, "box", "[", 0},
                 {4, "box", ".", 0},
                 {4, "other", "key", 0},
                 {1, "box", "key", 0},
                 {5, "box", "key", 0},
                 {99, "box", "key", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int found = line_of(cases[i].line, cases[i].type, cases[i].path);
        if (found != cases[i].expected)
            fail_msg("%d %s %s: %d instead of %d", cases[i].line, cases[i].type, cases[i].path,
                     found, cases[i].expected);
    }
}

/* Whatever is cut off, nothing beyond the end is looked at (a sanitizer watches). */
static void reads_nothing_beyond_the_end(void **state) {
    (void)state;
    char cut[sizeof text];
    for (size_t length = 0; length < sizeof text; length++) {
        memcpy(cut, text, length);
        memset(cut + length, '{', sizeof cut - length);
        size_t offset = sm_where_find(cut, length, 4, "box", "nested.inner.deeper");
        assert_true(offset == SM_WHERE_UNKNOWN || offset < length);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_keys),
        cmocka_unit_test(reads_nothing_beyond_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
