/* http_load: HTTP/1.1 requests over TCP, TLS or a unix socket. libcurl makes the connections
 * (link.h), each carries one request at a time and is kept for the next. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http1.h"
#include "load_connections.h"

enum {
    DEFAULT_CONNECTIONS = 64,
    RECEIVE_BYTES = 65536,
    TURN_BYTES = 2 << 20, /* sent on one connection before the others and the schedule are due */
    WORDS = 64,
    KNOWN_BYTES = 1024,
};

struct exchange {
    struct sm_exchange base;
    size_t sent;      /* bytes of the request */
    bool has_sent;    /* the whole request */
    bool is_answered; /* by a whole reply, which came before that */
    int send_error;   /* negative errno; the reply may be there all the same */
    struct sm_http1_reply reply;
};

/* The last whole reply that came at once. Most are alike, and the same bytes say the same, so that
 * they need not be parsed again: a tenth of the processor time of a small request. */
struct known_reply {
    size_t length; /* 0: none yet */
    int status;
    bool keep_alive;
    char bytes[KNOWN_BYTES];
};

struct http_load {
    struct sm_connections pool;
    struct sm_http1_request request;
    struct known_reply known;
    char received[RECEIVE_BYTES], scratch[SM_BODY_SCRATCH];
};

static struct http_load *load_of(const struct exchange *exchange) {
    return (struct http_load *)exchange->base.connection->pool;
}

/* Ends the unit without an answer and closes the connection. */
static void lose(struct exchange *exchange, const char *words) {
    struct sm_connection *connection = exchange->base.connection;
    sm_exchange_lose(&exchange->base, words);
    sm_connection_drop(connection);
}

/* Ends the unit with an answer. Where that came before the target can have seen the whole body, it
 * is told apart: as a word that was given, but early. */
static void finish(struct exchange *exchange) {
    struct sm_connection *connection = exchange->base.connection;
    struct sm_connections *pool = connection->pool;
    int status = exchange->reply.status;
    bool is_accepted = status >= 200 && status < 300, has_sent = exchange->has_sent;
    bool keep_alive = exchange->reply.keep_alive && has_sent;
    int outcome = sm_connections_http_outcome(pool, status, has_sent);
    sm_exchange_end(&exchange->base, is_accepted ? SM_ENDING_ACCEPTED : SM_ENDING_REFUSED, outcome);
    if (!keep_alive)
        sm_connection_drop(connection);
}

/* Sends what the connection takes. False: the unit has ended. */
static bool push_request(struct exchange *exchange) {
    struct http_load *load = load_of(exchange);
    struct sm_link *link = exchange->base.connection->link;
    const char *piece;
    ssize_t length;
    size_t turn_end = exchange->sent + TURN_BYTES;
    while ((length = sm_http1_request_piece(&load->request, exchange->base.unit.number,
                                            exchange->sent, load->scratch, &piece)) > 0) {
        if (exchange->sent >= turn_end) {
            sm_link_await_writable(link);
            return true;
        }
        ssize_t sent = sm_link_send(link, piece, (size_t)length);
        if (sent == -EAGAIN)
            return true;
        if (sent < 0) {
            /* Not the end yet: a target that refuses early answers, then closes. What it said
             * is read when epoll reports the same trouble. */
            exchange->send_error = (int)sent;
            return true;
        }
        exchange->sent += (size_t)sent;
        if (sent < length)
            return true;
    }
    if (length < 0) {
        lose(exchange, "the body's file cannot be read");
        return false;
    }
    exchange->has_sent = true;
    if (!exchange->is_answered)
        return true;
    finish(exchange);
    return false;
}

static void lose_malformed(struct exchange *exchange) {
    char words[SM_HTTP1_WORDS + WORDS];
    snprintf(words, sizeof words, "%s: %s",
             exchange->reply.is_other ? "not HTTP/1.1" : "malformed reply", exchange->reply.words);
    lose(exchange, words);
}

/* The connection has ended, by code (negative errno, 0: closed in order), under a unit. */
static void lose_ended(struct exchange *exchange, int code) {
    bool reset = code == -ECONNRESET || exchange->send_error == -ECONNRESET;
    if (exchange->is_answered)
        finish(exchange);
    else if (exchange->reply.has_begun)
        lose(exchange,
             reset ? "connection reset, partial reply" : "connection closed, partial reply");
    else if (!exchange->has_sent)
        lose(exchange,
             reset ? "connection reset while sending" : "connection closed while sending");
    else
        lose(exchange, reset ? "connection reset" : "connection closed without a reply");
}

/* A refusal ends the unit at once. After anything else the rest of the body is sent, as long as the
 * target wants it. */
static void take_reply(struct exchange *exchange) {
    int status = exchange->reply.status;
    exchange->is_answered = status >= 200 && status < 300 && exchange->reply.keep_alive &&
                            !exchange->has_sent && !exchange->send_error;
    if (!exchange->is_answered)
        finish(exchange);
}

static enum sm_http1_progress feed_reply(struct exchange *exchange, size_t length) {
    struct http_load *load = load_of(exchange);
    struct sm_http1_reply *reply = &exchange->reply;
    struct known_reply *known = &load->known;
    bool is_first = !reply->has_begun;
    if (is_first && length == known->length && memcmp(load->received, known->bytes, length) == 0) {
        reply->status = known->status;
        reply->keep_alive = known->keep_alive;
        reply->has_begun = true;
        return SM_HTTP1_DONE;
    }
    enum sm_http1_progress progress = sm_http1_reply_feed(reply, load->received, length);
    if (progress == SM_HTTP1_DONE && is_first && length <= KNOWN_BYTES) {
        memcpy(known->bytes, load->received, length);
        known->length = length;
        known->status = reply->status;
        known->keep_alive = reply->keep_alive;
    }
    return progress;
}

static void pull_reply(struct exchange *exchange) {
    struct http_load *load = load_of(exchange);
    ssize_t received =
        sm_link_receive(exchange->base.connection->link, load->received, RECEIVE_BYTES);
    if (received == -EAGAIN)
        return;
    if (exchange->is_answered) {
        lose_ended(exchange, received < 0 ? (int)received : 0);
        return;
    }
    enum sm_http1_progress progress = received > 0    ? feed_reply(exchange, (size_t)received)
                                      : received == 0 ? sm_http1_reply_end(&exchange->reply)
                                                      : SM_HTTP1_MORE;
    if (progress == SM_HTTP1_DONE)
        take_reply(exchange);
    else if (progress == SM_HTTP1_MALFORMED)
        lose_malformed(exchange);
    else if (received <= 0)
        lose_ended(exchange, (int)received);
}

static void opened(struct sm_connection *connection) {
    sm_connection_set_room(connection, 1);
}

static void begin(struct sm_exchange *base) {
    struct exchange *exchange = (struct exchange *)base;
    sm_http1_reply_begin(&exchange->reply, load_of(exchange)->request.is_head);
    push_request(exchange);
}

/* It was closed by the target, or that speaks without being asked; but what concerns TLS alone
 * comes at any time. */
static void drop_idle(struct sm_connection *connection) {
    struct http_load *load = (struct http_load *)connection->pool;
    if (sm_link_receive(connection->link, load->received, RECEIVE_BYTES) != -EAGAIN)
        sm_connection_drop(connection);
}

static void ready(struct sm_connection *connection, bool readable, bool writable) {
    struct exchange *exchange = (struct exchange *)TAILQ_FIRST(&connection->exchanges);
    if (!exchange) {
        drop_idle(connection);
        return;
    }
    if (writable && !exchange->has_sent && !exchange->send_error && !push_request(exchange))
        return;
    if (readable)
        pull_reply(exchange);
}

static void late(struct sm_exchange *base) {
    struct exchange *exchange = (struct exchange *)base;
    if (exchange->is_answered)
        finish(exchange);
    else if (exchange->reply.has_begun)
        lose(exchange, "time-out, partial reply");
    else
        lose(exchange, exchange->has_sent ? "time-out" : "time-out while sending");
}

static const struct sm_protocol http1 = {.connection_bytes = sizeof(struct sm_connection),
                                         .exchange_bytes = sizeof(struct exchange),
                                         .opened = opened,
                                         .begin = begin,
                                         .ready = ready,
                                         .late = late};

static void http_close(void *driver) {
    struct http_load *load = driver;
    if (!load)
        return;
    sm_connections_close(&load->pool);
    sm_http1_request_free(&load->request);
    free(load);
}

static int make_request(struct http_load *load, const struct sm_block *config,
                        const struct sm_address *address, struct sm_error *err) {
    struct sm_http1_ask ask = {.method = sm_block_text(config, "method"),
                               .host = address->host,
                               .path = sm_block_has(config, "path") ? sm_block_text(config, "path")
                                                                    : address->path,
                               .body = sm_block_body(config, "body")};
    ask.headers = sm_block_texts(config, "headers", &ask.header_count);
    if (!ask.method)
        ask.method = ask.body ? "POST" : "GET";
    return sm_http1_request_make(&ask, config->where, &load->request, err);
}

static int open_load(void *driver, const struct sm_block *config, struct sm_error *err) {
    struct http_load *load = driver;
    const struct sm_body *body = sm_block_body(config, "body");
    struct sm_address address;
    int rc = sm_address_read(config, &address, err);
    if (rc < 0)
        return rc;
    rc = make_request(load, config, &address, err);
    if (rc == 0)
        rc = sm_connections_open(&load->pool, &http1, config, &address, DEFAULT_CONNECTIONS, 1,
                                 body ? (int64_t)body->payload_bytes : 0, err);
    sm_address_free(&address);
    return rc;
}

static int http_open(const struct sm_block *config, void **ret_driver, struct sm_error *err) {
    return sm_driver_open(config, sizeof(struct http_load), open_load, http_close, ret_driver, err);
}

static const struct sm_key http_keys[] = {
    SM_LOAD_KEYS, SM_ADDRESS_KEYS, SM_REQUEST_KEYS, SM_CONNECTIONS_KEYS, {.name = NULL}};

const struct sm_load_ops sm_http_load = {
    .name = "http_load",
    .help = "HTTP/1.1 requests over TCP, TLS or a unix socket",
    .keys = http_keys,
    .open = http_open,
    .set_shard = sm_driver_set_shard,
    SM_DRIVER_OPS,
    .close = http_close,
};
