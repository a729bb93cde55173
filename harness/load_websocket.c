/* websocket_load: a client of WebSockets over TCP, TLS or a unix socket. A unit is a message; it is
 * accepted when so many messages have come back as it asks for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http1.h"
#include "load_connections.h"
#include "websocket.h"
#include "websocket_upgrade.h"

enum {
    DEFAULT_CONNECTIONS = 64,
    RECEIVE_BYTES = 65536,
    WHOLE_BYTES = 65536,    /* a longer message goes frame by frame, and nothing of it is held */
    FRAGMENT_BYTES = 65536, /* of it in a frame */
    COMPOSED_BYTES = FRAGMENT_BYTES + SM_WEBSOCKET_HEAD,
    TURN_BYTES = 2 << 20, /* put on one connection before the others and the schedule are due */
    HEADERS = 64,
    WORDS = 128,
};
static const char key_line[] = "Sec-WebSocket-Key: 000000000000000000000000";

struct exchange {
    struct sm_exchange base;
    size_t put; /* bytes of the message, put into the connection's or, if it is long, sent */
    uint64_t end_bytes; /* where it ends in those; 0: not all of it is put */
    size_t replies;     /* so far */
};

struct connection {
    struct sm_connection base;
    struct sm_websocket *socket;
    struct sm_upgrade *upgrade; /* NULL once the handshake is over */
    bool is_up;
    size_t asked_bytes; /* of the handshake's request, sent */
    char key[SM_UPGRADE_KEY];
    char words[WORDS]; /* why it ends; "": it does not */
};

struct websocket_load {
    struct sm_connections pool;
    const struct sm_body *body;
    struct sm_http1_request request;
    size_t key_at; /* where in the request the key stands */
    char *message; /* the one that is put, or what goes next of a long one */
    char *scratch; /* of its body, where that is long; of SM_BODY_SCRATCH bytes */
    struct sm_websocket_readers readers;
    size_t replies, pipeline;
    bool is_text;
    int64_t opened; /* connections so far, for their keys */
    int sent_outcome, answered_outcome, unasked_note;
    char received[RECEIVE_BYTES];
};

static const char *const kind_names[] = {"binary", "text", NULL};

static struct websocket_load *load_of(const struct connection *connection) {
    return (struct websocket_load *)connection->base.pool;
}

static void lose_all(struct connection *connection, const char *words) {
    struct sm_exchange *exchange;
    while ((exchange = TAILQ_FIRST(&connection->base.exchanges)))
        sm_exchange_lose(exchange, words);
    sm_connection_drop(&connection->base);
}

static void on_message(void *owner, bool is_text, uint64_t length) {
    struct connection *connection = owner;
    struct websocket_load *load = load_of(connection);
    struct exchange *exchange = (struct exchange *)TAILQ_FIRST(&connection->base.exchanges);
    (void)is_text, (void)length;
    if (load->replies == 0 || !exchange || exchange->end_bytes == 0)
        sm_tally_note(load->pool.tally, load->unasked_note);
    else if (++exchange->replies == load->replies)
        sm_exchange_end(&exchange->base, SM_ENDING_ACCEPTED, load->answered_outcome);
}

static void on_closing(void *owner, int status, const char *reason) {
    struct connection *connection = owner;
    snprintf(connection->words, sizeof connection->words, "closed by the server: %d%s%.90s", status,
             reason[0] ? " " : "", reason);
}

static void end_sent(struct connection *connection) {
    struct websocket_load *load = load_of(connection);
    uint64_t sent = sm_websocket_sent_total(connection->socket);
    struct exchange *exchange;
    while (load->replies == 0 &&
           (exchange = (struct exchange *)TAILQ_FIRST(&connection->base.exchanges)) &&
           exchange->end_bytes && exchange->end_bytes <= sent)
        sm_exchange_end(&exchange->base, SM_ENDING_ACCEPTED, load->sent_outcome);
}

/* Puts what waits into the buffer and sends what goes. False: the connection has ended. */
static bool flush(struct connection *connection) {
    const void *bytes;
    size_t length;
    while ((length = sm_websocket_pending(connection->socket, &bytes)) > 0) {
        ssize_t sent = sm_link_send(connection->base.link, bytes, length);
        if (sent == -EAGAIN)
            break;
        if (sent < 0) {
            lose_all(connection, "connection reset while sending");
            return false;
        }
        sm_websocket_sent(connection->socket, (size_t)sent);
        if ((size_t)sent < length)
            break;
    }
    end_sent(connection);
    return true;
}

/* Composes the next bytes of the frame that goes. Returns their number, or a negative errno. */
static ssize_t compose(struct connection *connection, const struct exchange *exchange) {
    struct websocket_load *load = load_of(connection);
    int64_t number = exchange->base.unit.number;
    const struct sm_body_variant *variant = sm_body_variant(load->body, number);
    size_t head = sm_websocket_compose_head(connection->socket, load->message), ahead = 0, now;
    do {
        const char *piece;
        ssize_t length =
            sm_body_piece(variant, number, exchange->put + ahead, load->scratch, &piece);
        if (length < 0)
            return length;
        now = sm_websocket_compose(connection->socket, ahead, piece, (size_t)length,
                                   load->message + head + ahead);
        ahead += now;
    } while (now > 0);
    return (ssize_t)(head + ahead);
}

/* Sends what goes of the frame, whose bytes are made again where they did not all go. Returns as
 * sm_link_send does. */
static ssize_t send_frame(struct connection *connection, struct exchange *exchange) {
    struct websocket_load *load = load_of(connection);
    ssize_t length = compose(connection, exchange);
    if (length < 0)
        return length;
    ssize_t sent = sm_link_send(connection->base.link, load->message, (size_t)length);
    if (sent > 0)
        exchange->put += sm_websocket_frame_sent(connection->socket, (size_t)sent);
    if (sent < 0 && sent != -EAGAIN && !connection->words[0])
        snprintf(connection->words, sizeof connection->words, "connection reset while sending");
    return sent;
}

/* Sends a long message frame by frame, at most one now. Returns as put. */
static int stream(struct connection *connection, struct exchange *exchange, size_t message_bytes) {
    struct sm_websocket *socket = connection->socket;
    size_t left = message_bytes - exchange->put;
    if (!sm_websocket_in_frame(socket)) {
        size_t length = left < FRAGMENT_BYTES ? left : FRAGMENT_BYTES;
        int rc = sm_websocket_begin_frame(socket, load_of(connection)->is_text, exchange->put == 0,
                                          length == left, length);
        if (rc < 0)
            return rc;
    }
    ssize_t sent = send_frame(connection, exchange);
    if (sent < 0)
        return sent == -EAGAIN ? -EBUSY : (int)sent;
    if (sm_websocket_in_frame(socket))
        return -EBUSY;
    if (exchange->put < message_bytes)
        return -EAGAIN;
    exchange->end_bytes = sm_websocket_sent_total(socket);
    return 0;
}

/* Puts a message. Returns 0 when all of it is put, -EAGAIN when there is no room now, -EBUSY when
 * the connection takes no more now, or another negative errno. */
static int put(struct connection *connection, struct exchange *exchange) {
    struct websocket_load *load = load_of(connection);
    int64_t number = exchange->base.unit.number;
    const struct sm_body_variant *variant = sm_body_variant(load->body, number);
    if (variant->length > WHOLE_BYTES)
        return stream(connection, exchange, variant->length);
    if (!sm_websocket_has_room(connection->socket, variant->length))
        return -EAGAIN;
    int rc = sm_body_copy(variant, number, 0, load->message, variant->length);
    if (rc == 0)
        rc =
            sm_websocket_message(connection->socket, load->is_text, load->message, variant->length);
    if (rc == 0)
        exchange->end_bytes = sm_websocket_put_total(connection->socket);
    return rc;
}

/* Puts what there is room for. Returns 0 when that was all, or as put. */
static int put_waiting(struct connection *connection) {
    struct sm_exchange *base;
    TAILQ_FOREACH(base, &connection->base.exchanges, on_connection) {
        struct exchange *exchange = (struct exchange *)base;
        int rc = exchange->end_bytes ? 0 : put(connection, exchange);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Why nothing more can be put, by `rc`. */
static void lose_unput(struct connection *connection, int rc) {
    if (connection->words[0])
        lose_all(connection, connection->words);
    else
        lose_all(connection, rc == -ENOMEM ? "out of memory" : "the body's file cannot be read");
}

static void put_all(struct connection *connection) {
    const void *unused;
    for (size_t turn = 0; turn < TURN_BYTES;) {
        uint64_t before = sm_websocket_put_total(connection->socket);
        int rc = put_waiting(connection);
        if (rc < 0 && rc != -EAGAIN && rc != -EBUSY) {
            lose_unput(connection, rc);
            return;
        }
        turn += sm_websocket_put_total(connection->socket) - before;
        if (!flush(connection) || rc == 0 || rc == -EBUSY ||
            sm_websocket_pending(connection->socket, &unused) > 0)
            return;
    }
    sm_link_await_writable(connection->base.link);
}

/* Sends the request of the handshake. */
static void ask(struct connection *connection) {
    struct websocket_load *load = load_of(connection);
    memcpy(load->request.head + load->key_at, connection->key, strlen(connection->key));
    size_t left = load->request.head_length - connection->asked_bytes;
    ssize_t sent =
        sm_link_send(connection->base.link, load->request.head + connection->asked_bytes, left);
    if (sent < 0 && sent != -EAGAIN)
        lose_all(connection, "connection reset in the handshake");
    else if (sent > 0)
        connection->asked_bytes += (size_t)sent;
}

static void feed(struct connection *connection, const char *bytes, size_t length) {
    int rc = sm_websocket_feed(connection->socket, bytes, length);
    if (rc < 0)
        snprintf(connection->words, sizeof connection->words, "%s",
                 rc == -ENOMEM ? "out of memory" : "malformed frame from the server");
    if (flush(connection) && connection->words[0])
        lose_all(connection, connection->words);
}

static void free_upgrade(struct connection *connection) {
    free(connection->upgrade);
    connection->upgrade = NULL;
}

/* What the handshake took goes before what the frames take comes. False: the connection has ended.
 */
static bool go_up(struct connection *connection) {
    static const struct sm_websocket_events events = {.message = on_message, .closing = on_closing};
    free_upgrade(connection);
    if (sm_websocket_new(SM_WEBSOCKET_CLIENT, &load_of(connection)->readers, WHOLE_BYTES, &events,
                         connection, &connection->socket) < 0) {
        lose_all(connection, "out of memory");
        return false;
    }
    connection->is_up = true;
    sm_connection_set_room(&connection->base, load_of(connection)->pipeline);
    return true;
}

static void shake_hands(struct connection *connection, const char *bytes, size_t length) {
    char words[WORDS];
    size_t used;
    switch (sm_upgrade_feed(connection->upgrade, connection->key, bytes, length, &used)) {
    case SM_UPGRADE_MORE:
        return;
    case SM_UPGRADE_REFUSED:
        snprintf(words, sizeof words, "no handshake: %s", connection->upgrade->words);
        lose_all(connection, words);
        return;
    case SM_UPGRADE_DONE:
        if (!go_up(connection))
            return;
        put_all(connection);
        if (connection->base.state == SM_CONNECTION_OPEN && used < length)
            feed(connection, bytes + used, length - used);
        return;
    }
}

static void pull(struct connection *connection) {
    struct websocket_load *load = load_of(connection);
    ssize_t received = sm_link_receive(connection->base.link, load->received, RECEIVE_BYTES);
    if (received == -EAGAIN)
        return;
    if (received == 0)
        lose_all(connection, connection->is_up ? "connection closed without a closing frame"
                                               : "connection closed in the handshake");
    else if (received < 0)
        lose_all(connection,
                 connection->is_up ? "connection reset" : "connection reset in the handshake");
    else if (!connection->is_up)
        shake_hands(connection, load->received, (size_t)received);
    else
        feed(connection, load->received, (size_t)received);
}

static void opened(struct sm_connection *base) {
    struct connection *connection = (struct connection *)base;
    struct websocket_load *load = load_of(connection);
    connection->is_up = false;
    connection->asked_bytes = 0;
    connection->words[0] = '\0';
    sm_connection_set_room(base, 1);
    sm_upgrade_make_key((uint64_t)load->opened++, connection->key);
    connection->upgrade = malloc(sizeof *connection->upgrade);
    if (!connection->upgrade) {
        lose_all(connection, "out of memory");
        return;
    }
    sm_upgrade_begin(connection->upgrade, NULL);
    ask(connection);
}

static void closing(struct sm_connection *base) {
    struct connection *connection = (struct connection *)base;
    sm_websocket_free(connection->socket);
    connection->socket = NULL;
    free_upgrade(connection);
}

static void begin(struct sm_exchange *base) {
    struct connection *connection = (struct connection *)base->connection;
    if (connection->is_up)
        sm_connection_touch(&connection->base);
}

static void flush_touched(struct sm_connection *base) {
    put_all((struct connection *)base);
}

static void ready(struct sm_connection *base, bool readable, bool writable) {
    struct connection *connection = (struct connection *)base;
    if (writable && connection->is_up)
        put_all(connection);
    else if (writable && connection->asked_bytes < load_of(connection)->request.head_length)
        ask(connection);
    if (readable && base->state == SM_CONNECTION_OPEN)
        pull(connection);
}

static void late(struct sm_exchange *base) {
    struct connection *connection = (struct connection *)base->connection;
    const struct exchange *exchange = (const struct exchange *)base;
    if (!connection->is_up)
        sm_exchange_lose(base, "time-out in the handshake");
    else if (exchange->replies > 0)
        sm_exchange_lose(base, "time-out, not all replies");
    else
        sm_exchange_lose(base, exchange->end_bytes ? "time-out" : "time-out while sending");
    lose_all(connection, "connection given up after a time-out");
}

static const struct sm_protocol websocket = {.connection_bytes = sizeof(struct connection),
                                             .exchange_bytes = sizeof(struct exchange),
                                             .opened = opened,
                                             .closing = closing,
                                             .begin = begin,
                                             .ready = ready,
                                             .flush = flush_touched,
                                             .late = late};

static void websocket_close(void *driver) {
    struct websocket_load *load = driver;
    if (!load)
        return;
    sm_connections_close(&load->pool);
    sm_websocket_readers_free(&load->readers);
    sm_http1_request_free(&load->request);
    free(load->message);
    free(load->scratch);
    free(load);
}

static int make_request(struct websocket_load *load, const struct sm_block *config,
                        const struct sm_address *address, struct sm_error *err) {
    const char *headers[HEADERS] = {"Upgrade: websocket", "Connection: Upgrade",
                                    "Sec-WebSocket-Version: 13", key_line};
    size_t own_count = 0, count = 4;
    const char *const *own = sm_block_texts(config, "headers", &own_count);
    if (own_count > HEADERS - count)
        return sm_error_set(err, -EINVAL, config->where, NULL, "there are more than %zu headers",
                            HEADERS - count);
    for (size_t i = 0; i < own_count; i++)
        headers[count++] = own[i];
    const struct sm_http1_ask ask = {
        .method = "GET",
        .host = address->host,
        .path = sm_block_has(config, "path") ? sm_block_text(config, "path") : address->path,
        .headers = headers,
        .header_count = count};
    int rc = sm_http1_request_make(&ask, config->where, &load->request, err);
    if (rc == 0)
        load->key_at = (size_t)(strstr(load->request.head, key_line) - load->request.head) +
                       strlen(key_line) - strspn(strrchr(key_line, ' ') + 1, "0");
    return rc;
}

static int read_messages(struct websocket_load *load, const struct sm_block *config,
                         struct sm_error *err) {
    load->body = sm_block_body(config, "body");
    load->replies = (size_t)sm_block_quantity(config, "replies");
    load->pipeline = (size_t)sm_block_quantity(config, "pipeline");
    load->is_text = strcmp(sm_block_text(config, "kind"), "text") == 0;
    load->message = malloc(COMPOSED_BYTES);
    load->scratch = malloc(SM_BODY_SCRATCH);
    return load->message && load->scratch
               ? 0
               : sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot open the load");
}

static int open_load(void *driver, const struct sm_block *config, struct sm_error *err) {
    struct websocket_load *load = driver;
    struct sm_address address;
    int rc = read_messages(load, config, err);
    if (rc == 0)
        rc = sm_address_read_websocket(config, &address, err);
    if (rc < 0)
        return rc;
    rc = make_request(load, config, &address, err);
    if (rc == 0)
        rc = sm_connections_open(&load->pool, &websocket, config, &address, DEFAULT_CONNECTIONS,
                                 load->pipeline, (int64_t)load->body->payload_bytes, err);
    sm_address_free(&address);
    if (rc < 0)
        return rc;
    load->sent_outcome = sm_tally_outcome(load->pool.tally, "sent");
    load->answered_outcome = sm_tally_outcome(load->pool.tally, "answered");
    load->unasked_note = sm_tally_outcome(load->pool.tally, "messages that no unit asked for");
    return 0;
}

static int websocket_open(const struct sm_block *config, void **ret_driver, struct sm_error *err) {
    return sm_driver_open(config, sizeof(struct websocket_load), open_load, websocket_close,
                          ret_driver, err);
}

static const struct sm_key websocket_keys[] = {
    SM_LOAD_KEYS,
    SM_ADDRESS_KEYS,
    SM_PATH_KEY,
    {.name = "headers", .type = SM_KEY_TEXTS, .help = "a list of \"Name: value\""},
    {.name = "body", .type = SM_KEY_BODY, .required = true, .help = "what each message carries"},
    {.name = "kind",
     .type = SM_KEY_TEXT,
     .fallback = "binary",
     .choices = kind_names,
     .help = "of the messages"},
    {.name = "replies",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .fallback = "1",
     .at_most = 1e9,
     .help = "messages that answer each; with 0 a unit is accepted when all of it is in the "
             "connection"},
    SM_PIPELINED_KEYS,
    {.name = NULL}};

const struct sm_load_ops sm_websocket_load = {
    .name = "websocket_load",
    .help = "messages over WebSockets that it opens",
    .keys = websocket_keys,
    .open = websocket_open,
    .set_shard = sm_driver_set_shard,
    SM_DRIVER_OPS,
    .close = websocket_close,
};
