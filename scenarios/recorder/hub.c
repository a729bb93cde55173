#include "hub.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Of the limit, what is left free by a server that makes room before it takes a message: 20 %. */
enum { HEADROOM_PART = 5 };

struct rc_reader {
    struct rc_hub *hub;
    struct rpc_call *call;
    struct rc_channel *history; /* what was there before it came; nothing is dropped from it */
    struct rc_channel *channel;
    struct rc_message *sending;
    struct rc_reader *next;
};

struct rc_hub {
    const struct rc_options *options;
    struct rc_figures *figures;
    struct rc_buffer *buffer;
    struct rc_reader *readers;
    size_t alive_bytes; /* of messages that anybody in this process holds */
};

struct rc_hub *rc_hub_create(const struct rc_options *options, struct rc_figures *figures) {
    struct rc_hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return NULL;
    hub->options = options;
    hub->figures = figures;
    hub->buffer = rc_buffer_create();
    if (!hub->buffer) {
        free(hub);
        return NULL;
    }
    return hub;
}

/* What the server says of itself. What only channels hold is in nobody's account, unless it is
 * tracked. */
static void tell(struct rc_hub *hub) {
    size_t held_bytes = rc_buffer_bytes(hub->buffer);
    size_t loose_bytes = hub->alive_bytes - held_bytes;
    bool is_tracked = hub->options->in_flight == RC_IN_FLIGHT_TRACKED;
    rc_figure_set(hub->figures, RC_SERVER_HELD_BYTES, (int64_t)held_bytes);
    rc_figure_peak(hub->figures, RC_SERVER_HELD_PEAK_BYTES, (int64_t)held_bytes);
    rc_figure_set(hub->figures, RC_SERVER_ALIVE_BYTES, (int64_t)hub->alive_bytes);
    rc_figure_peak(hub->figures, RC_SERVER_ALIVE_PEAK_BYTES, (int64_t)hub->alive_bytes);
    rc_figure_set(hub->figures, RC_ACCOUNT_SERVER_BYTES, (int64_t)held_bytes);
    rc_figure_set(hub->figures, RC_ACCOUNT_IN_FLIGHT_BYTES, is_tracked ? (int64_t)loose_bytes : 0);
}

static void gone(void *context, const struct rc_message *message) {
    struct rc_hub *hub = context;
    hub->alive_bytes -= message->bytes;
    rc_fate_hold(hub->figures, message->id, -(int64_t)message->bytes);
}

struct rc_message_owner rc_hub_owner(struct rc_hub *hub) {
    return (struct rc_message_owner){gone, hub};
}

void rc_hub_free(struct rc_hub *hub) {
    if (!hub)
        return;
    rc_buffer_free(hub->buffer);
    free(hub);
}

/* It will not reach a viewer, and nobody is told. */
static void lose(struct rc_hub *hub, const struct rc_message *message) {
    rc_fate_failed(hub->figures, message->id);
    rc_figure_add(hub->figures, RC_WITNESS_LOST_ROWS, (int64_t)message->rows);
}

static void pump(struct rc_reader *reader) {
    if (reader->sending || rpc_is_cancelled(reader->call))
        return;
    reader->sending = rc_channel_pop(reader->history);
    if (!reader->sending)
        reader->sending = rc_channel_pop(reader->channel);
    if (reader->sending)
        rpc_send(reader->call, rc_message_wire(reader->sending));
}

static void collected(void *context, const struct rc_kept *kept) {
    struct rc_hub *hub = context;
    rc_figure_add(hub->figures, RC_SERVER_COLLECTED_BYTES, (int64_t)kept->message->bytes);
    if (kept->was_passed_on)
        return;
    if (hub->options->collection == RC_COLLECTION_EARLY) {
        rc_fate_failed(hub->figures, kept->message->id);
        rc_figure_add(hub->figures, RC_SERVER_DROPPED_ROWS, (int64_t)kept->message->rows);
        fprintf(stderr, "recorder: server: %" PRIu64 " rows dropped that no viewer has seen\n",
                kept->message->rows);
    } else {
        lose(hub, kept->message);
    }
}

static void collect(struct rc_hub *hub, size_t max_bytes) {
    rc_buffer_collect(hub->buffer, max_bytes, hub->options->in_flight == RC_IN_FLIGHT_TRACKED,
                      collected, hub);
}

/* A clone for each viewer. Where only slots are counted, a viewer that is behind misses its oldest
 * message without a word. */
static void broadcast(struct rc_hub *hub, struct rc_message *message) {
    for (struct rc_reader *reader = hub->readers; reader; reader = reader->next) {
        if (!rc_channel_has_room(reader->channel, message->bytes)) {
            struct rc_message *oldest = rc_channel_pop(reader->channel);
            lose(hub, oldest);
            rc_fate_leave(hub->figures, oldest->id);
            rc_message_unref(oldest);
        }
        rc_fate_enter(hub->figures, message->id);
        rc_channel_push(reader->channel, rc_message_ref(message));
        pump(reader);
    }
}

static bool has_room(const struct rc_hub *hub, size_t bytes) {
    for (const struct rc_reader *reader = hub->readers; reader; reader = reader->next) {
        if (!rc_channel_has_room(reader->channel, bytes))
            return false;
    }
    return true;
}

/* Makes room for a message that is not kept yet; what it and others on their way take counts, where
 * that is tracked. */
static enum rc_outcome make_room(struct rc_hub *hub, size_t bytes, size_t most_bytes) {
    size_t loose_bytes = hub->alive_bytes - rc_buffer_bytes(hub->buffer);
    size_t others_bytes = hub->options->in_flight == RC_IN_FLIGHT_TRACKED ? loose_bytes - bytes : 0;
    if (rc_buffer_persistent_bytes(hub->buffer) + bytes > most_bytes)
        return RC_TOO_LARGE;
    size_t needed_bytes = bytes + others_bytes;
    collect(hub, needed_bytes < most_bytes ? most_bytes - needed_bytes : 0);
    return rc_buffer_bytes(hub->buffer) + needed_bytes > most_bytes ? RC_PRESSURE : RC_TAKEN;
}

static void keep(struct rc_hub *hub, struct rc_message *message) {
    bool is_late = hub->options->collection == RC_COLLECTION_LATE;
    broadcast(hub, message);
    if (is_late) /* the message itself is not in the buffer yet: nothing makes room for it */
        collect(hub, (size_t)hub->options->server_limit_bytes);
    rc_fate_leave(hub->figures, message->id);
    rc_buffer_add(hub->buffer, message, hub->readers != NULL);
}

bool rc_hub_offer(struct rc_hub *hub, struct rc_message *message, enum rc_outcome *ret_outcome,
                  size_t *ret_limit_bytes) {
    size_t limit_bytes = (size_t)hub->options->server_limit_bytes;
    size_t most_bytes = limit_bytes - limit_bytes / HEADROOM_PART;
    enum rc_outcome outcome = RC_TAKEN;
    if (!rc_channel_takes(hub->options, message->bytes)) {
        outcome = RC_TOO_LARGE;
        most_bytes = rc_channel_most(hub->options);
    } else if (hub->options->queues != RC_QUEUES_SLOTS && !has_room(hub, message->bytes)) {
        return false;
    } else if (hub->options->collection == RC_COLLECTION_EARLY) {
        outcome = make_room(hub, message->bytes, most_bytes);
    }
    if (outcome == RC_TAKEN)
        keep(hub, message);
    else
        rc_message_unref(message);
    tell(hub);
    *ret_outcome = outcome;
    *ret_limit_bytes = most_bytes;
    return true;
}

void rc_hub_arrived(struct rc_hub *hub, const struct rc_message *message) {
    hub->alive_bytes += message->bytes;
    rc_fate_hold(hub->figures, message->id, (int64_t)message->bytes);
    rc_figure_add(hub->figures, RC_SERVER_MESSAGES, 1);
    tell(hub);
}

static void remember(void *context, struct rc_message *message) {
    struct rc_reader *reader = context;
    rc_fate_enter(reader->hub->figures, message->id);
    rc_channel_push(reader->history, rc_message_ref(message));
}

struct rc_reader *rc_reader_create(struct rc_hub *hub, struct rpc_call *call) {
    struct rc_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return NULL;
    *reader = (struct rc_reader){.hub = hub, .call = call, .next = hub->readers};
    reader->history = rc_channel_create(hub->options);
    reader->channel = rc_channel_create(hub->options);
    if (!reader->history || !reader->channel) {
        rc_channel_free(reader->history);
        rc_channel_free(reader->channel);
        free(reader);
        return NULL;
    }
    hub->readers = reader;
    rc_buffer_pass_on(hub->buffer, remember, reader);
    rc_figure_add(hub->figures, RC_VIEWERS, 1);
    pump(reader);
    return reader;
}

void rc_reader_sent(struct rc_reader *reader) {
    rc_message_unref(reader->sending);
    reader->sending = NULL;
    pump(reader);
    tell(reader->hub);
}

static void abandon(struct rc_hub *hub, struct rc_message *message) {
    rc_fate_failed(hub->figures, message->id);
    rc_fate_leave(hub->figures, message->id);
    rc_message_unref(message);
}

void rc_reader_free(struct rc_reader *reader) {
    if (!reader)
        return;
    struct rc_hub *hub = reader->hub;
    struct rc_message *message;
    for (struct rc_reader **at = &hub->readers; *at; at = &(*at)->next) {
        if (*at == reader) {
            *at = reader->next;
            break;
        }
    }
    if (reader->sending)
        abandon(hub, reader->sending);
    while ((message = rc_channel_pop(reader->history)) ||
           (message = rc_channel_pop(reader->channel)))
        abandon(hub, message);
    rc_channel_free(reader->history);
    rc_channel_free(reader->channel);
    rc_figure_add(hub->figures, RC_VIEWERS, -1);
    free(reader);
    tell(hub);
}
