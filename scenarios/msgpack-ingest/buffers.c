#include "buffers.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "spillmark_mark.h"

enum { RETRIES_MAX = 3, TABLE_SIZE = MI_MEASUREMENTS_MAX * 2 };

SPILLMARK_MARK(held, "rows between request and file");

struct mi_buffer {
    struct mi_measurement_stats *stats;
    struct mi_batch *first, **end;
    size_t rows, bytes, batch_count;
    int64_t since_ns; /* its first row; -1 = it is empty */
    unsigned retries; /* failed flushes in a row, however many batches they had */
};

struct mi_buffers {
    struct mi_buffers_config config;
    struct mi_worker_stats *stats;
    pthread_mutex_t lock; /* all below */
    size_t held_bytes;
    size_t count;
    struct mi_buffer *table[TABLE_SIZE];
};

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct mi_buffers *mi_buffers_new(const struct mi_buffers_config *config,
                                  struct mi_worker_stats *stats) {
    struct mi_buffers *buffers = calloc(1, sizeof *buffers);
    if (!buffers)
        return NULL;
    buffers->config = *config;
    buffers->stats = stats;
    pthread_mutex_init(&buffers->lock, NULL);
    return buffers;
}

void mi_buffers_free(struct mi_buffers *buffers) {
    if (!buffers)
        return;
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        if (buffers->table[i])
            mi_batches_free(buffers->table[i]->first);
        free(buffers->table[i]);
    }
    pthread_mutex_destroy(&buffers->lock);
    free(buffers);
}

static void hold(struct mi_buffers *buffers, size_t bytes, size_t rows) {
    buffers->held_bytes += bytes;
    buffers->stats->held_bytes += (long)bytes;
    buffers->stats->held_rows += (long)rows;
    spillmark_mark_add(&held, bytes, rows);
}

static void let_go(struct mi_buffers *buffers, size_t bytes, size_t rows) {
    buffers->held_bytes -= bytes;
    buffers->stats->held_bytes -= (long)bytes;
    buffers->stats->held_rows -= (long)rows;
    spillmark_mark_sub(&held, bytes, rows);
}

static size_t place_of(const struct mi_buffers *buffers, const char *name) {
    size_t place = 5381;
    for (const char *c = name; *c; c++)
        place = place * 33 + (unsigned char)*c;
    place %= TABLE_SIZE;
    while (buffers->table[place] && strcmp(buffers->table[place]->stats->name, name) != 0)
        place = (place + 1) % TABLE_SIZE;
    return place;
}

static struct mi_buffer *make_buffer(struct mi_buffers *buffers, const char *name) {
    struct mi_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer)
        return NULL;
    buffer->end = &buffer->first;
    buffer->since_ns = -1;
    buffer->stats = &buffers->stats->measurements[buffers->count++];
    snprintf(buffer->stats->name, sizeof buffer->stats->name, "%s", name);
    buffers->stats->measurement_count++;
    return buffer;
}

/* Makes a buffer for every measurement among the batches, so that adding them cannot fail. */
static int make_buffers(struct mi_buffers *buffers, const struct mi_batch *batches) {
    for (const struct mi_batch *batch = batches; batch; batch = batch->next) {
        size_t place = place_of(buffers, batch->measurement);
        if (buffers->table[place])
            continue;
        if (buffers->count == MI_MEASUREMENTS_MAX)
            return -ENOSPC;
        buffers->table[place] = make_buffer(buffers, batch->measurement);
        if (!buffers->table[place])
            return -ENOMEM;
    }
    return 0;
}

/* Empties the buffer into a flush; NULL when there is no memory: it will be asked again. */
static struct mi_flush *take(struct mi_buffer *buffer) {
    struct mi_flush *flush = malloc(sizeof *flush);
    if (!flush)
        return NULL;
    *flush = (struct mi_flush){.buffer = buffer,
                               .measurement = buffer->stats->name,
                               .batches = buffer->first,
                               .end = buffer->end,
                               .rows = buffer->rows,
                               .bytes = buffer->bytes,
                               .batch_count = buffer->batch_count};
    buffer->first = NULL;
    buffer->end = &buffer->first;
    buffer->rows = buffer->bytes = buffer->batch_count = 0;
    buffer->since_ns = -1;
    buffer->stats->rows = 0;
    return flush;
}

static void put(struct mi_buffer *buffer, struct mi_batch *first, struct mi_batch **end,
                size_t rows, size_t bytes, size_t batch_count) {
    *buffer->end = first;
    buffer->end = end;
    buffer->rows += rows;
    buffer->bytes += bytes;
    buffer->batch_count += batch_count;
    buffer->stats->rows = (long)buffer->rows;
    if (buffer->since_ns < 0)
        buffer->since_ns = now_ns();
}

static void add_batch(struct mi_buffers *buffers, struct mi_batch *batch,
                      struct mi_flush **flushes) {
    struct mi_buffer *buffer = buffers->table[place_of(buffers, batch->measurement)];
    size_t bytes = mi_batch_bytes(batch);
    batch->next = NULL;
    hold(buffers, bytes, batch->rows);
    buffers->stats->buffered += (long)batch->rows;
    put(buffer, batch, &batch->next, batch->rows, bytes, batch->records);
    struct mi_flush *flush = buffer->rows >= buffers->config.max_rows ? take(buffer) : NULL;
    if (flush) {
        flush->next = *flushes;
        *flushes = flush;
    }
}

static bool has_room(struct mi_buffers *buffers, const struct mi_batch *batches) {
    size_t bytes = 0, rows = 0;
    for (const struct mi_batch *batch = batches; batch; batch = batch->next) {
        bytes += mi_batch_bytes(batch);
        rows += batch->rows;
    }
    size_t max = buffers->config.max_held_bytes;
    if (!max || buffers->held_bytes + bytes <= max)
        return true;
    buffers->stats->refused += (long)rows;
    return false;
}

int mi_buffers_add(struct mi_buffers *buffers, struct mi_batch *batches,
                   struct mi_flush **flushes) {
    pthread_mutex_lock(&buffers->lock);
    int rc = has_room(buffers, batches) ? make_buffers(buffers, batches) : -ENOBUFS;
    while (rc == 0 && batches) {
        struct mi_batch *batch = batches;
        batches = batch->next;
        add_batch(buffers, batch, flushes);
    }
    pthread_mutex_unlock(&buffers->lock);
    return rc;
}

struct mi_flush *mi_buffers_take_old(struct mi_buffers *buffers, int64_t at_ns) {
    struct mi_flush *flushes = NULL;
    pthread_mutex_lock(&buffers->lock);
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        struct mi_buffer *buffer = buffers->table[i];
        if (!buffer || buffer->since_ns < 0 ||
            at_ns - buffer->since_ns < buffers->config.max_age_ns)
            continue;
        struct mi_flush *flush = take(buffer);
        if (flush) {
            flush->next = flushes;
            flushes = flush;
        }
    }
    pthread_mutex_unlock(&buffers->lock);
    return flushes;
}

/* Without the lock: millions of small rows take their time. */
static void free_flush(struct mi_flush *flush) {
    mi_batches_free(flush->batches);
    free(flush);
}

static void set_retries(struct mi_buffer *buffer, unsigned retries) {
    buffer->retries = retries;
    buffer->stats->retries = retries;
}

void mi_buffers_done(struct mi_buffers *buffers, struct mi_flush *flush) {
    pthread_mutex_lock(&buffers->lock);
    set_retries(flush->buffer, 0);
    buffers->stats->written += (long)flush->rows;
    buffers->stats->flushes++;
    let_go(buffers, flush->bytes, flush->rows);
    pthread_mutex_unlock(&buffers->lock);
    free_flush(flush);
}

static void drop(struct mi_buffers *buffers, struct mi_flush *flush, const char *reason) {
    fprintf(stderr,
            "msgpack-ingest: dropping %zu records for '%s' (%s), retry count %u, buffer size %zu\n",
            flush->rows, flush->measurement, reason, flush->buffer->retries, flush->buffer->rows);
    buffers->stats->dropped += (long)flush->rows;
    set_retries(flush->buffer, 0);
    let_go(buffers, flush->bytes, flush->rows);
}

/* The guard that is to bound the buffer counts records, of which a columnar one has thousands of
 * rows, and it looks at a buffer that was emptied for this very flush. */
static bool is_guarded(const struct mi_buffers *buffers, const struct mi_buffer *buffer) {
    return buffer->batch_count >= buffers->config.max_rows * 2;
}

void mi_buffers_failed(struct mi_buffers *buffers, struct mi_flush *flush) {
    pthread_mutex_lock(&buffers->lock);
    struct mi_buffer *buffer = flush->buffer;
    buffers->stats->errors++;
    if (buffers->config.has_retry_limit && buffer->retries >= RETRIES_MAX) {
        drop(buffers, flush, "max retries exceeded");
    } else if (is_guarded(buffers, buffer)) {
        drop(buffers, flush, "buffer full");
    } else {
        set_retries(buffer, buffer->retries + 1);
        buffers->stats->retried += (long)flush->rows;
        put(buffer, flush->batches, flush->end, flush->rows, flush->bytes, flush->batch_count);
        flush->batches = NULL;
    }
    pthread_mutex_unlock(&buffers->lock);
    free_flush(flush);
}

void mi_buffers_drop(struct mi_buffers *buffers, struct mi_flush *flush) {
    pthread_mutex_lock(&buffers->lock);
    drop(buffers, flush, "the daemon ends");
    pthread_mutex_unlock(&buffers->lock);
    free_flush(flush);
}
