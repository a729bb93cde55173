#include "batcher.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "monotonic.h"

struct batch {
    uint8_t *data;
    size_t bytes, capacity_bytes;
    struct rc_run *runs;
    size_t run_count, run_capacity;
};

struct rc_batcher {
    const struct rc_options *options;
    struct rc_figures *figures;
    struct rc_sender *sender;
    pthread_t thread;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    struct batch batch;
    struct timespec due; /* of the batch, once it has rows */
    bool is_stopping;
    int result; /* of the last batch that was sent */
};

/* The array, larger if it must be; NULL when there is no memory, and then it stays as it was. */
static void *with_room(void *array, size_t *capacity, size_t needed, size_t item_bytes) {
    if (array && needed <= *capacity)
        return array;
    size_t larger = needed > 2 * *capacity ? needed : 2 * *capacity;
    void *grown = reallocarray(array, larger ? larger : 1, item_bytes);
    if (grown)
        *capacity = larger;
    return grown;
}

static bool append(struct batch *batch, struct rc_run rows, size_t bytes) {
    uint8_t *data = with_room(batch->data, &batch->capacity_bytes, batch->bytes + bytes, 1);
    if (!data)
        return false;
    batch->data = data;
    struct rc_run *runs =
        with_room(batch->runs, &batch->run_capacity, batch->run_count + 1, sizeof *runs);
    if (!runs)
        return false;
    batch->runs = runs;
    memset(data + batch->bytes, (int)(rows.first % 251), bytes);
    batch->bytes += bytes;
    struct rc_run *last = batch->run_count ? &runs[batch->run_count - 1] : NULL;
    if (last && last->first + last->count == rows.first)
        last->count += rows.count;
    else
        runs[batch->run_count++] = rows;
    return true;
}

/* Its callers were told that it is on its way. */
static void give_up(struct rc_batcher *batcher, const struct batch *batch) {
    int64_t rows = 0;
    for (size_t i = 0; i < batch->run_count; i++)
        rows += (int64_t)batch->runs[i].count;
    rc_figure_add(batcher->figures, RC_SDK_DROPPED_ROWS, rows);
    fprintf(stderr, "recorder: sdk: %lld rows dropped: %s\n", (long long)rows,
            strerror(-batcher->result));
}

/* Under the lock, which it keeps: who logs meanwhile waits, as behind a full queue. */
static void flush(struct rc_batcher *batcher) {
    struct batch batch = batcher->batch;
    uint64_t limit_bytes;
    if (batch.bytes == 0)
        return;
    batcher->batch = (struct batch){0};
    struct rc_message fields = {.kind = RC_DISPOSABLE,
                                .runs = batch.runs,
                                .run_count = batch.run_count,
                                .payload_bytes = batch.bytes};
    rc_figure_add(batcher->figures, RC_ACCOUNT_SDK_BYTES, -(int64_t)batch.bytes);
    batcher->result = rc_sender_submit(batcher->sender, &fields, batch.data, false, &limit_bytes);
    if (batcher->result)
        give_up(batcher, &batch);
    free(batch.runs);
}

static void *flush_when_due(void *context) {
    struct rc_batcher *batcher = context;
    pthread_mutex_lock(&batcher->lock);
    while (!batcher->is_stopping) {
        if (batcher->batch.bytes == 0)
            pthread_cond_wait(&batcher->changed, &batcher->lock);
        else if (pthread_cond_timedwait(&batcher->changed, &batcher->lock, &batcher->due) ==
                 ETIMEDOUT)
            flush(batcher);
    }
    flush(batcher);
    pthread_mutex_unlock(&batcher->lock);
    return NULL;
}

static void set_due(struct rc_batcher *batcher) {
    clock_gettime(CLOCK_MONOTONIC, &batcher->due);
    int64_t ns = batcher->due.tv_nsec + batcher->options->batch_ms * 1000000;
    batcher->due.tv_sec += ns / 1000000000;
    batcher->due.tv_nsec = ns % 1000000000;
}

int rc_batcher_log(struct rc_batcher *batcher, struct rc_run rows, size_t row_bytes) {
    size_t bytes = (size_t)rows.count * row_bytes;
    pthread_mutex_lock(&batcher->lock);
    int result = batcher->result;
    bool is_first = batcher->batch.bytes == 0;
    if (!result && !append(&batcher->batch, rows, bytes))
        result = -ENOMEM;
    if (!result)
        rc_figure_add(batcher->figures, RC_ACCOUNT_SDK_BYTES, (int64_t)bytes);
    if (!result && is_first) {
        set_due(batcher);
        pthread_cond_signal(&batcher->changed);
    }
    if (batcher->batch.bytes >= (size_t)batcher->options->batch_bytes)
        flush(batcher);
    pthread_mutex_unlock(&batcher->lock);
    return result;
}

struct rc_batcher *rc_batcher_start(const struct rc_options *options, struct rc_figures *figures,
                                    struct rc_sender *sender) {
    struct rc_batcher *batcher = calloc(1, sizeof *batcher);
    if (!batcher) {
        fprintf(stderr, "recorder: sdk: no memory\n");
        return NULL;
    }
    batcher->options = options;
    batcher->figures = figures;
    batcher->sender = sender;
    monotonic_cond_init(&batcher->changed);
    pthread_mutex_init(&batcher->lock, NULL);
    if (pthread_create(&batcher->thread, NULL, flush_when_due, batcher) == 0)
        return batcher;
    fprintf(stderr, "recorder: sdk: cannot start a thread\n");
    free(batcher);
    return NULL;
}

void rc_batcher_stop(struct rc_batcher *batcher) {
    if (!batcher)
        return;
    pthread_mutex_lock(&batcher->lock);
    batcher->is_stopping = true;
    pthread_cond_signal(&batcher->changed);
    pthread_mutex_unlock(&batcher->lock);
    pthread_join(batcher->thread, NULL);
    pthread_cond_destroy(&batcher->changed);
    pthread_mutex_destroy(&batcher->lock);
    free(batcher->batch.data);
    free(batcher->batch.runs);
    free(batcher);
}
