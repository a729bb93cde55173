#include "channel.h"

#include <stdlib.h>

enum {
    LIMIT_SHARE = 4, /* channels bounded by bytes have this part of the server's limit */
    SLOTS = 1024,    /* those bounded by messages */
};

struct item {
    struct rc_message *message;
    struct item *next;
};

struct rc_channel {
    const struct rc_options *options;
    struct item *first, *last;
    size_t count, bytes;
};

struct rc_channel *rc_channel_create(const struct rc_options *options) {
    struct rc_channel *channel = calloc(1, sizeof *channel);
    if (channel)
        channel->options = options;
    return channel;
}

void rc_channel_free(struct rc_channel *channel) {
    if (!channel)
        return;
    struct rc_message *message;
    while ((message = rc_channel_pop(channel)))
        rc_message_unref(message);
    free(channel);
}

size_t rc_channel_most(const struct rc_options *options) {
    return (size_t)options->server_limit_bytes / LIMIT_SHARE;
}

bool rc_channel_takes(const struct rc_options *options, size_t bytes) {
    return options->queues != RC_QUEUES_BYTES || bytes <= rc_channel_most(options);
}

bool rc_channel_has_room(const struct rc_channel *channel, size_t bytes) {
    const struct rc_options *options = channel->options;
    bool has_slot = channel->count < SLOTS;
    switch ((enum rc_queues)options->queues) {
    case RC_QUEUES_BYTES:
        return channel->bytes + bytes <= rc_channel_most(options);
    case RC_QUEUES_BOTH:
        return channel->count == 0 ||
               (has_slot && channel->bytes + bytes <= (size_t)options->queue_max_bytes);
    default:
        return has_slot;
    }
}

bool rc_channel_push(struct rc_channel *channel, struct rc_message *message) {
    struct item *item = malloc(sizeof *item);
    if (!item) {
        rc_message_unref(message);
        return false;
    }
    *item = (struct item){message, NULL};
    if (channel->last)
        channel->last->next = item;
    else
        channel->first = item;
    channel->last = item;
    channel->count++;
    channel->bytes += message->bytes;
    return true;
}

struct rc_message *rc_channel_pop(struct rc_channel *channel) {
    struct item *item = channel->first;
    if (!item)
        return NULL;
    struct rc_message *message = item->message;
    channel->first = item->next;
    if (!channel->first)
        channel->last = NULL;
    channel->count--;
    channel->bytes -= message->bytes;
    free(item);
    return message;
}
