#include "flusher.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS_MAX = 2048, LAST_ATTEMPTS = 4 };

struct mi_flusher {
    struct mi_flusher_config config;
    pthread_t ticker;
    bool has_ticker;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    pthread_t threads[THREADS_MAX];
    unsigned started, idle; /* threads there are; of these, without work */
    size_t waiting;         /* flushes in the list */
    struct mi_flush *first, **end;
    unsigned at_work; /* flushes taken and not yet done */
    bool is_stopping; /* no tick any more; what fails is given up in the end */
    bool is_ending;   /* the threads go once nothing waits */
    bool has_problem; /* the last flush failed, and that has been told */
};

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Told when it begins and when it ends, not at each attempt. */
static void tell(struct mi_flusher *flusher, bool is_failing, const char *problem) {
    pthread_mutex_lock(&flusher->lock);
    bool is_new = flusher->has_problem != is_failing;
    flusher->has_problem = is_failing;
    pthread_mutex_unlock(&flusher->lock);
    if (is_new)
        fprintf(stderr, "msgpack-ingest: %s%s\n",
                is_failing ? "cannot write, will try again: " : "writing again",
                is_failing ? problem : "");
}

static void flush_one(struct mi_flusher *flusher, struct mi_flush *flush) {
    char problem[200];
    int rc = mi_store_write(flusher->config.store, flush->measurement, flush->batches, problem,
                            sizeof problem);
    tell(flusher, rc != 0, problem);
    if (rc)
        mi_buffers_failed(flusher->config.buffers, flush);
    else
        mi_buffers_done(flusher->config.buffers, flush);
}

static void *flusher_main(void *argument) {
    struct mi_flusher *flusher = argument;
    pthread_mutex_lock(&flusher->lock);
    for (;;) {
        flusher->idle++;
        while (!flusher->first && !flusher->is_ending)
            pthread_cond_wait(&flusher->changed, &flusher->lock);
        flusher->idle--;
        struct mi_flush *flush = flusher->first;
        if (!flush)
            break;
        flusher->first = flush->next;
        if (!flusher->first)
            flusher->end = &flusher->first;
        flusher->waiting--;
        flusher->at_work++;
        pthread_mutex_unlock(&flusher->lock);
        flush_one(flusher, flush);
        pthread_mutex_lock(&flusher->lock);
        flusher->at_work--;
        pthread_cond_broadcast(&flusher->changed);
    }
    pthread_mutex_unlock(&flusher->lock);
    return NULL;
}

/* Waits for the next tick; false when there is none any more. */
static bool wait_tick(struct mi_flusher *flusher) {
    int64_t at_ns = clock_ns(CLOCK_MONOTONIC) + flusher->config.tick_ns;
    struct timespec at = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&flusher->lock);
    while (!flusher->is_stopping && rc != ETIMEDOUT)
        rc = pthread_cond_clockwait(&flusher->changed, &flusher->lock, CLOCK_MONOTONIC, &at);
    bool goes_on = !flusher->is_stopping;
    pthread_mutex_unlock(&flusher->lock);
    return goes_on;
}

static void *ticker_main(void *argument) {
    struct mi_flusher *flusher = argument;
    while (wait_tick(flusher)) {
        mi_flusher_push(flusher,
                        mi_buffers_take_old(flusher->config.buffers, clock_ns(CLOCK_MONOTONIC)));
        mi_release_collect(flusher->config.release);
    }
    return NULL;
}

/* A flush that waits for a storage that does not answer holds up no other: threads are started as
 * they are needed. Without one more, those there are will come to it. */
static void start_threads(struct mi_flusher *flusher) {
    for (size_t missing = flusher->waiting; missing > flusher->idle; missing--) {
        if (flusher->started == flusher->config.thread_count ||
            pthread_create(&flusher->threads[flusher->started], NULL, flusher_main, flusher))
            return;
        flusher->started++;
    }
}

void mi_flusher_push(struct mi_flusher *flusher, struct mi_flush *flushes) {
    if (!flushes)
        return;
    pthread_mutex_lock(&flusher->lock);
    *flusher->end = flushes;
    for (; *flusher->end; flusher->end = &(*flusher->end)->next)
        flusher->waiting++;
    start_threads(flusher);
    pthread_cond_broadcast(&flusher->changed);
    pthread_mutex_unlock(&flusher->lock);
}

struct mi_flusher *mi_flusher_start(const struct mi_flusher_config *config) {
    struct mi_flusher *flusher = calloc(1, sizeof *flusher);
    int rc = flusher ? 0 : ENOMEM;
    if (flusher) {
        flusher->config = *config;
        flusher->end = &flusher->first;
        pthread_mutex_init(&flusher->lock, NULL);
        pthread_cond_init(&flusher->changed, NULL);
        rc = pthread_create(&flusher->threads[0], NULL, flusher_main, flusher);
        flusher->started = rc == 0;
        if (rc == 0)
            rc = pthread_create(&flusher->ticker, NULL, ticker_main, flusher);
        flusher->has_ticker = rc == 0;
    }
    if (rc == 0)
        return flusher;
    fprintf(stderr, "msgpack-ingest: no thread to flush with\n");
    mi_flusher_stop(flusher);
    return NULL;
}

static void wait_until_idle(struct mi_flusher *flusher) {
    pthread_mutex_lock(&flusher->lock);
    while (flusher->started && (flusher->first || flusher->at_work))
        pthread_cond_wait(&flusher->changed, &flusher->lock);
    pthread_mutex_unlock(&flusher->lock);
}

/* What fails goes back into its buffer and is taken out again. */
static bool flush_the_rest(struct mi_flusher *flusher) {
    struct mi_flush *flushes;
    bool has_all = true;
    for (int attempt = 0; attempt < LAST_ATTEMPTS; attempt++) {
        wait_until_idle(flusher);
        mi_flusher_push(flusher, mi_buffers_take_old(flusher->config.buffers, INT64_MAX));
    }
    wait_until_idle(flusher);
    while ((flushes = mi_buffers_take_old(flusher->config.buffers, INT64_MAX))) {
        has_all = false;
        while (flushes) {
            struct mi_flush *flush = flushes;
            flushes = flush->next;
            mi_buffers_drop(flusher->config.buffers, flush);
        }
    }
    return has_all;
}

bool mi_flusher_stop(struct mi_flusher *flusher) {
    if (!flusher)
        return true;
    pthread_mutex_lock(&flusher->lock);
    flusher->is_stopping = true;
    pthread_cond_broadcast(&flusher->changed);
    pthread_mutex_unlock(&flusher->lock);
    if (flusher->has_ticker)
        pthread_join(flusher->ticker, NULL);
    bool has_all = flush_the_rest(flusher);
    pthread_mutex_lock(&flusher->lock);
    flusher->is_ending = true;
    pthread_cond_broadcast(&flusher->changed);
    pthread_mutex_unlock(&flusher->lock);
    for (unsigned i = 0; i < flusher->started; i++)
        pthread_join(flusher->threads[i], NULL);
    mi_release_collect(flusher->config.release);
    pthread_cond_destroy(&flusher->changed);
    pthread_mutex_destroy(&flusher->lock);
    free(flusher);
    return has_all;
}
