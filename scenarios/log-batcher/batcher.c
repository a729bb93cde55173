#include "batcher.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BATCH_ENTRIES = 10000,
    TICK_NS = 100000000,
    LAST_ATTEMPTS = 3, /* at a failing store, once the channel is closed */
};

struct lb_batcher {
    struct lb_channel *channel;
    struct lb_store *store;
    pthread_t thread;
    atomic_uint_fast64_t flushes;
    uint64_t dropped_told;  /* drops that a warning has spoken of */
    unsigned failures;      /* in a row */
    unsigned last_attempts; /* that failed since the channel was closed */
};

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* At most one line a tick, however many entries are dropped. */
static void warn_of_drops(struct lb_batcher *batcher) {
    uint64_t dropped = lb_channel_stats(batcher->channel).dropped;
    if (dropped > batcher->dropped_told)
        fprintf(stderr,
                "log-batcher: the channel is full: %" PRIu64 " entries dropped, %" PRIu64
                " in total\n",
                dropped - batcher->dropped_told, dropped);
    batcher->dropped_told = dropped;
}

/* Writes one batch from the head of the list. False when the store failed. */
static bool flush(struct lb_batcher *batcher, struct lb_entry **list) {
    long written = lb_store_write(batcher->store, *list, BATCH_ENTRIES);
    if (written < 0) {
        if (batcher->failures++ == 0)
            fprintf(stderr, "log-batcher: cannot write, will try again: %s\n",
                    lb_store_problem(batcher->store));
        return false;
    }
    if (batcher->failures) {
        fprintf(stderr, "log-batcher: writing again after %u failures\n", batcher->failures);
        batcher->failures = 0;
    }
    atomic_fetch_add(&batcher->flushes, 1);
    lb_channel_committed(batcher->channel, list, (size_t)written);
    lb_store_tidy(batcher->store);
    return true;
}

static void give_up(struct lb_batcher *batcher, struct lb_entry **list) {
    size_t count = 0;
    for (const struct lb_entry *entry = *list; entry; entry = entry->next)
        count++;
    lb_channel_lost(batcher->channel, list, count);
    fprintf(stderr, "log-batcher: %zu entries lost: %s\n", count, lb_store_problem(batcher->store));
}

static void sleep_until(int64_t deadline_ns) {
    struct timespec deadline = {.tv_sec = deadline_ns / 1000000000,
                                .tv_nsec = deadline_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL))
        continue;
}

/* Writes the whole list, in batches. What a failing store does not take stays in it, until the
 * daemon is to stop and has tried often enough. */
static void flush_all(struct lb_batcher *batcher, struct lb_entry **list) {
    while (*list && flush(batcher, list))
        warn_of_drops(batcher);
    if (*list && lb_channel_is_closed(batcher->channel) &&
        ++batcher->last_attempts >= LAST_ATTEMPTS)
        give_up(batcher, list);
}

static void *batcher_main(void *argument) {
    struct lb_batcher *batcher = argument;
    struct lb_entry *list = NULL;
    bool is_last = false;
    while (!is_last || list) {
        int64_t tick_ns = now_ns() + TICK_NS;
        if (list) /* the store failed: leave new entries in the channel, try again next tick */
            sleep_until(tick_ns);
        else
            list = lb_channel_take(batcher->channel, BATCH_ENTRIES, tick_ns, &is_last);
        flush_all(batcher, &list);
        warn_of_drops(batcher);
    }
    return NULL;
}

struct lb_batcher *lb_batcher_start(struct lb_channel *channel, struct lb_store *store) {
    struct lb_batcher *batcher = calloc(1, sizeof *batcher);
    if (!batcher) {
        fprintf(stderr, "log-batcher: no memory\n");
        return NULL;
    }
    batcher->channel = channel;
    batcher->store = store;
    int error = pthread_create(&batcher->thread, NULL, batcher_main, batcher);
    if (error) {
        fprintf(stderr, "log-batcher: cannot start a thread: %s\n", strerror(error));
        free(batcher);
        return NULL;
    }
    return batcher;
}

uint64_t lb_batcher_flushes(const struct lb_batcher *batcher) {
    return atomic_load(&batcher->flushes);
}

bool lb_batcher_stop(struct lb_batcher *batcher) {
    if (!batcher)
        return true;
    lb_channel_close(batcher->channel);
    pthread_join(batcher->thread, NULL);
    bool is_complete = lb_channel_stats(batcher->channel).lost == 0;
    free(batcher);
    return is_complete;
}
