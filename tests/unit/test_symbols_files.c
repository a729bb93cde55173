/* Where symbols are found: separate debug files, files kept open, maps of generated code. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "temp_dir.h"
#include "tests/symbols/resolve.h"

static const char whole[] = SHELF_DIR "/libshelf.so";
static const char stripped[] = SHELF_DIR "/stripped/libshelf.so";
static const char linked[] = SHELF_DIR "/linked/libshelf.so";
static const char debug_file[] = SHELF_DIR "/linked/libshelf.so.debug";

static struct shelf *shelf;
static char *directory;

static int set_up(void **state) {
    (void)state;
    return test_temp_dir_make((void **)&directory);
}

static int tear_down(void **state) {
    (void)state;
    return test_temp_dir_remove((void **)&directory);
}

static void copy_file(const char *from, const char *to) {
    size_t count;
    unsigned char *bytes = read_file(from, &count);
    write_file(to, bytes, count);
    free(bytes);
}

static void test_stripped_has_exported_names_only(void **state) {
    (void)state;
    const struct sm_symbols_options options = {.debug_root = directory};
    const uint64_t addresses[] = {shelf->inlined, shelf->hidden};
    struct rows rows = {0};
    resolve(stripped, "", addresses, 1, &options, &rows);
    assert_int_equal(rows.count, 1);
    assert_row(&rows, 0, 0, "shelf_inlined", NULL, 0);
    rows_free(&rows);
    resolve(stripped, "", addresses + 1, 1, &options, &rows);
    assert_int_equal(rows.count, 0);
}

static void test_debug_file_by_build_id(void **state) {
    (void)state;
    const struct sm_symbols_options options = {.debug_root = directory};
    char *id = build_id_of(whole), name[128];
    struct rows rows = {0};
    assert_int_equal(strlen(id), 40);
    snprintf(name, sizeof name, ".build-id");
    for (int part = 0; part < 2; part++) {
        char *path = path_in(directory, name);
        assert_int_equal(mkdir(path, 0700), 0);
        free(path);
        snprintf(name, sizeof name, ".build-id/%.2s", id);
    }
    snprintf(name, sizeof name, ".build-id/%.2s/%s.debug", id, id + 2);
    char *path = path_in(directory, name);
    copy_file(debug_file, path);
    resolve(stripped, "", &shelf->hidden, 1, &options, &rows);
    assert_int_equal(rows.count, 1);
    assert_string_equal(rows.rows[0].function, "hidden");
    assert_true(rows.rows[0].line > 0);
    rows_free(&rows);
    /* The binary itself may be gone: its build id is in the record. */
    resolve("/nonexistent/libshelf.so", id, &shelf->hidden, 1, &options, &rows);
    assert_int_equal(rows.count, 1);
    assert_string_equal(rows.rows[0].function, "hidden");
    rows_free(&rows);
    /* A debug file of another build in its place is not believed. */
    copy_file("/proc/self/exe", path);
    resolve(stripped, "", &shelf->hidden, 1, &options, &rows);
    assert_int_equal(rows.count, 0);
    free(path);
    free(id);
}

static void test_debug_file_by_link(void **state) {
    (void)state;
    const struct sm_symbols_options options = {.debug_root = directory};
    struct rows rows = {0};
    resolve(linked, "", &shelf->inlined, 1, &options, &rows);
    assert_int_equal(rows.count, 3);
    assert_string_equal(rows.rows[0].function, "innermost");
    rows_free(&rows);
}

static void test_a_deleted_binary_that_was_kept_open(void **state) {
    (void)state;
    struct rows rows = {0};
    char *id = build_id_of(whole), *path = path_in(directory, "libshelf.so");
    copy_file(whole, path);
    struct sm_module_file file = {.module_id = 7, .fd = open(path, O_RDONLY | O_CLOEXEC)};
    const struct sm_symbols_options options = {
        .debug_root = directory, .files = &file, .file_count = 1};
    assert_int_equal(unlink(path), 0);
    resolve(path, id, &shelf->inlined, 1, &options, &rows);
    assert_int_equal(rows.count, 3);
    rows_free(&rows);
    assert_int_equal(close(file.fd), 0);
    const struct sm_symbols_options none = {.debug_root = directory};
    resolve(path, id, &shelf->inlined, 1, &none, &rows);
    assert_int_equal(rows.count, 0);
    assert_int_equal(rows.counts.modules_given_up, 0);
    free(path);
    free(id);
}

static void test_another_build_at_the_path(void **state) {
    (void)state;
    const struct sm_symbols_options options = {.debug_root = directory};
    struct rows rows = {0};
    resolve(whole, "00112233445566778899aabbccddeeff00112233", &shelf->inlined, 1, &options, &rows);
    assert_int_equal(rows.count, 0);
    /* Nor does a build id lead out of the directory of debug files. */
    resolve("/nonexistent", "../../../etc/passwd", &shelf->inlined, 1, &options, &rows);
    assert_int_equal(rows.count, 0);
}

static void test_what_is_no_plain_file(void **state) {
    (void)state;
    const struct sm_symbols_options options = {.debug_root = directory};
    struct rows rows = {0};
    char *fifo = path_in(directory, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const char *paths[] = {fifo, directory, "/dev/zero", "[vdso]", "", "relative"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        resolve(paths[i], "", &shelf->inlined, 1, &options, &rows);
        assert_int_equal(rows.count, 0);
        assert_int_equal(rows.counts.modules_given_up, 0);
    }
    free(fifo);
}

/* Resolves one absolute address of a process 4242 and copies its name. */
static void resolve_generated(uint64_t address, char *ret_name, size_t name_bytes);

static int copy_name(void *context, const struct sm_symbol *symbol) {
    assert_int_equal(symbol->module_id, 0);
    snprintf(context, 256, "%s", symbol->function);
    return 0;
}

static void resolve_generated(uint64_t address, char *ret_name, size_t name_bytes) {
    char started[32];
    snprintf(started, sizeof started, "%lld", (long long)time(NULL));
    struct sm_process process = {.id = 1, .pid = 4242, .command = "", .exit = "", .probe = ""};
    struct sm_meta meta = {.key = SM_META_STARTED, .value = started};
    struct sm_frame frame = {.address = address};
    struct sm_run run = {.processes = &process,
                         .processes_count = 1,
                         .metas = &meta,
                         .metas_count = 1,
                         .frames = &frame,
                         .frames_count = 1};
    const struct sm_symbols_options options = {.jit_directory = directory};
    assert_true(name_bytes >= 256);
    ret_name[0] = '\0';
    assert_int_equal(sm_symbols_resolve(&run, &options, copy_name, ret_name, NULL, NULL), 0);
}

static void test_a_map_of_generated_code(void **state) {
    (void)state;
    static const char text[] = "1000 100 old\n"
                               "2000 80 LazyCompile:*add /srv/app.js:12\n"
                               "1000 40 py::handle:/srv/app.py\n"
                               "nonsense\n3000 0 empty\nffffffffffffff00 1000 wraps\n3000\n";
    char name[256], *path = path_in(directory, "perf-4242.map");
    write_file(path, text, sizeof text - 1);
    resolve_generated(0x2081, name, sizeof name);
    assert_string_equal(name, "");
    resolve_generated(0x2080, name, sizeof name);
    assert_string_equal(name, "LazyCompile:*add /srv/app.js:12");
    resolve_generated(0x2000, name, sizeof name);
    assert_string_equal(name, "");
    resolve_generated(0x1020, name, sizeof name);
    assert_string_equal(name, "py::handle:/srv/app.py");
    resolve_generated(0x1080, name, sizeof name);
    assert_string_equal(name, "old");
    resolve_generated(0x3001, name, sizeof name);
    assert_string_equal(name, "");
    free(path);
}

static void test_maps_that_are_not_believed(void **state) {
    (void)state;
    static const char text[] = "1000 100 name\n";
    const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    char name[256], *path = path_in(directory, "perf-4242.map");
    char *elsewhere = path_in(directory, "elsewhere");
    write_file(path, text, sizeof text - 1);
    resolve_generated(0x1001, name, sizeof name);
    assert_string_equal(name, "name");
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    resolve_generated(0x1001, name, sizeof name);
    assert_string_equal(name, "");
    assert_int_equal(unlink(path), 0);
    write_file(elsewhere, text, sizeof text - 1);
    assert_int_equal(symlink(elsewhere, path), 0);
    resolve_generated(0x1001, name, sizeof name);
    assert_string_equal(name, "");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    resolve_generated(0x1001, name, sizeof name);
    assert_string_equal(name, "");
    free(elsewhere);
    free(path);
}

static int load(void **state) {
    (void)state;
    return shelf_load((void **)&shelf);
}

static int unload(void **state) {
    (void)state;
    return shelf_unload((void **)&shelf);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_stripped_has_exported_names_only),
        TEST(test_debug_file_by_build_id),
        TEST(test_debug_file_by_link),
        TEST(test_a_deleted_binary_that_was_kept_open),
        TEST(test_another_build_at_the_path),
        TEST(test_what_is_no_plain_file),
        TEST(test_a_map_of_generated_code),
        TEST(test_maps_that_are_not_believed),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
