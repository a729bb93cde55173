#include "sender.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "channel.h"
#include "monotonic.h"
#include "rpc_client.h"
#include "spillmark_mark.h"
#include "wire.h"

enum {
    ASK_AGAIN_MS = 20, /* where nobody tells when there is room again */
    RELIEF_MS = 1000,  /* how long to wait for that word */
};

SPILLMARK_MARK(queue_mark, "rows in the SDK's queue");

/* A caller that waits for the server's word on its message. */
struct ticket {
    uint64_t id;
    int result; /* 1 = not known yet */
    uint64_t limit_bytes;
    struct ticket *next;
};

struct rc_sender {
    const struct rc_options *options;
    struct rc_figures *figures;
    struct rpc_client *client;
    struct rpc_stream *stream;
    uint64_t server_limit_bytes;
    pthread_t thread, listener;
    bool has_thread, has_listener;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    struct rc_channel *queue;
    struct ticket *tickets;
    uint64_t last_id, reply_id, reply_limit_bytes;
    enum rc_outcome reply;
    bool is_relieved, is_stopping, is_broken;
};

static void gone(void *context, const struct rc_message *message) {
    struct rc_sender *sender = context;
    rc_figure_add(sender->figures, RC_ACCOUNT_SDK_BYTES, -(int64_t)message->bytes);
    rc_fate_hold(sender->figures, message->id, -(int64_t)message->bytes);
}

static bool is_over(const struct rc_sender *sender) {
    return sender->is_stopping || sender->is_broken;
}

/* Tells the caller, if one waits, and otherwise counts and tells what will not arrive. */
static void settle(struct rc_sender *sender, const struct rc_message *message, int result,
                   uint64_t limit_bytes) {
    struct ticket *ticket = sender->tickets;
    while (ticket && ticket->id != message->id)
        ticket = ticket->next;
    if (ticket) {
        ticket->result = result;
        ticket->limit_bytes = limit_bytes;
    }
    if (result) {
        rc_fate_failed(sender->figures, message->id);
        rc_fate_leave(sender->figures, message->id);
    }
    if (result && !ticket) {
        rc_figure_add(sender->figures, RC_SDK_DROPPED_ROWS, (int64_t)message->rows);
        fprintf(stderr, "recorder: sdk: %" PRIu64 " rows dropped: %s\n", message->rows,
                result == -EMSGSIZE ? "the server has no room for so many at once"
                                    : "the server is gone");
    }
    pthread_cond_broadcast(&sender->changed);
}

static void wait_ms(struct rc_sender *sender, int64_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&sender->changed, &sender->lock, &until);
}

/* The server has no room now. */
static void hold_back(struct rc_sender *sender) {
    rc_figure_add(sender->figures, RC_SDK_RESENT, 1);
    if (sender->options->pressure != RC_PRESSURE_SIGNAL) {
        wait_ms(sender, ASK_AGAIN_MS);
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    time_t until_s = now.tv_sec + RELIEF_MS / 1000;
    rc_figure_add(sender->figures, RC_SDK_PAUSES, 1);
    while (!sender->is_relieved && !is_over(sender) && now.tv_sec <= until_s) {
        wait_ms(sender, RELIEF_MS);
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    sender->is_relieved = false;
}

/* Sends it once, and waits for the reply if it wants one. Under the lock, which it lets go of. */
static int send_once(struct rc_sender *sender, const struct rc_message *message) {
    sender->reply_id = 0;
    pthread_mutex_unlock(&sender->lock);
    bool is_sent = rpc_stream_send(sender->stream, rc_message_wire(message));
    pthread_mutex_lock(&sender->lock);
    if (!is_sent)
        sender->is_broken = true;
    while (message->wants_reply && !is_over(sender) && sender->reply_id != message->id)
        pthread_cond_wait(&sender->changed, &sender->lock);
    if (sender->is_broken || (message->wants_reply && sender->reply_id != message->id))
        return -EPIPE;
    if (!message->wants_reply || sender->reply == RC_TAKEN)
        return 0;
    return sender->reply == RC_PRESSURE ? -EAGAIN : -EMSGSIZE;
}

static void send_message(struct rc_sender *sender, struct rc_message *message) {
    int result;
    while ((result = send_once(sender, message)) == -EAGAIN && !is_over(sender))
        hold_back(sender);
    settle(sender, message, result == -EAGAIN ? -EPIPE : result, sender->reply_limit_bytes);
    spillmark_mark_sub(&queue_mark, message->bytes, message->rows);
    rc_message_unref(message);
}

static void *send_all(void *context) {
    struct rc_sender *sender = context;
    pthread_mutex_lock(&sender->lock);
    while (!is_over(sender)) {
        struct rc_message *message = rc_channel_pop(sender->queue);
        pthread_cond_broadcast(&sender->changed);
        if (message)
            send_message(sender, message);
        else
            pthread_cond_wait(&sender->changed, &sender->lock);
    }
    struct rc_message *rest;
    while ((rest = rc_channel_pop(sender->queue))) {
        settle(sender, rest, -EPIPE, 0);
        spillmark_mark_sub(&queue_mark, rest->bytes, rest->rows);
        rc_message_unref(rest);
    }
    pthread_mutex_unlock(&sender->lock);
    return NULL;
}

static void *listen_to_server(void *context) {
    struct rc_sender *sender = context;
    uint64_t fields[RC_REPLY_FIELDS];
    grpc_byte_buffer *wire;
    while ((wire = rpc_stream_receive(sender->stream))) {
        bool is_reply = rc_wire_read_numbers(wire, fields, RC_REPLY_FIELDS);
        grpc_byte_buffer_destroy(wire);
        if (!is_reply)
            continue;
        pthread_mutex_lock(&sender->lock);
        if (fields[RC_REPLY_OUTCOME] == RC_RELIEF) {
            sender->is_relieved = true;
        } else {
            sender->reply_id = fields[RC_REPLY_ID];
            sender->reply = (enum rc_outcome)fields[RC_REPLY_OUTCOME];
            sender->reply_limit_bytes = fields[RC_REPLY_LIMIT];
        }
        pthread_cond_broadcast(&sender->changed);
        pthread_mutex_unlock(&sender->lock);
    }
    pthread_mutex_lock(&sender->lock);
    sender->is_broken = true;
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
    return NULL;
}

static bool ask_for_limit(struct rc_sender *sender) {
    char details[160];
    struct rpc_stream *stream = rpc_stream_open(sender->client, "/recorder.v1.Recorder/Info");
    if (!stream)
        return false;
    uint64_t nothing = 0;
    if (rpc_stream_send(stream, rc_wire_numbers(&nothing, 1)))
        rpc_stream_end(stream);
    grpc_byte_buffer *reply = rpc_stream_receive(stream);
    bool is_known = reply && rc_wire_read_numbers(reply, &sender->server_limit_bytes, 1);
    if (reply)
        grpc_byte_buffer_destroy(reply);
    grpc_status_code status = rpc_stream_close(stream, details, sizeof details);
    if (!is_known)
        fprintf(stderr, "recorder: sdk: the server does not tell its limit: %d %s\n", (int)status,
                details);
    return is_known;
}

static bool connect_to_server(struct rc_sender *sender) {
    sender->client = rpc_client_create(sender->options->listen);
    if (!sender->client || !ask_for_limit(sender))
        return false;
    sender->stream = rpc_stream_open(sender->client, "/recorder.v1.Recorder/WriteMessages");
    if (!sender->stream)
        return false;
    sender->has_thread = pthread_create(&sender->thread, NULL, send_all, sender) == 0;
    sender->has_listener = sender->has_thread &&
                           pthread_create(&sender->listener, NULL, listen_to_server, sender) == 0;
    return sender->has_listener;
}

struct rc_sender *rc_sender_start(const struct rc_options *options, struct rc_figures *figures) {
    struct rc_sender *sender = calloc(1, sizeof *sender);
    if (!sender) {
        fprintf(stderr, "recorder: sdk: no memory\n");
        return NULL;
    }
    sender->options = options;
    sender->figures = figures;
    monotonic_cond_init(&sender->changed);
    pthread_mutex_init(&sender->lock, NULL);
    sender->queue = rc_channel_create(options);
    if (sender->queue && connect_to_server(sender))
        return sender;
    fprintf(stderr, "recorder: sdk: cannot start\n");
    rc_sender_free(sender);
    return NULL;
}

void rc_sender_stop(struct rc_sender *sender) {
    pthread_mutex_lock(&sender->lock);
    sender->is_stopping = true;
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
    if (sender->stream)
        rpc_stream_cancel(sender->stream);
}

void rc_sender_free(struct rc_sender *sender) {
    if (!sender)
        return;
    char details[160];
    rc_sender_stop(sender);
    if (sender->has_thread)
        pthread_join(sender->thread, NULL);
    if (sender->has_listener)
        pthread_join(sender->listener, NULL);
    if (sender->stream)
        rpc_stream_close(sender->stream, details, sizeof details);
    rpc_client_free(sender->client);
    rc_channel_free(sender->queue);
    pthread_cond_destroy(&sender->changed);
    pthread_mutex_destroy(&sender->lock);
    free(sender);
}

uint64_t rc_sender_server_limit(const struct rc_sender *sender) {
    return sender->server_limit_bytes;
}

static struct rc_message *make(struct rc_sender *sender, const struct rc_message *fields,
                               void *payload, bool waits_for_reply) {
    struct rc_message named = *fields;
    pthread_mutex_lock(&sender->lock);
    named.id = ++sender->last_id;
    pthread_mutex_unlock(&sender->lock);
    named.wants_reply = waits_for_reply || sender->options->pressure == RC_PRESSURE_SIGNAL;
    struct rc_message_owner owner = {gone, sender};
    struct rc_message *message = rc_message_create(&named, payload, owner);
    if (!message)
        return NULL;
    rc_fate_begin(sender->figures, message->id, message->bytes);
    rc_figure_add(sender->figures, RC_ACCOUNT_SDK_BYTES, (int64_t)message->bytes);
    rc_figure_add(sender->figures, RC_SDK_MESSAGES, 1);
    return message;
}

static void forget(struct rc_sender *sender, const struct ticket *ticket) {
    for (struct ticket **at = &sender->tickets; *at; at = &(*at)->next) {
        if (*at == ticket) {
            *at = ticket->next;
            return;
        }
    }
}

/* Puts it into the queue once there is room. What no queue takes goes alone: the server refuses it.
 * Under the lock. */
static int enqueue(struct rc_sender *sender, struct rc_message *message) {
    while (!is_over(sender) && rc_channel_takes(sender->options, message->bytes) &&
           !rc_channel_has_room(sender->queue, message->bytes))
        pthread_cond_wait(&sender->changed, &sender->lock);
    int result = is_over(sender) ? -EPIPE : 0;
    if (!result) {
        spillmark_mark_add(&queue_mark, message->bytes, message->rows);
        if (!rc_channel_push(sender->queue, message))
            result = -ENOMEM;
        pthread_cond_broadcast(&sender->changed);
        return result;
    }
    rc_fate_leave(sender->figures, message->id);
    rc_message_unref(message);
    return result;
}

int rc_sender_submit(struct rc_sender *sender, const struct rc_message *fields, void *payload,
                     bool waits_for_reply, uint64_t *ret_limit_bytes) {
    struct rc_message *message = make(sender, fields, payload, waits_for_reply);
    if (!message)
        return -ENOMEM;
    struct ticket ticket = {.id = message->id, .result = 1};
    pthread_mutex_lock(&sender->lock);
    if (waits_for_reply) {
        ticket.next = sender->tickets;
        sender->tickets = &ticket;
    }
    int result = enqueue(sender, message);
    if (result == 0 && waits_for_reply) {
        while (ticket.result == 1)
            pthread_cond_wait(&sender->changed, &sender->lock);
        result = ticket.result;
    }
    forget(sender, &ticket);
    pthread_mutex_unlock(&sender->lock);
    if (result == -EMSGSIZE)
        *ret_limit_bytes = ticket.limit_bytes;
    return result;
}
