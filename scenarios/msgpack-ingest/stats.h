/* stats.h - what the workers count, in memory that all of them share.
 *
 * A GET is answered by whichever worker takes the connection; it speaks for all of them. Counters
 * are atomic: written by their own worker, read by any. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum { MI_WORKERS_MAX = 8, MI_MEASUREMENTS_MAX = 1024, MI_NAME_BYTES = 72 };

struct mi_measurement_stats {
    char name[MI_NAME_BYTES]; /* written once, before the count of measurements includes it */
    atomic_long rows;         /* in its buffer now */
    atomic_long retries;      /* failed flushes in a row */
};

struct mi_worker_stats {
    atomic_int pid;
    atomic_long requests, rejected;         /* rejected: answered 4xx or 5xx */
    atomic_long buffered, written, dropped; /* rows, in all */
    atomic_long refused;                    /* rows, for the limit on what is held */
    atomic_long errors, flushes, retried;   /* flushes: failed, done; rows put back */
    atomic_long held_rows, held_bytes;      /* in buffers and in flushes, now */
    atomic_long late_bytes;                 /* of payloads that wait to be released */
    atomic_int measurement_count;
    struct mi_measurement_stats measurements[MI_MEASUREMENTS_MAX];
};

struct mi_stats {
    int worker_count;
    struct mi_worker_stats workers[MI_WORKERS_MAX];
};

/* Shared by all processes forked from here on; NULL when there is no memory. */
struct mi_stats *mi_stats_new(int worker_count);

/* A JSON document of all of it, to be freed; NULL when out of memory. */
char *mi_stats_json(const struct mi_stats *stats);
