#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "monotonic.h"

enum { NS_PER_S = 1000000000 };

struct fh_channel {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    struct fh_item *head, **tail;
    size_t length, capacity;
    bool is_closed;
};

int64_t fh_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

struct fh_channel *fh_channel_create(size_t capacity) {
    struct fh_channel *channel = calloc(1, sizeof *channel);
    if (!channel)
        return NULL;
    pthread_mutex_init(&channel->lock, NULL);
    monotonic_cond_init(&channel->changed);
    channel->tail = &channel->head;
    channel->capacity = capacity;
    return channel;
}

void fh_channel_free(struct fh_channel *channel) {
    if (!channel)
        return;
    pthread_cond_destroy(&channel->changed);
    pthread_mutex_destroy(&channel->lock);
    free(channel);
}

static bool is_full(const struct fh_channel *channel) {
    return channel->capacity && channel->length >= channel->capacity;
}

bool fh_channel_send(struct fh_channel *channel, struct fh_item *item) {
    pthread_mutex_lock(&channel->lock);
    while (!channel->is_closed && is_full(channel))
        pthread_cond_wait(&channel->changed, &channel->lock);
    bool is_open = !channel->is_closed;
    if (is_open) {
        item->next = NULL;
        *channel->tail = item;
        channel->tail = &item->next;
        channel->length++;
        pthread_cond_broadcast(&channel->changed);
    }
    pthread_mutex_unlock(&channel->lock);
    return is_open;
}

/* With the lock held. False at the deadline. */
static bool wait_for_change(struct fh_channel *channel, int64_t deadline_ns) {
    if (deadline_ns == INT64_MAX)
        return pthread_cond_wait(&channel->changed, &channel->lock) == 0;
    struct timespec deadline = {.tv_sec = deadline_ns / NS_PER_S,
                                .tv_nsec = deadline_ns % NS_PER_S};
    return pthread_cond_timedwait(&channel->changed, &channel->lock, &deadline) != ETIMEDOUT;
}

struct fh_item *fh_channel_receive(struct fh_channel *channel, int64_t deadline_ns) {
    pthread_mutex_lock(&channel->lock);
    while (!channel->head && !channel->is_closed && wait_for_change(channel, deadline_ns))
        continue;
    struct fh_item *item = channel->head;
    if (item) {
        channel->head = item->next;
        if (!channel->head)
            channel->tail = &channel->head;
        channel->length--;
        pthread_cond_broadcast(&channel->changed);
    }
    pthread_mutex_unlock(&channel->lock);
    return item;
}

void fh_channel_close(struct fh_channel *channel) {
    pthread_mutex_lock(&channel->lock);
    channel->is_closed = true;
    pthread_cond_broadcast(&channel->changed);
    pthread_mutex_unlock(&channel->lock);
}

bool fh_channel_is_done(struct fh_channel *channel) {
    pthread_mutex_lock(&channel->lock);
    bool is_done = channel->is_closed && !channel->head;
    pthread_mutex_unlock(&channel->lock);
    return is_done;
}
