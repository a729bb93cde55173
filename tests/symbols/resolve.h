/* resolve.h - what the tests of symbols share: frames of a loaded library, rows in an array. */
#pragma once

#include "reports/symbols.h"
#include "shelf.h"

/* The library and the frames of its four calls, as a stack sampler would have them. */
struct shelf {
    void *handle;
    uint64_t inlined, hidden, template_method, unnamed;
};

/* As cmocka group set-up and tear-down: *state becomes a struct shelf. */
int shelf_load(void **state);
int shelf_unload(void **state);

/* Texts are copied. */
struct rows {
    struct sm_symbol rows[64];
    size_t count;
    struct sm_symbols_counts counts;
};

/* Resolves `count` addresses (at most 16) of one module, and fails the test if that fails. */
void resolve(const char *path, const char *build_id, const uint64_t *addresses, size_t count,
             const struct sm_symbols_options *options, struct rows *ret_rows);
void rows_free(struct rows *rows);

/* Asserts that row `index` is this one. file is the last component, NULL = none at all. */
void assert_row(const struct rows *rows, size_t index, int inline_depth, const char *function,
                const char *file, int line);

/* A malloc'd path below a directory, and a file made of bytes. */
char *path_in(const char *directory, const char *name);
void write_file(const char *path, const void *bytes, size_t count);
/* The whole of a file, malloc'd. */
unsigned char *read_file(const char *path, size_t *ret_count);

/* The hexadecimal build id of an ELF file: malloc'd, "" when it has none. */
char *build_id_of(const char *path);
