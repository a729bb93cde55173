/* stream_load: units of bytes over TCP, TLS or a unix socket, for protocols of lines or of fixed
 * lengths. A reply is told by where it ends, by its length, or there is none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_connections.h"

enum {
    DEFAULT_CONNECTIONS = 64,
    RECEIVE_BYTES = 65536,
    TURN_BYTES = 2 << 20,   /* sent on one connection before the others and the schedule are due */
    GATHERED_BYTES = 16384, /* of short units that are sent together */
    BEGINNING_BYTES = 64,   /* of a reply, kept for its outcome */
};

struct exchange {
    struct sm_exchange base;
    size_t sent;
};

/* The reply that is being read is that of the connection's first unit. */
struct connection {
    struct sm_connection base;
    struct exchange *sending; /* NULL: all units on it are sent */
    size_t reply_bytes, ends_seen, end_matched;
    char beginning[BEGINNING_BYTES];
};

struct stream_load {
    struct sm_connections pool;
    const struct sm_body *body;
    const char *reply_end; /* NULL: not told by that */
    size_t reply_end_bytes, ends_per_reply;
    size_t reply_bytes;  /* 0: not told by that; neither: no reply */
    const char *refusal; /* NULL: every reply accepts */
    size_t refusal_bytes, pipeline;
    int sent_outcome, answered_outcome;
    char received[RECEIVE_BYTES], gathered[GATHERED_BYTES], scratch[SM_BODY_SCRATCH];
};

static struct stream_load *load_of(const struct connection *connection) {
    return (struct stream_load *)connection->base.pool;
}

static bool has_replies(const struct stream_load *load) {
    return load->reply_end || load->reply_bytes;
}

/* Every unit on it is lost: the replies that follow could be anybody's. */
static void lose_all(struct connection *connection, const char *words) {
    struct sm_exchange *exchange;
    while ((exchange = TAILQ_FIRST(&connection->base.exchanges)))
        sm_exchange_lose(exchange, words);
    sm_connection_drop(&connection->base);
}

/* The connection has ended, by code (negative errno, 0: closed in order). */
static void lose_ended(struct connection *connection, int code) {
    const struct exchange *first =
        (const struct exchange *)TAILQ_FIRST(&connection->base.exchanges);
    bool reset = code == -ECONNRESET;
    if (connection->reply_bytes > 0)
        lose_all(connection,
                 reset ? "connection reset, partial reply" : "connection closed, partial reply");
    else if (first && connection->sending == first)
        lose_all(connection,
                 reset ? "connection reset while sending" : "connection closed while sending");
    else
        lose_all(connection, reset ? "connection reset" : "connection closed without a reply");
}

/* A unit is whole in the connection. */
static void sent_one(struct connection *connection) {
    struct stream_load *load = load_of(connection);
    struct exchange *exchange = connection->sending;
    connection->sending = (struct exchange *)TAILQ_NEXT(&exchange->base, on_connection);
    if (!has_replies(load))
        sm_exchange_end(&exchange->base, SM_ENDING_ACCEPTED, load->sent_outcome);
}

/* Copies the next bytes of the units to be sent, as many as fit. Returns their number, or a
 * negative errno. */
static ssize_t gather(struct connection *connection) {
    struct stream_load *load = load_of(connection);
    size_t total = 0;
    for (struct exchange *exchange = connection->sending; exchange && total < GATHERED_BYTES;
         exchange = (struct exchange *)TAILQ_NEXT(&exchange->base, on_connection)) {
        int64_t number = exchange->base.unit.number;
        const struct sm_body_variant *variant = sm_body_variant(load->body, number);
        size_t left = variant->length - exchange->sent, room = GATHERED_BYTES - total;
        if (left > room)
            left = room;
        int rc = sm_body_copy(variant, number, exchange->sent, load->gathered + total, left);
        if (rc < 0)
            return rc;
        total += left;
    }
    return (ssize_t)total;
}

/* The next bytes to send: of a long unit where they lie, of short ones many at once. */
static ssize_t next_piece(struct connection *connection, const char **ret_piece) {
    struct stream_load *load = load_of(connection);
    const struct exchange *exchange = connection->sending;
    int64_t number = exchange->base.unit.number;
    const struct sm_body_variant *variant = sm_body_variant(load->body, number);
    if (variant->length - exchange->sent >= GATHERED_BYTES)
        return sm_body_piece(variant, number, exchange->sent, load->scratch, ret_piece);
    *ret_piece = load->gathered;
    return gather(connection);
}

/* So many bytes more are in the connection. */
static void advance(struct connection *connection, size_t sent) {
    struct stream_load *load = load_of(connection);
    struct exchange *exchange;
    while ((exchange = connection->sending)) {
        size_t length = sm_body_variant(load->body, exchange->base.unit.number)->length;
        size_t part = length - exchange->sent < sent ? length - exchange->sent : sent;
        exchange->sent += part;
        sent -= part;
        if (exchange->sent < length)
            return;
        sent_one(connection);
    }
}

/* Sends what the connection takes. */
static void push(struct connection *connection) {
    size_t turn = 0;
    while (connection->sending) {
        const char *piece;
        ssize_t length = next_piece(connection, &piece);
        if (length < 0) {
            lose_all(connection, "the body's file cannot be read");
            return;
        }
        if (turn >= TURN_BYTES) {
            sm_link_await_writable(connection->base.link);
            return;
        }
        ssize_t sent = length > 0 ? sm_link_send(connection->base.link, piece, (size_t)length) : 0;
        if (sent == -EAGAIN)
            return;
        if (sent < 0) {
            lose_ended(connection, (int)sent);
            return;
        }
        turn += (size_t)sent;
        advance(connection, (size_t)sent);
        if (sent < length)
            return;
    }
}

/* "-ERR unknown command", without what ends the line. */
static int refused_outcome(struct connection *connection) {
    char words[BEGINNING_BYTES + 1];
    size_t length =
        connection->reply_bytes < BEGINNING_BYTES ? connection->reply_bytes : BEGINNING_BYTES;
    snprintf(words, sizeof words, "%.*s", (int)length, connection->beginning);
    words[strcspn(words, "\r\n")] = '\0';
    return sm_tally_outcome(connection->base.pool->tally, words);
}

static void finish_reply(struct connection *connection) {
    struct stream_load *load = load_of(connection);
    struct exchange *exchange = (struct exchange *)TAILQ_FIRST(&connection->base.exchanges);
    bool refused = load->refusal && connection->reply_bytes >= load->refusal_bytes &&
                   memcmp(connection->beginning, load->refusal, load->refusal_bytes) == 0;
    int outcome = refused ? refused_outcome(connection) : load->answered_outcome;
    connection->reply_bytes = connection->ends_seen = connection->end_matched = 0;
    bool early = connection->sending == exchange;
    sm_exchange_end(&exchange->base, refused ? SM_ENDING_REFUSED : SM_ENDING_ACCEPTED, outcome);
    if (early) /* answered before it was sent: what follows it is no unit any more */
        lose_all(connection, "connection given up after an early reply");
}

/* Takes one byte of a reply; true: it was the last. */
static bool take_byte(struct connection *connection, char byte) {
    const struct stream_load *load = load_of(connection);
    if (connection->reply_bytes < BEGINNING_BYTES)
        connection->beginning[connection->reply_bytes] = byte;
    connection->reply_bytes++;
    if (!load->reply_end)
        return connection->reply_bytes == load->reply_bytes;
    /* The ends of such protocols begin with a byte that stands nowhere else in them. */
    if (byte != load->reply_end[connection->end_matched])
        connection->end_matched = byte == load->reply_end[0];
    else
        connection->end_matched++;
    if (connection->end_matched < load->reply_end_bytes)
        return false;
    connection->end_matched = 0;
    return ++connection->ends_seen == load->ends_per_reply;
}

static void take_replies(struct connection *connection, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (TAILQ_EMPTY(&connection->base.exchanges)) {
            sm_connection_drop(&connection->base); /* it speaks without being asked */
            return;
        }
        if (take_byte(connection, bytes[i]))
            finish_reply(connection);
        if (connection->base.state != SM_CONNECTION_OPEN)
            return;
    }
}

static void pull(struct connection *connection) {
    struct stream_load *load = load_of(connection);
    ssize_t received = sm_link_receive(connection->base.link, load->received, RECEIVE_BYTES);
    if (received == -EAGAIN)
        return;
    if (received <= 0)
        lose_ended(connection, (int)received);
    else if (has_replies(load))
        take_replies(connection, load->received, (size_t)received);
}

static void opened(struct sm_connection *base) {
    struct connection *connection = (struct connection *)base;
    connection->sending = NULL;
    connection->reply_bytes = connection->ends_seen = connection->end_matched = 0;
    sm_connection_set_room(base, load_of(connection)->pipeline);
}

static void begin(struct sm_exchange *base) {
    struct connection *connection = (struct connection *)base->connection;
    if (connection->sending)
        return;
    connection->sending = (struct exchange *)base;
    if (load_of(connection)->pipeline > 1)
        sm_connection_touch(&connection->base); /* what is due now goes together */
    else
        push(connection);
}

static void flush(struct sm_connection *base) {
    push((struct connection *)base);
}

static void ready(struct sm_connection *base, bool readable, bool writable) {
    struct connection *connection = (struct connection *)base;
    if (writable)
        push(connection);
    if (readable && base->state == SM_CONNECTION_OPEN)
        pull(connection);
}

static void late(struct sm_exchange *base) {
    struct connection *connection = (struct connection *)base->connection;
    bool is_first = base == TAILQ_FIRST(&connection->base.exchanges);
    if (is_first && connection->reply_bytes > 0)
        sm_exchange_lose(base, "time-out, partial reply");
    else if (connection->sending == (struct exchange *)base)
        sm_exchange_lose(base, "time-out while sending");
    else
        sm_exchange_lose(base, "time-out");
    lose_all(connection, "connection given up after a time-out");
}

static const struct sm_protocol stream = {.connection_bytes = sizeof(struct connection),
                                          .exchange_bytes = sizeof(struct exchange),
                                          .opened = opened,
                                          .begin = begin,
                                          .ready = ready,
                                          .flush = flush,
                                          .late = late};

static void stream_close(void *driver) {
    struct stream_load *load = driver;
    if (!load)
        return;
    sm_connections_close(&load->pool);
    free(load);
}

static int read_replies(struct stream_load *load, const struct sm_block *config,
                        struct sm_error *err) {
    load->reply_end = sm_block_text(config, "reply_end");
    load->reply_end_bytes = load->reply_end ? strlen(load->reply_end) : 0;
    load->ends_per_reply = (size_t)sm_block_quantity(config, "reply_ends");
    load->reply_bytes = (size_t)sm_block_quantity(config, "reply_bytes");
    load->refusal = sm_block_text(config, "refusal");
    load->refusal_bytes = load->refusal ? strlen(load->refusal) : 0;
    load->pipeline = (size_t)sm_block_quantity(config, "pipeline");
    if (load->reply_end && (load->reply_bytes || !load->reply_end_bytes))
        return sm_error_set(err, -EINVAL, config->where, "write reply_end = \"\\r\\n\"",
                            "a reply is told by one of reply_end and reply_bytes");
    if (load->refusal && (!has_replies(load) || load->refusal_bytes > BEGINNING_BYTES))
        return sm_error_set(err, -EINVAL, config->where, NULL,
                            "refusal is what a reply begins with, at most %d bytes of it",
                            BEGINNING_BYTES);
    return 0;
}

static int open_load(void *driver, const struct sm_block *config, struct sm_error *err) {
    struct stream_load *load = driver;
    struct sm_address address;
    load->body = sm_block_body(config, "body");
    int rc = read_replies(load, config, err);
    if (rc == 0)
        rc = sm_address_read_stream(config, &address, err);
    if (rc < 0)
        return rc;
    rc = sm_connections_open(&load->pool, &stream, config, &address, DEFAULT_CONNECTIONS,
                             load->pipeline, (int64_t)load->body->payload_bytes, err);
    sm_address_free(&address);
    if (rc < 0)
        return rc;
    load->sent_outcome = sm_tally_outcome(load->pool.tally, "sent");
    load->answered_outcome = sm_tally_outcome(load->pool.tally, "answered");
    return 0;
}

static int stream_open(const struct sm_block *config, void **ret_driver, struct sm_error *err) {
    return sm_driver_open(config, sizeof(struct stream_load), open_load, stream_close, ret_driver,
                          err);
}

static const struct sm_key stream_keys[] = {
    SM_LOAD_KEYS,
    SM_STREAM_ADDRESS_KEYS,
    {.name = "body", .type = SM_KEY_BODY, .required = true, .help = "what each unit is"},
    {.name = "reply_end",
     .type = SM_KEY_TEXT,
     .help = "what a reply ends with: \"\\r\\n\"; without it and reply_bytes there are no replies, "
             "and a unit is accepted when all of it is in the connection"},
    {.name = "reply_ends",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .fallback = "1",
     .at_least = 1,
     .at_most = 1e6,
     .help = "how many such ends a reply has"},
    {.name = "reply_bytes",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_BYTES,
     .at_least = 1,
     .at_most = 1e12,
     .help = "the length of every reply, in place of an end"},
    {.name = "refusal",
     .type = SM_KEY_TEXT,
     .help = "a reply that begins with it refuses the unit: \"-ERR\""},
    SM_PIPELINED_KEYS,
    {.name = NULL}};

const struct sm_load_ops sm_stream_load = {
    .name = "stream_load",
    .help = "bytes over TCP, TLS or a unix socket, for protocols of lines or of fixed lengths",
    .keys = stream_keys,
    .open = stream_open,
    .set_shard = sm_driver_set_shard,
    SM_DRIVER_OPS,
    .close = stream_close,
};
