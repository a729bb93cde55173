#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reports/stacks.h"

static struct sm_module modules[] = {{1, "/usr/bin/prog", ""}, {2, "/lib/libc.so.6", ""}};
static struct sm_frame frames[] = {
    {1, 0, 2, 0x10},
    {1, 1, 1, 0x20},
    {1, 2, 1, 0x30},
    {2, 0, 1, 0x40},
    {3, 0, 0, 0xffffffff81000000},
};
static struct sm_symbol symbols[] = {
    {1, 0x20, 0, "push", "/src/queue.h", 7},
    {1, 0x20, 1, "insert", "/src/rpc.c", 12},
    {1, 0x30, 0, "main", "", 0},
    {2, 0x10, 0, "strdup", "", 0},
};
static const struct sm_run run = {.modules = modules,
                                  .modules_count = 2,
                                  .frames = frames,
                                  .frames_count = 5,
                                  .symbols = symbols,
                                  .symbols_count = 4};

static void inlined_calls_are_frames(void **state) {
    (void)state;
    struct sm_stack_frame out[8];
    assert_int_equal(sm_stack_frames(&run, 1, out, 8), 4);
    assert_string_equal(out[0].function, "strdup");
    assert_string_equal(out[1].function, "push");
    assert_true(out[1].is_inlined);
    assert_false(out[0].is_inlined || out[2].is_inlined);
    assert_string_equal(out[2].function, "insert");
    assert_int_equal(out[2].line, 12);
    assert_string_equal(out[3].function, "main");
    assert_string_equal(out[3].module, "/usr/bin/prog");
}

static void a_small_array_is_not_overrun(void **state) {
    (void)state;
    struct sm_stack_frame out[2] = {{.function = "a"}, {.function = "untouched"}};
    assert_int_equal(sm_stack_frames(&run, 1, out, 1), 4);
    assert_string_equal(out[1].function, "untouched");
}

static void the_culprit_is_past_the_library(void **state) {
    (void)state;
    struct sm_stack_frame out[8];
    size_t count = sm_stack_frames(&run, 1, out, 8);
    assert_int_equal(sm_stack_culprit(out, count), 1);
    assert_int_equal(sm_stack_culprit(out, 1), 0);
}

static void a_function_that_only_begins_like_an_allocator_is_the_programs(void **state) {
    (void)state;
    const struct sm_stack_frame out[] = {{"malloc", "", "/usr/bin/prog", 0, 1, 1, 0},
                                         {"xmalloc", "", "/usr/bin/prog", 0, 1, 1, 0},
                                         {"malloc_message", "", "/usr/bin/prog", 0, 2, 1, 0}};
    assert_int_equal(sm_stack_culprit(out, 3), 2);
}

static void a_languages_own_library_is_passed_over(void **state) {
    (void)state;
    const struct sm_stack_frame out[] = {
        {"<alloc::raw_vec::RawVecInner>::try_allocate_in", "", "/bin/prog", 0, 1, 1, 1},
        {"<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem", "", "/bin/prog", 0, 1, 1,
         1},
        {"alloc::vec::from_elem", "", "/bin/prog", 0, 1, 1, 0},
        {"std::vector<int>::push_back", "", "/bin/prog", 0, 2, 1, 0},
        {"void std::vector<char, std::allocator<char> >::assign<char*>(char*)", "", "/bin/prog", 0,
         2, 1, 0},
        {"made_inline", "/usr/include/c++/12/bits/vector.tcc", "/bin/prog", 318, 2, 1, 1},
        {"void mine::subscribe<std::string>(std::string)", "", "/bin/prog", 17, 3, 1, 0}};
    assert_int_equal(sm_stack_culprit(out, 7), 6);
}

static void a_scripts_function_comes_before_its_interpreters(void **state) {
    (void)state;
    const struct sm_stack_frame out[] = {
        {"node::NodeArrayBufferAllocator::Allocate(unsigned long)", "", "/bin/node", 0, 1, 1, 0},
        {"JS:^alloc node:buffer:391:30", "", "", 0, 0x7000, 0, 0},
        {"JS:^keepBuffers /home/me/keep.js:2:21", "", "", 0, 0x8000, 0, 0},
        {"main", "", "/bin/node", 0, 2, 1, 0}};
    assert_int_equal(sm_stack_culprit(out, 4), 2);
    assert_int_equal(sm_stack_culprit(out, 2), 0);
    const struct sm_stack_frame python[] = {
        {"_PyObject_Malloc", "", "/bin/python", 0, 1, 1, 0},
        {"py::_load:<frozen importlib>", "", "", 0, 0x7000, 0, 0},
        {"py::keep:/home/me/keep.py", "", "", 0, 0x8000, 0, 0}};
    assert_int_equal(sm_stack_culprit(python, 3), 2);
}

static void unknown_frames_are_shown_by_module_and_address(void **state) {
    (void)state;
    char text[100];
    assert_string_equal(sm_stack_text(&run, 1, text, sizeof text), "push (queue.h:7)");
    assert_string_equal(sm_stack_text(&run, 2, text, sizeof text), "prog+0x40");
    assert_string_equal(sm_stack_text(&run, 3, text, sizeof text), "?+0xffffffff81000000");
    assert_string_equal(sm_stack_text(&run, 99, text, sizeof text), "an unknown stack");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inlined_calls_are_frames),
        cmocka_unit_test(a_small_array_is_not_overrun),
        cmocka_unit_test(the_culprit_is_past_the_library),
        cmocka_unit_test(a_function_that_only_begins_like_an_allocator_is_the_programs),
        cmocka_unit_test(a_languages_own_library_is_passed_over),
        cmocka_unit_test(a_scripts_function_comes_before_its_interpreters),
        cmocka_unit_test(unknown_frames_are_shown_by_module_and_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
