/* http2.c - how connections of HTTP/2 are opened, used and ended. */
#include "http2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http1.h"
#include "http2_connection.h"
#include "http2_fields.h"

enum {
    TURN_BYTES = 2 << 20, /* sent on one connection before the others and the schedule are due */
    TURN_READS = 16,
    SHORT_BYTES = 16384, /* less than that received at once, a record of TLS: that was all */
    DEFAULT_CONNECTIONS = 16,
};

void sm_http2_end(struct sm_http2_exchange *exchange, enum sm_ending ending, int outcome) {
    if (!exchange->is_closed && !(exchange->has_sent && exchange->has_answered))
        sm_http2_put_32(sm_http2_connection_of(exchange), NGHTTP2_RST_STREAM, exchange->stream_id,
                        NGHTTP2_CANCEL);
    sm_http2_leave_stream(exchange);
    sm_exchange_end(&exchange->base, ending, outcome);
}

void sm_http2_lose(struct sm_http2_exchange *exchange, const char *what) {
    char words[SM_HTTP2_WORDS];
    snprintf(words, sizeof words, "%.78s%s", what,
             exchange->has_begun  ? ", partial reply"
             : exchange->has_sent ? ""
                                  : " while sending");
    sm_http2_leave_stream(exchange);
    sm_exchange_lose(&exchange->base, words);
}

static void late(struct sm_exchange *base) {
    struct sm_http2_exchange *exchange = (struct sm_http2_exchange *)base;
    const char *words = exchange->has_begun  ? "time-out, partial reply"
                        : exchange->has_sent ? "time-out"
                                             : "time-out while sending";
    if (exchange->has_answered)
        ((struct sm_http2 *)base->connection->pool)->manner->answered(exchange, true);
    else
        sm_http2_end(exchange, SM_ENDING_UNANSWERED,
                     sm_tally_outcome(base->connection->pool->tally, words));
}

void sm_http2_break(struct sm_http2_connection *connection, uint32_t code, const char *said) {
    enum { FIXED_BYTES = 8 };
    uint8_t payload[FIXED_BYTES + SM_HTTP2_WORDS] = {0};
    size_t length = strnlen(said, SM_HTTP2_WORDS);
    if (connection->is_broken)
        return;
    connection->is_broken = true;
    sm_connection_set_room(&connection->base, 0);
    if (code == NGHTTP2_INTERNAL_ERROR)
        snprintf(connection->words, sizeof connection->words, "%s", said);
    else
        snprintf(connection->words, sizeof connection->words, "malformed reply: %s%s%s",
                 nghttp2_http2_strerror(code), said[0] ? ": " : "", said);
    sm_http2_write_32(payload + 4, code);
    memcpy(payload + FIXED_BYTES, said, length);
    sm_http2_put(
        connection,
        &(struct sm_http2_head){.length = (uint32_t)(FIXED_BYTES + length), .type = NGHTTP2_GOAWAY},
        payload);
}

/* Ends all that is on the connection, and the connection. */
static void drop(struct sm_http2_connection *connection, const char *what) {
    struct sm_exchange *base;
    while ((base = TAILQ_FIRST(&connection->base.exchanges))) {
        struct sm_http2_exchange *exchange = (struct sm_http2_exchange *)base;
        if (exchange->has_answered)
            sm_http2_load_of(connection)->manner->answered(exchange, true);
        else
            sm_http2_lose(exchange, what);
    }
    sm_connection_drop(&connection->base);
}

/* By the peer, or by what it sent, or by a system's error. */
static void drop_ended(struct sm_http2_connection *connection, int code) {
    char words[SM_HTTP2_WORDS];
    const struct sm_exchange *base = TAILQ_FIRST(&connection->base.exchanges);
    bool is_waiting = base && ((const struct sm_http2_exchange *)base)->has_sent &&
                      !((const struct sm_http2_exchange *)base)->has_begun;
    bool is_other = connection->greeting_length && !connection->has_settings;
    if (connection->words[0] && !(connection->is_broken && is_other))
        snprintf(words, sizeof words, "%s", connection->words);
    else if (is_other)
        snprintf(words, sizeof words, "not HTTP/2: %s", connection->greeting);
    else if (code == -ECONNRESET || connection->send_error)
        snprintf(words, sizeof words, "connection reset");
    else if (code < 0)
        snprintf(words, sizeof words, "%.40s", strerrordesc_np(-code));
    else
        snprintf(words, sizeof words, "connection closed%s", is_waiting ? " without a reply" : "");
    drop(connection, words);
}

/* What is ready, as far as the link takes it and a turn goes. Returns 0 when all of it has gone,
 * -EAGAIN or another negative errno. */
static int send_ready(struct sm_http2_connection *connection) {
    struct sm_http2 *load = sm_http2_load_of(connection);
    struct sm_outbox *outbox = &connection->outbox;
    for (size_t turn = 0;;) {
        if (!connection->is_broken)
            sm_http2_put_bodies(connection);
        if (outbox->queued_bytes == 0) {
            connection->answers = 0;
            return 0;
        }
        if (turn >= TURN_BYTES) {
            sm_link_await_writable(connection->base.link);
            return -EAGAIN;
        }
        ssize_t sent = sm_outbox_send(outbox, connection->base.link, &load->payload, load->scratch);
        if (sent < 0)
            return (int)sent;
        turn += (size_t)sent;
    }
}

static void flush(struct sm_connection *base) {
    struct sm_http2_connection *connection = (struct sm_http2_connection *)base;
    int rc = send_ready(connection);
    if (connection->is_broken)
        drop_ended(connection, 0);
    else if (rc == -EIO)
        drop(connection, "the body's file cannot be read");
    else if (rc < 0 && rc != -EAGAIN)
        connection->send_error = rc; /* what the peer said before is read when epoll reports it */
    else if (rc == 0 && base->room == 0 && base->count == 0)
        sm_connection_drop(base);
}

static void keep_greeting(struct sm_http2_connection *connection, const char *bytes,
                          size_t length) {
    size_t room = SM_HTTP2_GREETING - connection->greeting_length;
    if (connection->has_settings || room == 0)
        return;
    sm_http1_quote(bytes, length, connection->greeting + connection->greeting_length, room + 1);
    connection->greeting_length = strlen(connection->greeting);
}

static void ready(struct sm_connection *base, bool readable, bool writable) {
    struct sm_http2_connection *connection = (struct sm_http2_connection *)base;
    struct sm_http2 *load = sm_http2_load_of(connection);
    for (int i = 0; readable && i < TURN_READS && !connection->is_broken; i++) {
        ssize_t received = sm_link_receive(base->link, load->received, sizeof load->received);
        if (received == -EAGAIN)
            break;
        if (received <= 0) {
            drop_ended(connection, (int)received);
            return;
        }
        keep_greeting(connection, load->received, (size_t)received);
        sm_http2_take(connection, (const uint8_t *)load->received, (size_t)received);
        if (received < SHORT_BYTES)
            break;
    }
    if (base->room == 0 && base->count == 0 && !connection->is_broken)
        sm_connection_drop(base);
    else if (writable)
        sm_connection_touch(base);
}

static void opened(struct sm_connection *base) {
    struct sm_http2_connection *connection = (struct sm_http2_connection *)base;
    struct sm_http2 *load = sm_http2_load_of(connection);
    memset((char *)connection + sizeof *base, 0, sizeof *connection - sizeof *base);
    TAILQ_INIT(&connection->senders);
    connection->next_stream_id = 1;
    connection->wording = load->request.first;
    connection->credit = connection->stream_credit = NGHTTP2_INITIAL_WINDOW_SIZE;
    connection->most_in_frame = SM_HTTP2_FRAME_BYTES;
    connection->allowed = UINT32_MAX;
    sm_http2_greet(connection);
    sm_connection_set_room(base,
                           load->streams < SM_HTTP2_STREAMS ? load->streams : SM_HTTP2_STREAMS);
}

static void closing(struct sm_connection *base) {
    struct sm_http2_connection *connection = (struct sm_http2_connection *)base;
    sm_outbox_free(&connection->outbox);
    sm_http2_streams_free(&connection->streams);
    sm_http2_block_free(&connection->block);
    free(connection->partial);
    base->room = 0;
}

static void begin(struct sm_exchange *base) {
    struct sm_http2_exchange *exchange = (struct sm_http2_exchange *)base;
    struct sm_http2_connection *connection = sm_http2_connection_of(exchange);
    struct sm_http2 *load = sm_http2_load_of(connection);
    exchange->tries++;
    exchange->message = 0;
    exchange->offset = 0;
    exchange->credit = exchange->received = 0;
    exchange->has_sent = !load->has_body;
    exchange->has_begun = exchange->has_answered = exchange->is_closed = false;
    sm_http2_reply_begin(&exchange->reply, load->is_head);
    int rc = sm_http2_put_request(connection, exchange);
    if (rc == -EOVERFLOW) {
        sm_connection_set_room(base->connection, 0);
        sm_exchange_again(base);
        sm_connection_touch(&connection->base);
    } else if (rc < 0) {
        sm_exchange_lose(base, "out of memory");
    }
}

static int make_request(struct sm_http2 *load, const struct sm_http2_ask *ask, const char *where,
                        struct sm_error *err) {
    nghttp2_nv *fields;
    size_t count;
    char *texts;
    int rc = sm_http2_fields_make(ask, where, &fields, &count, &texts, err);
    if (rc < 0)
        return rc;
    rc = sm_http2_request_make(&load->request, fields, count, !load->has_body);
    free(fields);
    free(texts);
    return rc < 0 ? sm_error_errno(err, rc, where, NULL, "cannot open the load") : 0;
}

int sm_http2_open(struct sm_http2 *load, const struct sm_http2_manner *manner,
                  const struct sm_block *config, const struct sm_http2_ask *ask,
                  struct sm_error *err) {
    struct sm_address address = *ask->address;
    const struct sm_body *body = load->payload.body;
    address.link.is_http2 = true;
    load->manner = manner;
    sm_http2_memory_init(&load->memory);
    load->streams = (size_t)sm_block_quantity(config, "streams");
    load->is_head = strcmp(ask->method, "HEAD") == 0;
    load->has_body = load->messages > 0 && (body || load->payload.has_prefix);
    load->says_length = body && !load->payload.has_prefix;
    load->protocol = (struct sm_protocol){.connection_bytes = sizeof(struct sm_http2_connection),
                                          .exchange_bytes = manner->exchange_bytes,
                                          .opened = opened,
                                          .closing = closing,
                                          .begin = begin,
                                          .ready = ready,
                                          .flush = flush,
                                          .late = late};
    int rc = make_request(load, ask, config->where, err);
    if (rc < 0)
        return rc;
    int64_t unit_bytes = body ? (int64_t)body->payload_bytes * load->messages : 0;
    return sm_connections_open(&load->pool, &load->protocol, config, &address, DEFAULT_CONNECTIONS,
                               load->streams, unit_bytes, err);
}

void sm_http2_close(struct sm_http2 *load) {
    sm_connections_close(&load->pool);
    sm_http2_request_free(&load->request);
    sm_http2_known_leave(load->known);
    sm_http2_memory_free(&load->memory);
}
