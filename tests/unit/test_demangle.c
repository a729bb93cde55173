/* Names as compilers write them and as people do. The Rust ones are rustc's output and the
 * examples of RFC 2603. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/demangle.h"

static const struct {
    const char *mangled, *readable;
} names[] = {
    {"_ZN4shop4CartIiE3addEiPFvvE", "shop::Cart<int>::add(int, void (*)())"},
    {"_ZN12_GLOBAL__N_15checkEPKc", "(anonymous namespace)::check(char const*)"},
    {"_ZNSt6vectorIiSaIiEE9push_backERKi",
     "std::vector<int, std::allocator<int> >::push_back(int const&)"},
    {"_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const"},
    {"_Z3fooi.cold", "foo(int) [clone .cold]"},
    /* Rust, legacy: the hash at the end is not shown. */
    {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad"},
    {"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar"
     "17h930b740aa94f1d3aE",
     "<Test + 'static as foo::Bar<Test>>::bar"},
    {"_ZN100_$LT$aho_corasick..packed..teddy..builder..x86_64..SlimAVX2$LT$_$GT$$u20$as$u20$"
     "core..fmt..Debug$GT$3fmt17h0659098ea7fe942fE",
     "<aho_corasick::packed::teddy::builder::x86_64::SlimAVX2<_> as core::fmt::Debug>::fmt"},
    {"_ZN3foo3barE", "foo::bar"},
    /* Rust, v0. */
    {"_RNvCs6xxl1lAjzDf_1a4main", "a::main"},
    {"_RNCNvCs6xxl1lAjzDf_1a4main0B3_", "a::main::{closure#0}"},
    {"_RINvCs6xxl1lAjzDf_1a5applyNCNvB2_4main0EB2_", "a::apply::<a::main::{closure#0}>"},
    {"_RNvMNtCs6xxl1lAjzDf_1a5queueINtB2_7ChannelTReAyj3_EE4sendB4_",
     "<a::queue::Channel<(&str, [u64; 3])>>::send"},
    {"_RNvXs_NtCs6xxl1lAjzDf_1a5queueINtB4_7ChannelhENtB4_5Drain9drain_allB6_",
     "<a::queue::Channel<u8> as a::queue::Drain>::drain_all"},
    {"_RNSNvYNCINvNtCsjrHSEGnQ3l9_3std2rt10lang_startuE0INtNtNtCsgEmfK2I1SDS_4core3ops8function"
     "6FnOnceuE9call_once6vtableCs6xxl1lAjzDf_1a",
     "<std::rt::lang_start<()>::{closure#0} as core::ops::function::FnOnce<()>>::call_once::"
     "{shim:vtable#0}"},
    {"_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo", "<mycrate::Example>::foo"},
    {"_RINvNtC3std3mem8align_ofjdE", "std::mem::align_of::<usize, f64>"},
    {"_RINvC7mycrate3fooKj7b_E", "mycrate::foo::<123>"},
    /* None of these. */
    {"malloc", "malloc"},
    {"main", "main"},
    {"", ""},
    {"_", "_"},
    {"_Z", "_Z"},
    {"_R", "_R"},
    {"_ZN3fooE.llvm.", "_ZN3fooE.llvm."},
    {"py::handle:/srv/app.py", "py::handle:/srv/app.py"},
};

static void test_names(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *readable = sm_demangle(names[i].mangled);
        assert_string_equal(readable, names[i].readable);
        free(readable);
    }
}

/* Each prefix, and each name with one byte changed: any answer will do, but one. */
static void test_damaged_names(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i].mangled);
        for (size_t cut = 0; cut < length; cut++) {
            char *damaged = strdup(names[i].mangled);
            assert_non_null(damaged);
            damaged[cut] = (char)(damaged[cut] ^ 0x11);
            char *readable = sm_demangle(damaged);
            assert_non_null(readable);
            free(readable);
            damaged[cut] = '\0';
            readable = sm_demangle(damaged);
            assert_non_null(readable);
            free(readable);
            free(damaged);
        }
    }
}

/* A name too long to be worth it, and one that nests without end. */
static void test_huge_names(void **state) {
    (void)state;
    enum { BYTES = 100000 };
    char *name = malloc(BYTES + 1);
    assert_non_null(name);
    memset(name, 'P', BYTES);
    name[BYTES] = '\0';
    memcpy(name, "_Z1f", 4);
    char *readable = sm_demangle(name);
    assert_string_equal(readable, name);
    free(readable);
    name[8000] = '\0';
    readable = sm_demangle(name);
    assert_non_null(readable);
    free(readable);
    free(name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_damaged_names),
        cmocka_unit_test(test_huge_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
