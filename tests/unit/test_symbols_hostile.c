/* ELF files that lie: whatever they do to the child, the caller goes on, in time. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/symbols/resolve.h"

static const char library[] = SHELF_DIR "/libshelf.so";

static uint64_t seed;

/* xorshift64*: the same damage on every machine. */
static uint64_t next_random(uint64_t below) {
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (seed * UINT64_C(2685821657736338717) >> 16) % below;
}

/* Resolves what the library's frames are in these bytes. */
static size_t resolve_bytes(const struct shelf *shelf, const unsigned char *bytes, size_t count,
                            struct rows *rows) {
    const uint64_t addresses[] = {shelf->inlined, shelf->hidden, shelf->template_method,
                                  shelf->unnamed};
    struct sm_module_file file = {.module_id = 7, .fd = memfd_create("elf", MFD_CLOEXEC)};
    assert_true(file.fd >= 0);
    assert_int_equal(write(file.fd, bytes, count), count);
    const struct sm_symbols_options options = {.files = &file,
                                               .file_count = 1,
                                               .debug_root = "/nonexistent",
                                               .time_limit_s = 20,
                                               .memory_limit_bytes = 256 << 20};
    resolve("/nonexistent", "", addresses, 4, &options, rows);
    close(file.fd);
    size_t found = rows->count;
    rows_free(rows);
    return found;
}

static void test_cut_short(void **state) {
    size_t count;
    unsigned char *bytes = read_file(library, &count);
    struct rows rows = {0};
    assert_int_equal(resolve_bytes(*state, bytes, count, &rows), 6);
    for (int i = 0; i < 40; i++)
        resolve_bytes(*state, bytes, count * (size_t)i / 40, &rows);
    free(bytes);
}

static void test_random_damage(void **state) {
    size_t count;
    unsigned char *bytes = read_file(library, &count), *damaged = malloc(count);
    struct rows rows = {0};
    assert_non_null(damaged);
    seed = 20261121;
    for (int i = 0; i < 150; i++) {
        memcpy(damaged, bytes, count);
        for (uint64_t flips = 1 + next_random(64); flips; flips--)
            damaged[next_random(count)] = (unsigned char)next_random(256);
        resolve_bytes(*state, damaged, count, &rows);
    }
    free(damaged);
    free(bytes);
}

/* Damage where it hurts: in the headers, and in the sections that are read. */
static void test_damaged_sections(void **state) {
    size_t count;
    unsigned char *bytes = read_file(library, &count), *damaged = malloc(count);
    struct rows rows = {0};
    Elf64_Ehdr header;
    assert_non_null(damaged);
    memcpy(&header, bytes, sizeof header);
    seed = 4;
    for (int i = 0; i < 300; i++) {
        Elf64_Shdr section;
        memcpy(damaged, bytes, count);
        size_t at = header.e_shoff + (size_t)(i % header.e_shnum) * sizeof section;
        memcpy(&section, bytes + at, sizeof section);
        if (next_random(3) == 0 || section.sh_type == SHT_NOBITS || !section.sh_size) {
            damaged[at + next_random(sizeof section)] = (unsigned char)next_random(256);
        } else {
            for (uint64_t flips = 1 + next_random(8); flips; flips--)
                damaged[section.sh_offset + next_random(section.sh_size)] =
                    (unsigned char)next_random(256);
        }
        resolve_bytes(*state, damaged, count, &rows);
    }
    free(damaged);
    free(bytes);
}

static int count_row(void *context, const struct sm_symbol *symbol) {
    assert_int_equal(symbol->module_id, 8);
    ++*(size_t *)context;
    return 0;
}

/* The child dies of the first module, for which the limit is too low, both times it tries. */
static void test_a_module_that_breaks_the_child_costs_only_itself(void **state) {
    enum { FRAMES = 300000 };
    const struct shelf *shelf = *state;
    const struct sm_symbols_options options = {.memory_limit_bytes = 1 << 20};
    struct sm_module modules[] = {{.id = 7, .path = (char *)library, .build_id = ""},
                                  {.id = 8, .path = (char *)library, .build_id = ""}};
    struct sm_frame *frames = calloc(FRAMES + 1, sizeof *frames);
    struct sm_symbols_counts counts;
    size_t rows = 0;
    assert_non_null(frames);
    for (uint64_t i = 0; i < FRAMES; i++)
        frames[i] = (struct sm_frame){.module_id = 7, .address = i + 1};
    frames[FRAMES] = (struct sm_frame){.module_id = 8, .address = shelf->inlined};
    struct sm_run run = {
        .modules = modules, .modules_count = 2, .frames = frames, .frames_count = FRAMES + 1};
    assert_int_equal(sm_symbols_resolve(&run, &options, count_row, &rows, &counts, NULL), 0);
    assert_int_equal(counts.asked, FRAMES + 1);
    assert_int_equal(counts.modules_given_up, 1);
    assert_int_equal(rows, 3);
    free(frames);
}

static void test_no_time(void **state) {
    const struct shelf *shelf = *state;
    const struct sm_symbols_options options = {.time_limit_s = 1e-9};
    struct rows rows = {0};
    resolve(library, "", &shelf->inlined, 1, &options, &rows);
    assert_int_equal(rows.count, 0);
    assert_int_equal(rows.counts.modules_given_up, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_random_damage),
        cmocka_unit_test(test_damaged_sections),
        cmocka_unit_test(test_a_module_that_breaks_the_child_costs_only_itself),
        cmocka_unit_test(test_no_time),
    };
    return cmocka_run_group_tests(tests, shelf_load, shelf_unload);
}
