#include "resolve.h"

#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static uintptr_t captured;

__attribute__((noinline)) static void capture(void) {
    captured = (uintptr_t)__builtin_return_address(0);
}

/* The frame a sampler would write for the call of capture below a function of the library. */
static uint64_t frame_below(void *handle, const char *name) {
    struct link_map *map;
    void (*function)(shelf_capture *);
    *(void **)&function = dlsym(handle, name);
    assert_non_null(function);
    assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
    function(capture);
    return captured - map->l_addr;
}

int shelf_load(void **state) {
    struct shelf *shelf = calloc(1, sizeof *shelf);
    assert_non_null(shelf);
    shelf->handle = dlopen(SHELF_DIR "/libshelf.so", RTLD_NOW);
    assert_non_null(shelf->handle);
    shelf->inlined = frame_below(shelf->handle, "shelf_inlined");
    shelf->hidden = frame_below(shelf->handle, "shelf_hidden");
    shelf->template_method = frame_below(shelf->handle, "shelf_template");
    shelf->unnamed = frame_below(shelf->handle, "shelf_unnamed");
    *state = shelf;
    return 0;
}

int shelf_unload(void **state) {
    struct shelf *shelf = *state;
    dlclose(shelf->handle);
    free(shelf);
    return 0;
}

static int take_row(void *context, const struct sm_symbol *symbol) {
    struct rows *rows = context;
    assert_true(rows->count < sizeof rows->rows / sizeof *rows->rows);
    struct sm_symbol *row = &rows->rows[rows->count++];
    *row = *symbol;
    row->function = strdup(symbol->function);
    row->file = strdup(symbol->file);
    return 0;
}

void resolve(const char *path, const char *build_id, const uint64_t *addresses, size_t count,
             const struct sm_symbols_options *options, struct rows *ret_rows) {
    struct sm_error err = {0};
    struct sm_module module = {.id = 7, .path = (char *)path, .build_id = (char *)build_id};
    struct sm_frame frames[16];
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        frames[i] = (struct sm_frame){.stack_id = 1, .module_id = 7, .address = addresses[i]};
    struct sm_run run = {
        .modules = &module, .modules_count = 1, .frames = frames, .frames_count = count};
    ret_rows->count = 0;
    int result = sm_symbols_resolve(&run, options, take_row, ret_rows, &ret_rows->counts, &err);
    assert_int_equal(result, 0);
    assert_int_equal(err.code, 0);
}

void rows_free(struct rows *rows) {
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->rows[i].function);
        free(rows->rows[i].file);
    }
    rows->count = 0;
}

void assert_row(const struct rows *rows, size_t index, int inline_depth, const char *function,
                const char *file, int line) {
    assert_true(index < rows->count);
    const struct sm_symbol *row = &rows->rows[index];
    const char *slash = strrchr(row->file, '/');
    assert_string_equal(row->function, function);
    assert_int_equal(row->inline_depth, inline_depth);
    assert_string_equal(slash ? slash + 1 : row->file, file ? file : "");
    assert_int_equal(row->line, line);
}

char *path_in(const char *directory, const char *name) {
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
    return path;
}

void write_file(const char *path, const void *bytes, size_t count) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

unsigned char *read_file(const char *path, size_t *ret_count) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *ret_count = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*ret_count + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *ret_count, file), *ret_count);
    fclose(file);
    return bytes;
}

char *build_id_of(const char *path) {
    const void *id = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL);
    ssize_t bytes = dwelf_elf_gnu_build_id(elf, &id);
    char *text = calloc(1, bytes > 0 ? (size_t)bytes * 2 + 1 : 1);
    assert_non_null(text);
    for (ssize_t i = 0; i < bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)id)[i]);
    elf_end(elf);
    close(fd);
    return text;
}
