#include "watcher.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "interrupt.h"

enum { QUEUE = 512, NEWEST = 128, GAUGES_AT_ONCE = 64 };
static const double gauge_timeout_s = 1.0;

struct sm_watcher {
    const struct sm_block *const *gauges;
    size_t gauge_count;
    const struct sm_block *delivered;
    double period_s;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t stop_wanted;
    int stopping;
    struct sm_watch_value queue[QUEUE];
    size_t queued;
    struct sm_watch_value newest[NEWEST];
    size_t newest_count;
    int64_t failures;
    struct sm_error last_error;
};

static void remember(struct sm_watcher *watcher, const struct sm_watch_value *value) {
    if (watcher->queued < QUEUE)
        watcher->queue[watcher->queued++] = *value;
    for (size_t i = 0; i < watcher->newest_count; i++) {
        if (strcmp(watcher->newest[i].series, value->series) == 0) {
            watcher->newest[i] = *value;
            return;
        }
    }
    if (watcher->newest_count < NEWEST)
        watcher->newest[watcher->newest_count++] = *value;
}

static void note_failure(struct sm_watcher *watcher, const struct sm_error *err) {
    pthread_mutex_lock(&watcher->lock);
    watcher->failures++;
    watcher->last_error = *err;
    pthread_mutex_unlock(&watcher->lock);
}

static const struct sm_gauge_ops *gauge_ops(const struct sm_block *block) {
    for (const struct sm_gauge_ops *const *ops = sm_gauge_table; *ops; ops++)
        if (strcmp((*ops)->name, block->type) == 0)
            return *ops;
    return NULL;
}

static void ask_gauge(struct sm_watcher *watcher, const struct sm_block *gauge) {
    struct sm_gauge_value read[GAUGES_AT_ONCE];
    struct sm_error err = {0};
    size_t count = 0;
    const struct sm_gauge_ops *ops = gauge_ops(gauge);
    if (!ops)
        return;
    if (ops->read(gauge, gauge_timeout_s, read, GAUGES_AT_ONCE, &count, &err)) {
        note_failure(watcher, &err);
        return;
    }
    int64_t now_ns = sm_now_ns();
    pthread_mutex_lock(&watcher->lock);
    for (size_t i = 0; i < count; i++) {
        struct sm_watch_value value = {.value = read[i].value, .t_ns = now_ns};
        snprintf(value.series, sizeof value.series, "gauge:%.63s", read[i].name);
        remember(watcher, &value);
    }
    pthread_mutex_unlock(&watcher->lock);
}

static void ask_delivered(struct sm_watcher *watcher) {
    struct sm_watch_value value = {.series = "delivered"};
    struct sm_error err = {0};
    const struct sm_delivered_ops *ops = sm_delivered_ops(watcher->delivered);
    if (ops->read && ops->read(watcher->delivered, &value.value, &err)) {
        note_failure(watcher, &err);
        return;
    }
    if (!ops->read)
        value.value = sm_watcher_newest_gauge(watcher, sm_block_text(watcher->delivered, "name"));
    if (value.value < 0)
        return;
    value.t_ns = sm_now_ns();
    pthread_mutex_lock(&watcher->lock);
    remember(watcher, &value);
    pthread_mutex_unlock(&watcher->lock);
}

void sm_watcher_ask_now(struct sm_watcher *watcher) {
    for (size_t i = 0; i < watcher->gauge_count; i++)
        ask_gauge(watcher, watcher->gauges[i]);
}

/* Waits for the next period or the end; returns whether to go on. */
static int wait_period(struct sm_watcher *watcher, int64_t until_ns) {
    const struct timespec until = sm_timespec(until_ns);
    int rc = 0;
    pthread_mutex_lock(&watcher->lock);
    while (!watcher->stopping && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&watcher->stop_wanted, &watcher->lock, &until);
    int go_on = !watcher->stopping;
    pthread_mutex_unlock(&watcher->lock);
    return go_on;
}

static void *watch(void *argument) {
    struct sm_watcher *watcher = argument;
    int64_t next_ns = sm_now_ns();
    do {
        sm_watcher_ask_now(watcher);
        if (watcher->delivered)
            ask_delivered(watcher);
        next_ns += (int64_t)(watcher->period_s * 1e9);
        if (next_ns < sm_now_ns())
            next_ns = sm_now_ns() + (int64_t)(watcher->period_s * 1e9);
    } while (wait_period(watcher, next_ns));
    return NULL;
}

int sm_watcher_start(const struct sm_block *const *gauges, size_t gauge_count,
                     const struct sm_block *delivered, double period_s,
                     struct sm_watcher **ret_watcher, struct sm_error *err) {
    struct sm_watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    watcher->gauges = gauges;
    watcher->gauge_count = gauge_count;
    watcher->delivered = delivered;
    watcher->period_s = period_s;
    pthread_mutex_init(&watcher->lock, NULL);
    sm_cond_init(&watcher->stop_wanted);
    int rc = sm_interrupt_start_thread(&watcher->thread, watch, watcher);
    if (rc) {
        pthread_cond_destroy(&watcher->stop_wanted);
        pthread_mutex_destroy(&watcher->lock);
        free(watcher);
        return sm_error_errno(err, rc, NULL, NULL, "the watching thread cannot be started");
    }
    *ret_watcher = watcher;
    return 0;
}

size_t sm_watcher_take(struct sm_watcher *watcher, struct sm_watch_value *values, size_t capacity) {
    pthread_mutex_lock(&watcher->lock);
    size_t count = watcher->queued < capacity ? watcher->queued : capacity;
    memcpy(values, watcher->queue, count * sizeof *values);
    watcher->queued -= count;
    memmove(watcher->queue, watcher->queue + count, watcher->queued * sizeof *values);
    pthread_mutex_unlock(&watcher->lock);
    return count;
}

double sm_watcher_newest_gauge(struct sm_watcher *watcher, const char *name) {
    char series[sizeof watcher->newest->series];
    snprintf(series, sizeof series, "gauge:%s", name);
    return sm_watcher_newest(watcher, series);
}

double sm_watcher_newest(struct sm_watcher *watcher, const char *series) {
    double value = -1;
    pthread_mutex_lock(&watcher->lock);
    for (size_t i = 0; i < watcher->newest_count; i++)
        if (strcmp(watcher->newest[i].series, series) == 0)
            value = watcher->newest[i].value;
    pthread_mutex_unlock(&watcher->lock);
    return value;
}

int64_t sm_watcher_failures(struct sm_watcher *watcher, struct sm_error *ret_last) {
    pthread_mutex_lock(&watcher->lock);
    int64_t failures = watcher->failures;
    if (ret_last)
        *ret_last = watcher->last_error;
    pthread_mutex_unlock(&watcher->lock);
    return failures;
}

void sm_watcher_stop(struct sm_watcher *watcher) {
    if (!watcher)
        return;
    pthread_mutex_lock(&watcher->lock);
    watcher->stopping = 1;
    pthread_cond_signal(&watcher->stop_wanted);
    pthread_mutex_unlock(&watcher->lock);
    pthread_join(watcher->thread, NULL);
    pthread_cond_destroy(&watcher->stop_wanted);
    pthread_mutex_destroy(&watcher->lock);
    free(watcher);
}
