#include "channel.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "monotonic.h"
#include "spillmark_mark.h"

/* What the channel holds is work in flight. */
SPILLMARK_MARK(in_channel, "log entries in the channel");

struct lb_channel {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct lb_entry *first, **end; /* what waits to be taken */
    size_t waiting;                /* entries in that list */
    size_t enough;                 /* the receiver sleeps until so many wait */
    size_t capacity;               /* 0 = unbounded */
    bool is_closed;
    struct lb_channel_stats stats;
};

struct lb_channel *lb_channel_create(size_t capacity) {
    struct lb_channel *channel = calloc(1, sizeof *channel);
    if (!channel)
        return NULL;
    monotonic_cond_init(&channel->arrived);
    pthread_mutex_init(&channel->lock, NULL);
    channel->end = &channel->first;
    channel->capacity = capacity;
    channel->enough = SIZE_MAX;
    return channel;
}

static size_t entry_bytes(const struct lb_entry *entry) {
    return sizeof *entry + entry->source_bytes + entry->level_bytes + entry->message_bytes;
}

/* Frees `count` entries of *list at the most and returns their bytes. */
static size_t free_entries(struct lb_entry **list, size_t count) {
    size_t bytes = 0;
    for (; count && *list; count--) {
        struct lb_entry *entry = *list;
        *list = entry->next;
        bytes += entry_bytes(entry);
        free(entry);
    }
    return bytes;
}

void lb_channel_free(struct lb_channel *channel) {
    if (!channel)
        return;
    free_entries(&channel->first, SIZE_MAX);
    pthread_cond_destroy(&channel->arrived);
    pthread_mutex_destroy(&channel->lock);
    free(channel);
}

static int64_t wall_clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Counts an arrival and takes a place for it; false when it has to be dropped. */
static bool reserve(struct lb_channel *channel, size_t bytes) {
    pthread_mutex_lock(&channel->lock);
    struct lb_channel_stats *stats = &channel->stats;
    bool has_room = !channel->capacity || stats->queued < channel->capacity;
    stats->received++;
    if (has_room) {
        stats->queued++;
        stats->queued_bytes += bytes;
    } else {
        stats->dropped++;
    }
    pthread_mutex_unlock(&channel->lock);
    if (has_room)
        spillmark_mark_add(&in_channel, bytes, 1);
    return has_room;
}

static void unreserve(struct lb_channel *channel, size_t bytes) {
    pthread_mutex_lock(&channel->lock);
    channel->stats.queued--;
    channel->stats.queued_bytes -= bytes;
    channel->stats.dropped++;
    pthread_mutex_unlock(&channel->lock);
    spillmark_mark_sub(&in_channel, bytes, 1);
}

static void append(struct lb_channel *channel, struct lb_entry *entry) {
    pthread_mutex_lock(&channel->lock);
    *channel->end = entry;
    channel->end = &entry->next;
    /* One wake-up a batch, not one an entry. */
    if (++channel->waiting == channel->enough)
        pthread_cond_signal(&channel->arrived);
    pthread_mutex_unlock(&channel->lock);
}

bool lb_channel_send(struct lb_channel *channel, struct lb_text source, struct lb_text level,
                     struct lb_text message) {
    size_t bytes = sizeof(struct lb_entry) + source.length + level.length + message.length;
    if (!reserve(channel, bytes))
        return false;
    struct lb_entry *entry = malloc(bytes);
    if (!entry) {
        unreserve(channel, bytes);
        return false;
    }
    entry->next = NULL;
    entry->time_ms = wall_clock_ms();
    entry->source_bytes = (uint32_t)source.length;
    entry->level_bytes = (uint32_t)level.length;
    entry->message_bytes = (uint32_t)message.length;
    memcpy(entry->texts, source.bytes, source.length);
    memcpy(entry->texts + source.length, level.bytes, level.length);
    memcpy(entry->texts + source.length + level.length, message.bytes, message.length);
    append(channel, entry);
    return true;
}

void lb_channel_close(struct lb_channel *channel) {
    pthread_mutex_lock(&channel->lock);
    channel->is_closed = true;
    pthread_cond_signal(&channel->arrived);
    pthread_mutex_unlock(&channel->lock);
}

bool lb_channel_is_closed(struct lb_channel *channel) {
    pthread_mutex_lock(&channel->lock);
    bool is_closed = channel->is_closed;
    pthread_mutex_unlock(&channel->lock);
    return is_closed;
}

struct lb_entry *lb_channel_take(struct lb_channel *channel, size_t enough, int64_t deadline_ns,
                                 bool *ret_is_last) {
    struct timespec deadline = {.tv_sec = deadline_ns / 1000000000,
                                .tv_nsec = deadline_ns % 1000000000};
    pthread_mutex_lock(&channel->lock);
    channel->enough = enough;
    while (channel->waiting < enough && !channel->is_closed) {
        if (pthread_cond_timedwait(&channel->arrived, &channel->lock, &deadline))
            break;
    }
    struct lb_entry *list = channel->first;
    channel->first = NULL;
    channel->end = &channel->first;
    channel->waiting = 0;
    *ret_is_last = channel->is_closed;
    pthread_mutex_unlock(&channel->lock);
    return list;
}

void lb_channel_committed(struct lb_channel *channel, struct lb_entry **list, size_t count) {
    size_t bytes = free_entries(list, count);
    pthread_mutex_lock(&channel->lock);
    channel->stats.queued -= count;
    channel->stats.queued_bytes -= bytes;
    channel->stats.flushed += count;
    pthread_mutex_unlock(&channel->lock);
    spillmark_mark_sub(&in_channel, bytes, count);
}

void lb_channel_lost(struct lb_channel *channel, struct lb_entry **list, size_t count) {
    size_t bytes = free_entries(list, count);
    pthread_mutex_lock(&channel->lock);
    channel->stats.queued -= count;
    channel->stats.queued_bytes -= bytes;
    channel->stats.lost += count;
    pthread_mutex_unlock(&channel->lock);
    spillmark_mark_sub(&in_channel, bytes, count);
}

struct lb_channel_stats lb_channel_stats(struct lb_channel *channel) {
    pthread_mutex_lock(&channel->lock);
    struct lb_channel_stats stats = channel->stats;
    pthread_mutex_unlock(&channel->lock);
    return stats;
}
