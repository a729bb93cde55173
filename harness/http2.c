#include "http2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http1.h"
#include "http2_fields.h"

enum {
    FRAME_HEAD_BYTES = 9,
    WINDOW_BYTES = 16 << 20, /* of replies under way, which are thrown away as they come */
    TURN_BYTES = 2 << 20,    /* sent on one connection before the others and the schedule are due */
    FRAME_BYTES = 1 << 20,   /* at the most, where the peer allows as much */
    FRAMES_BYTES = 4 << 20,  /* of all connections together: nghttp2 makes room for one on each */
    TURN_READS = 16,
    SHORT_BYTES = 16384, /* less than that received at once, a record of TLS: that was all */
    GREETING = 48,
    TRIES = 50,
    DEFAULT_CONNECTIONS = 16,
};

struct http2_connection {
    struct sm_connection base;
    nghttp2_session *session;
    struct sm_outbox outbox;
    struct sm_http2_exchange *last; /* that was looked up */
    bool has_settings;              /* the peer's have come: it does speak HTTP/2 */
    bool is_leaving;                /* GOAWAY has come */
    uint32_t leaving_code;
    int32_t last_stream_id;
    int send_error;              /* negative errno; the peer may have said why all the same */
    char words[SM_HTTP2_WORDS];  /* what the peer said to that, or what is wrong with it */
    char greeting[GREETING + 1]; /* the first bytes that came */
    size_t greeting_length;
};

static struct sm_http2 *load_of(const struct sm_connection *connection) {
    return (struct sm_http2 *)connection->pool;
}

static struct http2_connection *connection_of(const struct sm_http2_exchange *exchange) {
    return (struct http2_connection *)exchange->base.connection;
}

static bool is_at(const struct sm_http2_exchange *exchange,
                  const struct http2_connection *connection, int32_t stream_id) {
    return exchange && exchange->base.connection == &connection->base &&
           exchange->stream_id == stream_id;
}

/* NULL where the unit has ended before its stream. Exchanges are used again, but never freed before
 * the sessions are, so a pointer that was kept too long can be looked at. */
static struct sm_http2_exchange *exchange_at(struct http2_connection *connection,
                                             int32_t stream_id) {
    if (!is_at(connection->last, connection, stream_id))
        connection->last = nghttp2_session_get_stream_user_data(connection->session, stream_id);
    return is_at(connection->last, connection, stream_id) ? connection->last : NULL;
}

void sm_http2_end(struct sm_http2_exchange *exchange, enum sm_ending ending, int outcome) {
    struct http2_connection *connection = connection_of(exchange);
    if (!exchange->is_closed && !(exchange->has_sent && exchange->has_answered)) {
        nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE, exchange->stream_id,
                                  NGHTTP2_CANCEL);
        sm_connection_touch(&connection->base);
    }
    sm_exchange_end(&exchange->base, ending, outcome);
}

/* Words with what tells how far it came. */
static void lose_by(struct sm_http2_exchange *exchange, const char *what) {
    char words[SM_HTTP2_WORDS];
    snprintf(words, sizeof words, "%.78s%s", what,
             exchange->has_begun  ? ", partial reply"
             : exchange->has_sent ? ""
                                  : " while sending");
    sm_exchange_lose(&exchange->base, words);
}

static void late(struct sm_exchange *base) {
    struct sm_http2_exchange *exchange = (struct sm_http2_exchange *)base;
    const char *words = exchange->has_begun  ? "time-out, partial reply"
                        : exchange->has_sent ? "time-out"
                                             : "time-out while sending";
    if (exchange->has_answered)
        load_of(base->connection)->manner->answered(exchange, true);
    else
        sm_http2_end(exchange, SM_ENDING_UNANSWERED,
                     sm_tally_outcome(base->connection->pool->tally, words));
}

/* Bytes of the messages still to be sent, as far as `most`. */
static size_t left_to_send(const struct sm_http2 *load, const struct sm_http2_exchange *exchange,
                           size_t most) {
    int64_t first = exchange->base.unit.number * load->messages;
    size_t left = 0, offset = exchange->offset;
    for (int64_t i = exchange->message; i < load->messages && left <= most; i++, offset = 0)
        left += sm_payload_length(&load->payload, first + i) - offset;
    return left;
}

static ssize_t on_read(nghttp2_session *session, int32_t stream_id, uint8_t *buffer, size_t length,
                       uint32_t *flags, nghttp2_data_source *source, void *user) {
    struct sm_http2_exchange *exchange = exchange_at(user, stream_id);
    (void)session, (void)buffer, (void)source;
    if (!exchange)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t left = left_to_send(load_of(user), exchange, length);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (left > length)
        return (ssize_t)length;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)left;
}

/* As much in a frame as the peer allows. */
static ssize_t on_read_length(nghttp2_session *session, uint8_t type, int32_t stream_id,
                              int32_t session_window, int32_t stream_window, uint32_t most_in_frame,
                              void *user) {
    const struct sm_connection *connection = user;
    int64_t length = FRAME_BYTES,
            share = FRAMES_BYTES / (int64_t)connection->pool->connection_count;
    (void)session, (void)type, (void)stream_id;
    if (length > share)
        length = share;
    if (length < SHORT_BYTES)
        length = SHORT_BYTES;
    if (length > most_in_frame)
        length = most_in_frame;
    if (length > session_window)
        length = session_window;
    return (ssize_t)(length > stream_window ? stream_window : length);
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t length, nghttp2_data_source *source, void *user) {
    struct http2_connection *connection = user;
    struct sm_http2_exchange *exchange = exchange_at(user, frame->hd.stream_id);
    struct sm_http2 *load = load_of(user);
    (void)session, (void)source;
    if (!exchange)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (connection->outbox.queued_bytes >= SM_BODY_SCRATCH)
        return NGHTTP2_ERR_WOULDBLOCK;
    int rc = sm_outbox_add(&connection->outbox, head, FRAME_HEAD_BYTES);
    while (rc == 0 && length > 0) {
        int64_t number = exchange->base.unit.number * load->messages + exchange->message;
        size_t left = sm_payload_length(&load->payload, number) - exchange->offset;
        size_t now = left < length ? left : length;
        rc = now ? sm_outbox_add_payload(&connection->outbox, number, exchange->offset, now) : 0;
        exchange->offset += now;
        length -= now;
        if (now == left) {
            exchange->message++;
            exchange->offset = 0;
        }
    }
    exchange->has_sent = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    return rc < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                    size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                    void *user) {
    struct sm_http2_exchange *exchange = exchange_at(user, frame->hd.stream_id);
    const struct sm_http2_manner *manner = load_of(user)->manner;
    (void)session, (void)flags;
    if (!exchange)
        return 0;
    exchange->has_begun = true;
    if (name_length == 7 && memcmp(name, ":status", 7) == 0)
        exchange->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
    else if (manner->field)
        manner->field(exchange, (const char *)name, name_length, (const char *)value, value_length);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
                   size_t length, void *user) {
    struct sm_http2_exchange *exchange = exchange_at(user, stream_id);
    const struct sm_http2_manner *manner = load_of(user)->manner;
    (void)session, (void)flags;
    if (exchange && manner->data)
        manner->data(exchange, (const char *)bytes, length);
    return 0;
}

static void take_settings(struct http2_connection *connection) {
    size_t allowed = nghttp2_session_get_remote_settings(connection->session,
                                                         NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    size_t streams = load_of(&connection->base)->streams;
    connection->has_settings = true;
    if (!connection->is_leaving)
        sm_connection_set_room(&connection->base, allowed < streams ? allowed : streams);
}

static void take_goaway(struct http2_connection *connection, const nghttp2_goaway *frame) {
    char said[32];
    connection->is_leaving = true;
    connection->leaving_code = frame->error_code;
    connection->last_stream_id = frame->last_stream_id;
    sm_http1_quote((const char *)frame->opaque_data, frame->opaque_data_len, said, sizeof said);
    snprintf(connection->words, sizeof connection->words, "GOAWAY %s%s%s",
             nghttp2_http2_strerror(frame->error_code), said[0] ? ": " : "", said);
    sm_connection_set_room(&connection->base, 0);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct http2_connection *connection = user;
    struct sm_http2_exchange *exchange;
    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
            take_settings(connection);
        break;
    case NGHTTP2_GOAWAY:
        take_goaway(connection, &frame->goaway);
        break;
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
        exchange = exchange_at(user, frame->hd.stream_id);
        if (exchange && frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
            exchange->has_answered = true;
            load_of(user)->manner->answered(exchange, exchange->has_sent);
        }
        break;
    default:
        break;
    }
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code,
                            void *user) {
    struct http2_connection *connection = user;
    struct sm_http2_exchange *exchange = exchange_at(user, frame->hd.stream_id);
    (void)session;
    char *words = exchange ? exchange->malformed : connection->words;
    snprintf(words, SM_HTTP2_WORDS, "malformed reply: %s", nghttp2_strerror(code));
    return 0;
}

/* What nghttp2 ends a session for, it says to the peer. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct http2_connection *connection = user;
    char said[SM_HTTP2_WORDS / 2];
    (void)session;
    if (frame->hd.type != NGHTTP2_GOAWAY || frame->goaway.error_code == NGHTTP2_NO_ERROR)
        return 0;
    sm_http1_quote((const char *)frame->goaway.opaque_data, frame->goaway.opaque_data_len, said,
                   sizeof said);
    snprintf(connection->words, sizeof connection->words, "malformed reply: %s%s%s",
             nghttp2_http2_strerror(frame->goaway.error_code), said[0] ? ": " : "", said);
    return 0;
}

/* The target says that it has not looked at the stream. A graceful end is no refusal: the unit
 * goes to another connection, as it would from any client. */
static void take_unprocessed(struct sm_http2_exchange *exchange) {
    struct http2_connection *connection = connection_of(exchange);
    struct sm_tally *tally = connection->base.pool->tally;
    bool is_left = connection->is_leaving && exchange->stream_id > connection->last_stream_id;
    if (is_left && connection->leaving_code == NGHTTP2_NO_ERROR && exchange->tries < TRIES) {
        sm_exchange_again(&exchange->base);
        return;
    }
    int outcome =
        sm_tally_outcome(tally, is_left ? connection->words : "RST_STREAM REFUSED_STREAM");
    sm_exchange_end(&exchange->base, SM_ENDING_REFUSED, outcome);
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *user) {
    struct sm_http2_exchange *exchange = exchange_at(user, stream_id);
    char words[SM_HTTP2_WORDS];
    (void)session;
    if (!exchange)
        return 0;
    exchange->is_closed = true;
    if (exchange->malformed[0]) {
        sm_exchange_lose(&exchange->base, exchange->malformed);
    } else if (exchange->has_answered) {
        load_of(user)->manner->answered(exchange, true);
    } else if (code == NGHTTP2_REFUSED_STREAM) {
        take_unprocessed(exchange);
    } else {
        snprintf(words, sizeof words, "RST_STREAM %s", nghttp2_http2_strerror(code));
        lose_by(exchange, words);
    }
    return 0;
}

/* A request that could not be sent after all, as when a GOAWAY came first. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int code, void *user) {
    struct sm_connection *connection = user;
    struct sm_exchange *exchange;
    (void)session;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    TAILQ_FOREACH(exchange, &connection->exchanges, on_connection)
    if (((struct sm_http2_exchange *)exchange)->stream_id == frame->hd.stream_id)
        break;
    if (exchange && code == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED)
        sm_exchange_again(exchange);
    else if (exchange)
        sm_exchange_lose(exchange, nghttp2_strerror(code));
    return 0;
}

/* Ends all that is on the connection, and the connection. */
static void drop(struct http2_connection *connection, const char *what) {
    struct sm_exchange *base;
    while ((base = TAILQ_FIRST(&connection->base.exchanges))) {
        struct sm_http2_exchange *exchange = (struct sm_http2_exchange *)base;
        if (exchange->has_answered)
            load_of(&connection->base)->manner->answered(exchange, true);
        else
            lose_by(exchange, what);
    }
    sm_connection_drop(&connection->base);
}

static void drop_ended(struct http2_connection *connection, int code) {
    char words[SM_HTTP2_WORDS];
    const struct sm_exchange *base = TAILQ_FIRST(&connection->base.exchanges);
    bool is_waiting = base && ((const struct sm_http2_exchange *)base)->has_sent &&
                      !((const struct sm_http2_exchange *)base)->has_begun;
    if (connection->words[0])
        snprintf(words, sizeof words, "%s", connection->words);
    else if (connection->greeting_length && !connection->has_settings)
        snprintf(words, sizeof words, "not HTTP/2: %.34s", connection->greeting);
    else if (code == -ECONNRESET || connection->send_error)
        snprintf(words, sizeof words, "connection reset");
    else if (code < 0)
        snprintf(words, sizeof words, "%.40s", strerrordesc_np(-code));
    else
        snprintf(words, sizeof words, "connection closed%s", is_waiting ? " without a reply" : "");
    drop(connection, words);
}

/* What nghttp2 calls an error ends the session. */
static void drop_broken(struct http2_connection *connection, int error) {
    char words[SM_HTTP2_WORDS];
    if (connection->greeting_length && !connection->has_settings)
        snprintf(words, sizeof words, "not HTTP/2: %s", connection->greeting);
    else if (connection->words[0])
        snprintf(words, sizeof words, "%s", connection->words);
    else
        snprintf(words, sizeof words, "malformed reply: %s", nghttp2_strerror(error));
    drop(connection, words);
}

/* True: dropped, as nothing is on it or can come to be. */
static bool drop_if_over(struct http2_connection *connection) {
    bool is_dead = !nghttp2_session_want_read(connection->session) &&
                   !nghttp2_session_want_write(connection->session);
    if (is_dead)
        drop_broken(connection, NGHTTP2_ERR_PROTO);
    else if (connection->base.room == 0 && connection->base.count == 0)
        sm_connection_drop(&connection->base);
    return is_dead || connection->base.state == SM_CONNECTION_CLOSED;
}

/* Takes frames from nghttp2 when those before are gone. */
static int fill_outbox(struct http2_connection *connection) {
    const uint8_t *bytes;
    ssize_t length = 0;
    while (connection->outbox.queued_bytes < SM_BODY_SCRATCH &&
           (length = nghttp2_session_mem_send(connection->session, &bytes)) > 0)
        if (sm_outbox_add(&connection->outbox, bytes, (size_t)length) < 0)
            return NGHTTP2_ERR_NOMEM;
    return length < 0 ? (int)length : 0;
}

static void flush(struct sm_connection *base) {
    struct http2_connection *connection = (struct http2_connection *)base;
    struct sm_http2 *load = load_of(base);
    if (!connection->session) {
        drop(connection, "out of memory");
        return;
    }
    for (size_t turn = 0;;) {
        if (connection->outbox.queued_bytes == 0) {
            int error = fill_outbox(connection);
            if (error < 0) {
                drop_broken(connection, error);
                return;
            }
            if (connection->outbox.queued_bytes == 0)
                break;
        }
        if (turn >= TURN_BYTES) {
            sm_link_await_writable(base->link);
            return;
        }
        ssize_t sent =
            sm_outbox_send(&connection->outbox, base->link, &load->payload, load->scratch);
        if (sent == -EAGAIN)
            return;
        if (sent == -EIO) {
            drop(connection, "the body's file cannot be read");
            return;
        }
        if (sent < 0) {
            /* What the peer said before it closed is read when epoll reports the same. */
            connection->send_error = (int)sent;
            return;
        }
        turn += (size_t)sent;
    }
    drop_if_over(connection);
}

static void keep_greeting(struct http2_connection *connection, const char *bytes, size_t length) {
    size_t room = GREETING - connection->greeting_length;
    if (connection->has_settings || room == 0)
        return;
    sm_http1_quote(bytes, length, connection->greeting + connection->greeting_length, room + 1);
    connection->greeting_length = strlen(connection->greeting);
}

static void ready(struct sm_connection *base, bool readable, bool writable) {
    struct http2_connection *connection = (struct http2_connection *)base;
    struct sm_http2 *load = load_of(base);
    for (int i = 0; readable && i < TURN_READS; i++) {
        ssize_t received = sm_link_receive(base->link, load->received, sizeof load->received);
        if (received == -EAGAIN)
            break;
        if (received <= 0) {
            drop_ended(connection, (int)received);
            return;
        }
        keep_greeting(connection, load->received, (size_t)received);
        ssize_t used = nghttp2_session_mem_recv(connection->session, (uint8_t *)load->received,
                                                (size_t)received);
        if (used < 0) {
            drop_broken(connection, (int)used);
            return;
        }
        if (received < SHORT_BYTES)
            break;
    }
    if (drop_if_over(connection))
        return;
    if (writable || nghttp2_session_want_write(connection->session))
        sm_connection_touch(base);
}

static void opened(struct sm_connection *base) {
    struct http2_connection *connection = (struct http2_connection *)base;
    struct sm_http2 *load = load_of(base);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
    };
    connection->last = NULL;
    connection->has_settings = connection->is_leaving = false;
    connection->send_error = 0;
    connection->words[0] = connection->greeting[0] = '\0';
    connection->greeting_length = 0;
    if (nghttp2_session_client_new3(&connection->session, load->callbacks, connection, load->option,
                                    &load->memory.functions) != 0)
        return; /* no room: the unit is lost by begin */
    nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings,
                            sizeof settings / sizeof *settings);
    nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES);
    sm_connection_set_room(base,
                           load->streams < SM_HTTP2_STREAMS ? load->streams : SM_HTTP2_STREAMS);
    sm_connection_touch(base);
}

static void closing(struct sm_connection *base) {
    struct http2_connection *connection = (struct http2_connection *)base;
    nghttp2_session_del(connection->session);
    connection->session = NULL;
    sm_outbox_free(&connection->outbox);
    base->room = 0;
}

/* The value of the last field, which nghttp2 copies. */
static void set_length(struct sm_http2 *load, int64_t unit_number) {
    nghttp2_nv *field = &load->fields[load->field_count - 1];
    size_t bytes = sm_payload_length(&load->payload, unit_number);
    if (field->value && bytes == load->length_bytes)
        return;
    load->length_bytes = bytes;
    field->value = (uint8_t *)load->length;
    field->valuelen = (size_t)snprintf(load->length, sizeof load->length, "%zu", bytes);
}

static void begin(struct sm_exchange *base) {
    struct sm_http2_exchange *exchange = (struct sm_http2_exchange *)base;
    struct http2_connection *connection = connection_of(exchange);
    struct sm_http2 *load = load_of(base->connection);
    nghttp2_data_provider provider = {.read_callback = on_read};
    bool has_data = load->messages > 0 && (load->payload.body || load->payload.has_prefix);
    if (load->adds_length)
        set_length(load, base->unit.number);
    exchange->tries++;
    exchange->message = 0;
    exchange->offset = 0;
    exchange->has_sent = !has_data;
    exchange->has_begun = exchange->has_answered = exchange->is_closed = false;
    exchange->stream_id =
        connection->session
            ? nghttp2_submit_request(connection->session, NULL, load->fields, load->field_count,
                                     has_data ? &provider : NULL, exchange)
            : NGHTTP2_ERR_NOMEM;
    if (exchange->stream_id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE) {
        sm_connection_set_room(base->connection, 0);
        sm_exchange_again(base);
    } else if (exchange->stream_id < 0) {
        sm_exchange_lose(base, nghttp2_strerror(exchange->stream_id));
    }
    sm_connection_touch(&connection->base);
}

static int make_session_parts(struct sm_http2 *load) {
    if (nghttp2_session_callbacks_new(&load->callbacks) != 0 ||
        nghttp2_option_new(&load->option) != 0)
        return -ENOMEM;
    nghttp2_option_set_no_closed_streams(load->option, 1);
    nghttp2_session_callbacks *callbacks = load->callbacks;
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, on_read_length);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
    return 0;
}

/* The length of a body, which a request says beforehand where it is a single one. */
static void add_length(struct sm_http2 *load) {
    static char name[] = "content-length";
    if (load->payload.has_prefix || !load->payload.body)
        return;
    load->adds_length = true;
    load->fields[load->field_count++] = (nghttp2_nv){
        .name = (uint8_t *)name, .namelen = sizeof name - 1, .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME};
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
    load->protocol = (struct sm_protocol){.connection_bytes = sizeof(struct http2_connection),
                                          .exchange_bytes = manner->exchange_bytes,
                                          .opened = opened,
                                          .closing = closing,
                                          .begin = begin,
                                          .ready = ready,
                                          .flush = flush,
                                          .late = late};
    int rc = sm_http2_fields_make(ask, config->where, &load->fields, &load->field_count,
                                  &load->field_texts, err);
    if (rc < 0)
        return rc;
    add_length(load);
    if (make_session_parts(load) < 0)
        return sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot open the load");
    int64_t unit_bytes = body ? (int64_t)body->payload_bytes * load->messages : 0;
    return sm_connections_open(&load->pool, &load->protocol, config, &address, DEFAULT_CONNECTIONS,
                               load->streams, unit_bytes, err);
}

void sm_http2_close(struct sm_http2 *load) {
    sm_connections_close(&load->pool);
    nghttp2_session_callbacks_del(load->callbacks);
    nghttp2_option_del(load->option);
    sm_http2_memory_free(&load->memory);
    free(load->fields);
    free(load->field_texts);
}
