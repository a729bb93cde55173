#include "writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

enum { REPLIES_MAX = 4 }; /* an SDK waits for each before its next message; and one of relief */

struct writer_replies {
    grpc_byte_buffer *waiting[REPLIES_MAX];
    size_t count;
};

struct rc_writer {
    struct rc_hub *hub;
    const struct rc_options *options;
    struct rc_figures *figures;
    struct rpc_call *call;
    struct rc_message *waiting; /* for a channel to have room; nothing is read meanwhile */
    struct writer_replies replies;
    bool is_sending, is_ended, is_finished, is_under_pressure;
};

struct rc_writer *rc_writer_create(struct rc_hub *hub, const struct rc_options *options,
                                   struct rc_figures *figures, struct rpc_call *call) {
    struct rc_writer *writer = calloc(1, sizeof *writer);
    if (writer)
        *writer =
            (struct rc_writer){.hub = hub, .options = options, .figures = figures, .call = call};
    return writer;
}

static void finish(struct rc_writer *writer, grpc_status_code status, const char *details) {
    if (writer->is_finished)
        return;
    writer->is_finished = true;
    rpc_finish(writer->call, NULL, status, details);
}

static void send_next(struct rc_writer *writer) {
    struct writer_replies *replies = &writer->replies;
    if (writer->is_sending || writer->is_finished)
        return;
    if (replies->count) {
        grpc_byte_buffer *reply = replies->waiting[0];
        replies->count--;
        for (size_t i = 0; i < replies->count; i++)
            replies->waiting[i] = replies->waiting[i + 1];
        writer->is_sending = true;
        rpc_send(writer->call, reply);
    } else if (writer->is_ended && !writer->waiting) {
        finish(writer, GRPC_STATUS_OK, "");
    }
}

static void reply(struct rc_writer *writer, uint64_t id, enum rc_outcome outcome,
                  size_t limit_bytes) {
    uint64_t fields[RC_REPLY_FIELDS];
    fields[RC_REPLY_ID] = id;
    fields[RC_REPLY_OUTCOME] = outcome;
    fields[RC_REPLY_LIMIT] = limit_bytes;
    if (writer->replies.count < REPLIES_MAX)
        writer->replies.waiting[writer->replies.count++] = rc_wire_numbers(fields, RC_REPLY_FIELDS);
    send_next(writer);
}

/* Nobody waits for a word: it is dropped here, counted and told. */
static void drop(struct rc_writer *writer, uint64_t id, uint64_t rows, size_t bytes,
                 size_t limit_bytes) {
    fprintf(stderr,
            "recorder: server: %" PRIu64 " rows dropped: a message of %zu bytes exceeds the "
            "available memory, %zu bytes\n",
            rows, bytes, limit_bytes);
    rc_figure_add(writer->figures, RC_SERVER_DROPPED_ROWS, (int64_t)rows);
    rc_fate_failed(writer->figures, id);
    rc_fate_leave(writer->figures, id);
}

/* False when it has to wait, still the writer's. */
static bool offer(struct rc_writer *writer, struct rc_message *message) {
    uint64_t id = message->id, rows = message->rows;
    size_t bytes = message->bytes, limit_bytes;
    bool wants_reply = message->wants_reply;
    enum rc_outcome outcome;
    if (!rc_hub_offer(writer->hub, message, &outcome, &limit_bytes))
        return false;
    if (outcome != RC_TAKEN)
        rc_figure_add(writer->figures, RC_SERVER_REFUSED, 1);
    if (outcome != RC_TAKEN && !wants_reply)
        drop(writer, id, rows, bytes, limit_bytes);
    writer->is_under_pressure = outcome == RC_PRESSURE;
    if (wants_reply)
        reply(writer, id, outcome, limit_bytes);
    return true;
}

void rc_writer_received(struct rc_writer *writer, grpc_byte_buffer *wire) {
    if (!wire) {
        writer->is_ended = true;
        send_next(writer);
        return;
    }
    struct rc_message *message = rc_message_read(wire, rc_hub_owner(writer->hub));
    if (!message) {
        finish(writer, GRPC_STATUS_INVALID_ARGUMENT, "not a recorder.v1.LogMsg");
        return;
    }
    rc_hub_arrived(writer->hub, message);
    if (offer(writer, message))
        rpc_read(writer->call);
    else
        writer->waiting = message;
}

void rc_writer_sent(struct rc_writer *writer) {
    writer->is_sending = false;
    send_next(writer);
}

void rc_writer_retry(struct rc_writer *writer) {
    struct rc_message *message = writer->waiting;
    if (message && offer(writer, message)) {
        writer->waiting = NULL;
        if (!writer->is_finished)
            rpc_read(writer->call);
    }
    if (writer->is_under_pressure && writer->options->pressure == RC_PRESSURE_SIGNAL) {
        writer->is_under_pressure = false;
        reply(writer, 0, RC_RELIEF, 0);
    }
}

void rc_writer_free(struct rc_writer *writer) {
    if (!writer)
        return;
    if (writer->waiting) {
        rc_fate_failed(writer->figures, writer->waiting->id);
        rc_fate_leave(writer->figures, writer->waiting->id);
    }
    rc_message_unref(writer->waiting);
    for (size_t i = 0; i < writer->replies.count; i++)
        grpc_byte_buffer_destroy(writer->replies.waiting[i]);
    free(writer);
}
