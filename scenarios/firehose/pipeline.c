#include "pipeline.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_stream.h"
#include "spillmark_mark.h"
#include "stop.h"

enum {
    BATCHES_MAX = 4, /* in the bounded channel between batcher and writer */
    RETRY_FIRST_MS = 100,
    RETRY_LAST_MS = 2000,
};

SPILLMARK_MARK(channel_mark, "events in the channel");

struct fh_pipeline {
    const struct fh_options *options;
    struct fh_counters *counters;
    char *stream, *source;
    struct fh_channel *events, *batches;
    struct fh_redis *redis; /* the writer's */
    pthread_t batcher, writer;
    bool has_batcher, has_writer;
};

static size_t event_size(const struct fh_event *event) {
    return sizeof *event + event->bytes + 1;
}

static bool take(void *context, struct fh_event *event) {
    struct fh_pipeline *pipeline = context;
    atomic_fetch_add(&pipeline->counters->in_flight, 1);
    atomic_fetch_add(&pipeline->counters->received, 1);
    spillmark_mark_add(&channel_mark, event_size(event), 1);
    if (fh_channel_send(pipeline->events, &event->item))
        return true;
    spillmark_mark_sub(&channel_mark, event_size(event), 1);
    atomic_fetch_sub(&pipeline->counters->in_flight, 1);
    atomic_fetch_sub(&pipeline->counters->received, 1);
    free(event);
    return false;
}

struct fh_sink fh_pipeline_sink(struct fh_pipeline *pipeline) {
    return (struct fh_sink){take, pipeline};
}

/* Collects events until the batch is full or old. NULL when there was none. */
static struct fh_batch *collect(struct fh_pipeline *pipeline) {
    const struct fh_options *options = pipeline->options;
    struct fh_item *item = fh_channel_receive(pipeline->events, INT64_MAX);
    struct fh_batch *batch = item ? fh_batch_create() : NULL;
    int64_t deadline_ns = fh_now_ns() + (int64_t)options->batch_timeout_ms * 1000000;
    while (item) {
        struct fh_event *event = (struct fh_event *)item;
        spillmark_mark_sub(&channel_mark, event_size(event), 1);
        if (!batch) {
            free(event);
            atomic_fetch_add(&pipeline->counters->lost, 1);
            return NULL;
        }
        fh_batch_add(batch, event);
        item = batch->count < options->batch_size
                   ? fh_channel_receive(pipeline->events, deadline_ns)
                   : NULL;
    }
    return batch;
}

static void *batcher_main(void *context) {
    struct fh_pipeline *pipeline = context;
    while (!fh_channel_is_done(pipeline->events)) {
        struct fh_batch *batch = collect(pipeline);
        /* A writer that has ended takes no more: as it was, nobody is told. */
        if (batch && !fh_channel_send(pipeline->batches, &batch->item))
            fh_batch_free(batch);
    }
    fh_channel_close(pipeline->batches);
    return NULL;
}

enum outcome { WRITTEN, FULL, FAILED };

static enum outcome try_to_write(struct fh_pipeline *pipeline, const struct fh_batch *batch) {
    struct fh_counters *counters = pipeline->counters;
    long long length = fh_redis_length(pipeline->redis);
    if (length >= (long long)pipeline->options->high_water_mark) {
        atomic_fetch_add(&counters->pressure_waits, 1);
        fprintf(stderr,
                "firehose: backpressure on %s: stream_len=%lld, high_water=%zu, in_flight=%ld\n",
                pipeline->stream, length, pipeline->options->high_water_mark,
                atomic_load(&counters->in_flight));
        return FULL;
    }
    if (length >= 0 && fh_redis_write(pipeline->redis, batch) == 0) {
        atomic_fetch_add(&counters->written, batch->count);
        atomic_fetch_sub(&counters->in_flight, (long)batch->count);
        return WRITTEN;
    }
    atomic_fetch_add(&counters->redis_failures, 1);
    fprintf(stderr, "firehose: %s: %s\n", pipeline->stream, fh_redis_problem(pipeline->redis));
    return FAILED;
}

/* Brings one batch to Redis, or to its end. False when the writer has to end. */
static bool write_batch(struct fh_pipeline *pipeline, struct fh_batch *batch) {
    const struct fh_options *options = pipeline->options;
    unsigned retry_ms = RETRY_FIRST_MS;
    for (;;) {
        switch (try_to_write(pipeline, batch)) {
        case WRITTEN:
            return true;
        case FULL:
            fh_stop_sleep(options->pressure_sleep_ms);
            if (options->drops_under_pressure) { /* forgotten, and nobody is told */
                if (options->counts_right)
                    atomic_fetch_sub(&pipeline->counters->in_flight, (long)batch->count);
                return true;
            }
            break;
        case FAILED:
            if (!options->retries_redis)
                return false;
            fh_stop_sleep(retry_ms);
            retry_ms = retry_ms * 2 < RETRY_LAST_MS ? retry_ms * 2 : RETRY_LAST_MS;
            break;
        }
        if (fh_stop_is_requested()) {
            atomic_fetch_add(&pipeline->counters->lost, batch->count);
            return true;
        }
    }
}

static void *writer_main(void *context) {
    struct fh_pipeline *pipeline = context;
    bool goes_on = true;
    while (goes_on) {
        struct fh_batch *batch =
            (struct fh_batch *)fh_channel_receive(pipeline->batches, INT64_MAX);
        goes_on = batch && write_batch(pipeline, batch);
        fh_batch_free(batch);
    }
    fh_channel_close(pipeline->batches);
    struct fh_item *rest;
    while ((rest = fh_channel_receive(pipeline->batches, INT64_MAX)))
        fh_batch_free((struct fh_batch *)rest);
    return NULL;
}

static bool start_threads(struct fh_pipeline *pipeline) {
    pipeline->has_batcher = pthread_create(&pipeline->batcher, NULL, batcher_main, pipeline) == 0;
    pipeline->has_writer = pipeline->has_batcher &&
                           pthread_create(&pipeline->writer, NULL, writer_main, pipeline) == 0;
    return pipeline->has_writer;
}

struct fh_pipeline *fh_pipeline_start(const struct fh_options *options,
                                      struct fh_counters *counters, const char *stream,
                                      const char *source) {
    struct fh_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (pipeline) {
        pipeline->options = options;
        pipeline->counters = counters;
        pipeline->stream = strdup(stream);
        pipeline->source = strdup(source);
        pipeline->events = fh_channel_create(options->is_bounded ? options->batch_size * 2 : 0);
        pipeline->batches = fh_channel_create(options->is_bounded ? BATCHES_MAX : 0);
        pipeline->redis = fh_redis_create(options->redis_url, stream, source);
    }
    if (!pipeline || !pipeline->stream || !pipeline->source || !pipeline->events ||
        !pipeline->batches || !pipeline->redis || !start_threads(pipeline)) {
        fprintf(stderr, "firehose: %s: cannot start: no memory or no threads\n", stream);
        fh_pipeline_finish(pipeline);
        return NULL;
    }
    return pipeline;
}

int64_t fh_pipeline_stored_cursor(const struct fh_pipeline *pipeline) {
    struct fh_redis *redis =
        fh_redis_create(pipeline->options->redis_url, pipeline->stream, pipeline->source);
    long long cursor = redis ? fh_redis_cursor(redis) : 0;
    fh_redis_free(redis);
    return cursor > 0 ? cursor : 0;
}

void fh_pipeline_close(struct fh_pipeline *pipeline) {
    fh_channel_close(pipeline->events);
}

void fh_pipeline_finish(struct fh_pipeline *pipeline) {
    if (!pipeline)
        return;
    if (pipeline->events)
        fh_channel_close(pipeline->events);
    if (pipeline->has_writer)
        pthread_join(pipeline->writer, NULL);
    if (pipeline->has_batcher) {
        if (!pipeline->has_writer)
            fh_channel_close(pipeline->batches);
        pthread_join(pipeline->batcher, NULL);
    }
    fh_redis_free(pipeline->redis);
    fh_channel_free(pipeline->events);
    fh_channel_free(pipeline->batches);
    free(pipeline->stream);
    free(pipeline->source);
    free(pipeline);
}
