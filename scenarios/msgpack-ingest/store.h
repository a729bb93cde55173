/* store.h - columns in Avro files: DIRECTORY/MEASUREMENT/TIME-WORKER-NUMBER.avro.
 *
 * Every record of a file is a group of at most 1024 rows: their number, and the values column by
 * column. A file appears under its name when it is complete. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "columns.h"

struct mi_store {
    const char *directory; /* the caller's, as long as the store */
    int worker;            /* its number, part of the names */
    atomic_uint next_number;
};

/* Writes the batches of a measurement, a file for each shape of columns among them, at most 64. 0,
 * or -1 and nothing on disk, with the reason in `problem`. Any thread. */
int mi_store_write(struct mi_store *store, const char *measurement, const struct mi_batch *batches,
                   char *problem, size_t problem_bytes);
