#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reports/suggest.h"

static const char *const names[] = {"heap", "heap_peak", "rss", "fds", "unaccounted"};

static const char *suggest(const char *name) {
    const char *found = sm_suggest(name, names, sizeof names / sizeof *names);
    return found ? found : "";
}

static void slips_are_mended(void **state) {
    (void)state;
    assert_string_equal(suggest("haep"), "heap");
    assert_string_equal(suggest("HEAP"), "heap");
    assert_string_equal(suggest("heappeak"), "heap_peak");
    assert_string_equal(suggest("unacounted"), "unaccounted");
    assert_string_equal(suggest("fd"), "fds");
}

static void other_words_are_not(void **state) {
    (void)state;
    char longest[1000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_string_equal(suggest("throughput"), "");
    assert_string_equal(suggest("zz"), "");
    assert_string_equal(suggest(""), "");
    assert_string_equal(suggest(longest), "");
    assert_null(sm_suggest("heap", NULL, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(slips_are_mended),
                                       cmocka_unit_test(other_words_are_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
