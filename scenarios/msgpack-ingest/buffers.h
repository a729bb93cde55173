/* buffers.h - the rows of each measurement between their request and their file.
 *
 * A measurement's rows are taken out to be flushed when there are enough of them or when the first
 * has waited long enough. A flush that failed comes back: for ever, or three times and no more.
 * Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "columns.h"
#include "stats.h"

struct mi_buffers_config {
    size_t max_rows;       /* of a measurement, before it is flushed */
    int64_t max_age_ns;    /* of its first row */
    bool has_retry_limit;  /* three */
    size_t max_held_bytes; /* of all, in buffers and in flushes; 0 = no limit */
};

struct mi_buffers;
struct mi_buffer;

/* What is to be written to one measurement's files; belongs to whoever took it until it is given
 * back by done, failed or drop. */
struct mi_flush {
    struct mi_flush *next;
    struct mi_buffer *buffer;
    const char *measurement; /* the buffers' */
    struct mi_batch *batches, **end;
    size_t rows, bytes;
    size_t batch_count;
};

/* NULL when out of memory. Counts into `stats`, which must outlive it. */
struct mi_buffers *mi_buffers_new(const struct mi_buffers_config *config,
                                  struct mi_worker_stats *stats);

/* Frees what is still held, uncounted. NULL is allowed. */
void mi_buffers_free(struct mi_buffers *buffers);

/* Takes the batches in, all or none, and adds to the list *flushes what is now enough to be
 * flushed. 0; -ENOBUFS when the limit on what is held says no; -ENOSPC when there are more than
 * MI_MEASUREMENTS_MAX different measurements; -ENOMEM. Not 0: the batches stay the caller's. */
int mi_buffers_add(struct mi_buffers *buffers, struct mi_batch *batches, struct mi_flush **flushes);

/* A list of what has waited long enough at at_ns (CLOCK_MONOTONIC); INT64_MAX: everything. NULL:
 * nothing has. */
struct mi_flush *mi_buffers_take_old(struct mi_buffers *buffers, int64_t at_ns);

/* Its rows are on disk. Frees the flush. */
void mi_buffers_done(struct mi_buffers *buffers, struct mi_flush *flush);

/* It could not be written: its rows go back or are dropped. Frees the flush. */
void mi_buffers_failed(struct mi_buffers *buffers, struct mi_flush *flush);

/* Gives its rows up, counted as dropped. Frees the flush. */
void mi_buffers_drop(struct mi_buffers *buffers, struct mi_flush *flush);
