/* columns.h - rows held as columns: 8 bytes a number, 4 bytes a text, each different text once.
 *
 * A batch belongs to whoever holds its list; no locks here. Functions that can fail return 0,
 * -ENOMEM, or -EINVAL for a value that does not go with those before it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mi_type { MI_EMPTY, MI_INT, MI_REAL, MI_TEXT };

/* The different texts of a column; a value is the number of its text. */
struct mi_texts {
    char *bytes;
    size_t byte_count, byte_capacity;
    uint32_t *ends; /* of text n, with its zero byte; it begins where text n - 1 ends */
    size_t count, capacity;
    uint32_t *table; /* hash -> number + 1; 0 = free */
    size_t table_size;
};

struct mi_column {
    char *name;
    enum mi_type type; /* MI_EMPTY until the first value that is there */
    size_t count, capacity;
    union {
        int64_t *ints;
        double *reals;
        uint32_t *texts;
        void *values;
    };
    uint8_t *absent; /* one byte a value, 1 = not there; NULL: all are there */
    struct mi_texts dictionary;
};

struct mi_batch {
    struct mi_batch *next;
    char *measurement;
    struct mi_column *columns;
    size_t column_count;
    size_t rows;
    size_t records; /* as they came: 1 for a columnar record, however many rows it has */
};

/* NULL when out of memory. The name may come later. */
struct mi_batch *mi_batch_new(const char *measurement, size_t length);
void mi_batches_free(struct mi_batch *list); /* NULL is allowed */

/* What the allocator was asked for, but for the names. */
size_t mi_batch_bytes(const struct mi_batch *batch);

/* The column of that name, made if there is none, until the next one is made; NULL when out of
 * memory. */
struct mi_column *mi_batch_column(struct mi_batch *batch, const char *name, size_t length);

/* Room for so many values; an exact one where the count is known before. */
int mi_column_reserve(struct mi_column *column, enum mi_type type, size_t count);

int mi_column_add_int(struct mi_column *column, int64_t value);
int mi_column_add_real(struct mi_column *column, double value);
int mi_column_add_text(struct mi_column *column, const char *text, size_t length);
int mi_column_add_absent(struct mi_column *column, size_t count);

bool mi_column_is_absent(const struct mi_column *column, size_t row);

/* The text of a row, until the next text is added; a zero byte, not counted, ends it. */
const char *mi_column_text(const struct mi_column *column, size_t row, size_t *ret_length);

/* Columns of the same names and types in the same order: they can go into one file. */
bool mi_batch_same_shape(const struct mi_batch *one, const struct mi_batch *other);
