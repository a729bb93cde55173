/* What the addresses of a program with debug information are called. */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "reports/record.h"
#include "temp_dir.h"
#include "tests/symbols/resolve.h"

static const char library[] = SHELF_DIR "/libshelf.so";

static int line_named(const struct shelf *shelf, const char *name) {
    const int *line = dlsym(shelf->handle, name);
    assert_non_null(line);
    return *line;
}

static void test_inlined_calls(void **state) {
    const struct shelf *shelf = *state;
    struct rows rows = {0};
    resolve(library, "", &shelf->inlined, 1, NULL, &rows);
    assert_int_equal(rows.count, 3);
    assert_row(&rows, 0, 0, "innermost", "shelf.c", line_named(shelf, "shelf_innermost_line"));
    assert_row(&rows, 1, 1, "middle", "shelf.c", line_named(shelf, "shelf_middle_line"));
    assert_row(&rows, 2, 2, "shelf_inlined", "shelf.c", line_named(shelf, "shelf_outer_line"));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rows.rows[i].module_id, 7);
        assert_true(rows.rows[i].address == shelf->inlined);
    }
    assert_int_equal(rows.counts.asked, 1);
    assert_int_equal(rows.counts.named, 1);
    assert_int_equal(rows.counts.with_line, 1);
    assert_int_equal(rows.counts.inlined, 2);
    rows_free(&rows);
}

static void test_a_static_function(void **state) {
    const struct shelf *shelf = *state;
    struct rows rows = {0};
    resolve(library, "", &shelf->hidden, 1, NULL, &rows);
    assert_int_equal(rows.count, 1);
    assert_row(&rows, 0, 0, "hidden", "shelf.c", line_named(shelf, "shelf_hidden_line"));
    rows_free(&rows);
}

static void test_cxx_names(void **state) {
    const struct shelf *shelf = *state;
    const uint64_t addresses[] = {shelf->template_method, shelf->unnamed};
    struct rows rows = {0};
    resolve(library, "", &addresses[0], 1, NULL, &rows);
    assert_int_equal(rows.count, 1);
    assert_row(&rows, 0, 0, "shop::Cart<int>::add(int, void (*)())", "shelf_cxx.cc",
               line_named(shelf, "shelf_template_line"));
    rows_free(&rows);
    resolve(library, "", &addresses[1], 1, NULL, &rows);
    assert_int_equal(rows.count, 1);
    assert_row(&rows, 0, 0, "(anonymous namespace)::check(void (*)())", "shelf_cxx.cc",
               line_named(shelf, "shelf_unnamed_line"));
    rows_free(&rows);
}

/* The call may be the last instruction of its function: then the return address is the first of
 * the next one. */
static void test_the_call_is_looked_up_not_the_return(void **state) {
    const struct shelf *shelf = *state;
    struct link_map_base {
        uintptr_t address;
    } *map = NULL;
    void *start = dlsym(shelf->handle, "shelf_inlined");
    struct rows rows = {0};
    assert_int_equal(dlinfo(shelf->handle, RTLD_DI_LINKMAP, &map), 0);
    uint64_t first = (uintptr_t)start - map->address;
    resolve(library, "", &first, 1, NULL, &rows);
    for (size_t i = 0; i < rows.count; i++)
        assert_string_not_equal(rows.rows[i].function, "shelf_inlined");
    rows_free(&rows);
    first++;
    resolve(library, "", &first, 1, NULL, &rows);
    assert_string_equal(rows.rows[rows.count - 1].function, "shelf_inlined");
    rows_free(&rows);
}

static void test_order_and_duplicates(void **state) {
    const struct shelf *shelf = *state;
    const uint64_t addresses[] = {shelf->unnamed, shelf->hidden,  shelf->inlined,
                                  shelf->hidden,  0x7fffffffffff, 0};
    struct rows rows = {0};
    resolve(library, "", addresses, 6, NULL, &rows);
    assert_int_equal(rows.counts.asked, 4);
    assert_int_equal(rows.counts.named, 3);
    assert_int_equal(rows.count, 5);
    rows_free(&rows);
}

static int refuse(void *context, const struct sm_symbol *symbol) {
    (void)symbol;
    ++*(int *)context;
    return -ENOSPC;
}

static void test_a_full_disk_stops_it(void **state) {
    const struct shelf *shelf = *state;
    struct sm_module module = {.id = 1, .path = (char *)library, .build_id = ""};
    struct sm_frame frame = {.module_id = 1, .address = shelf->inlined};
    struct sm_run run = {
        .modules = &module, .modules_count = 1, .frames = &frame, .frames_count = 1};
    int calls = 0;
    assert_int_equal(sm_symbols_resolve(&run, NULL, refuse, &calls, NULL, NULL), -ENOSPC);
    assert_int_equal(calls, 1);
}

static void test_frames_without_a_known_module(void **state) {
    const struct shelf *shelf = *state;
    struct sm_frame frame = {.module_id = 3, .address = shelf->inlined};
    struct sm_run run = {.frames = &frame, .frames_count = 1};
    struct sm_symbols_counts counts;
    int calls = 0;
    assert_int_equal(sm_symbols_resolve(&run, NULL, refuse, &calls, &counts, NULL), 0);
    assert_int_equal(calls, 0);
    assert_int_equal(counts.asked, 1);
}

static void write_record(const char *path, uint64_t address) {
    struct sm_record *record = NULL;
    struct sm_module module = {.id = 1, .path = (char *)library, .build_id = ""};
    struct sm_stack stack = {.id = 1};
    struct sm_frame frame = {.stack_id = 1, .module_id = 1, .address = address};
    assert_int_equal(sm_record_create(path, &record, NULL), 0);
    assert_int_equal(sm_record_add_module(record, &module), 0);
    assert_int_equal(sm_record_add_stack(record, &stack), 0);
    assert_int_equal(sm_record_add_frame(record, &frame), 0);
    assert_int_equal(sm_record_close(record, 1), 0);
}

static void test_a_record_gets_its_symbols_once(void **state) {
    const struct shelf *shelf = *state;
    struct sm_symbols_counts counts;
    struct sm_run *run = NULL;
    void *directory = NULL;
    assert_int_equal(test_temp_dir_make(&directory), 0);
    char *path = path_in(directory, "run.db");
    write_record(path, shelf->inlined);
    assert_int_equal(sm_symbols_resolve_record(path, NULL, &counts, NULL), 0);
    assert_int_equal(counts.named, 1);
    assert_int_equal(sm_run_open(path, &run, NULL), 0);
    assert_int_equal(run->complete, 1);
    assert_int_equal(run->symbols_count, 3);
    assert_string_equal(run->symbols[0].function, "innermost");
    assert_string_equal(run->symbols[2].function, "shelf_inlined");
    sm_run_free(run);
    assert_int_equal(sm_symbols_resolve_record(path, NULL, &counts, NULL), 0);
    assert_int_equal(counts.asked, 0);
    struct sm_error err = {0};
    unlink(path);
    assert_true(sm_symbols_resolve_record(path, NULL, &counts, &err) < 0);
    assert_true(err.what[0] != '\0');
    free(path);
    assert_int_equal(test_temp_dir_remove(&directory), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inlined_calls),
        cmocka_unit_test(test_a_static_function),
        cmocka_unit_test(test_cxx_names),
        cmocka_unit_test(test_the_call_is_looked_up_not_the_return),
        cmocka_unit_test(test_order_and_duplicates),
        cmocka_unit_test(test_a_full_disk_stops_it),
        cmocka_unit_test(test_frames_without_a_known_module),
        cmocka_unit_test(test_a_record_gets_its_symbols_once),
    };
    return cmocka_run_group_tests(tests, shelf_load, shelf_unload);
}
