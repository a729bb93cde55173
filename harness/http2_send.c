/* http2_send.c - the frames of an HTTP/2 connection: requests, bodies within the windows that the
 * peer opens (RFC 9113, 5.2 and 6.9), and what it is told. */
#include <errno.h>
#include <string.h>

#include "http2_connection.h"

enum {
    FRAME_BYTES = 1 << 20, /* at the most, where the peer allows as much */
};
#define CREDIT_MOST INT64_C(0x7fffffff)

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void put_bytes(struct sm_http2_connection *connection, const void *bytes, size_t length) {
    sm_connection_touch(&connection->base);
    if (sm_outbox_add(&connection->outbox, bytes, length) < 0)
        sm_http2_break(connection, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

void sm_http2_put(struct sm_http2_connection *connection, const struct sm_http2_head *head,
                  const void *payload) {
    uint8_t bytes[SM_HTTP2_HEAD_BYTES];
    sm_http2_head_write(bytes, head);
    put_bytes(connection, bytes, sizeof bytes);
    if (head->length > 0)
        put_bytes(connection, payload, head->length);
}

void sm_http2_put_32(struct sm_http2_connection *connection, uint8_t type, uint32_t stream_id,
                     uint32_t value) {
    uint8_t payload[4];
    sm_http2_write_32(payload, value);
    sm_http2_put(
        connection,
        &(struct sm_http2_head){.length = sizeof payload, .type = type, .stream_id = stream_id},
        payload);
}

void sm_http2_greet(struct sm_http2_connection *connection) {
    static const uint8_t settings[] = {
        0,
        NGHTTP2_SETTINGS_ENABLE_PUSH,
        0,
        0,
        0,
        0, /* */
        0,
        NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
        SM_HTTP2_WINDOW_BYTES >> 24,
        SM_HTTP2_WINDOW_BYTES >> 16 & 0xff,
        SM_HTTP2_WINDOW_BYTES >> 8 & 0xff,
        SM_HTTP2_WINDOW_BYTES & 0xff,
    };
    put_bytes(connection, preface, sizeof preface - 1);
    sm_http2_put(connection,
                 &(struct sm_http2_head){.length = sizeof settings, .type = NGHTTP2_SETTINGS},
                 settings);
    sm_http2_put_32(connection, NGHTTP2_WINDOW_UPDATE, 0,
                    SM_HTTP2_WINDOW_BYTES - NGHTTP2_INITIAL_WINDOW_SIZE);
}

static bool has_room(const struct sm_http2_connection *connection,
                     const struct sm_http2_exchange *exchange) {
    return connection->stream_credit + exchange->credit > 0;
}

static void take_turn(struct sm_http2_connection *connection, struct sm_http2_exchange *exchange) {
    exchange->has_turn = true;
    TAILQ_INSERT_TAIL(&connection->senders, exchange, sending);
}

static void give_up_turn(struct sm_http2_connection *connection,
                         struct sm_http2_exchange *exchange) {
    exchange->has_turn = false;
    TAILQ_REMOVE(&connection->senders, exchange, sending);
}

void sm_http2_leave_stream(struct sm_http2_exchange *exchange) {
    struct sm_http2_connection *connection = sm_http2_connection_of(exchange);
    if (exchange->has_turn)
        give_up_turn(connection, exchange);
    if (exchange->stream_id)
        sm_http2_streams_remove(&connection->streams, exchange);
    exchange->stream_id = 0;
}

int sm_http2_put_request(struct sm_http2_connection *connection,
                         struct sm_http2_exchange *exchange) {
    struct sm_http2 *load = sm_http2_load_of(connection);
    int64_t body_length =
        load->says_length ? (int64_t)sm_payload_length(&load->payload, exchange->base.unit.number)
                          : -1;
    size_t length;
    if (connection->next_stream_id > INT32_MAX)
        return -EOVERFLOW;
    const uint8_t *frames = sm_http2_request_frames(
        &load->request, connection->wording, connection->next_stream_id, body_length, &length);
    exchange->stream_id = connection->next_stream_id;
    if (!frames || sm_http2_streams_add(&connection->streams, exchange) < 0) {
        exchange->stream_id = 0;
        return -ENOMEM;
    }
    put_bytes(connection, frames, length);
    connection->next_stream_id += 2;
    connection->wording = sm_http2_wording_after(connection->wording);
    if (!exchange->has_sent)
        take_turn(connection, exchange);
    return 0;
}

/* Bytes of the messages still to be sent, as far as `most`. */
static int64_t left_to_send(const struct sm_http2 *load, const struct sm_http2_exchange *exchange,
                            int64_t most) {
    int64_t first = exchange->base.unit.number * load->messages, left = 0;
    size_t offset = exchange->offset;
    for (int64_t i = exchange->message; i < load->messages && left <= most; i++, offset = 0)
        left += (int64_t)(sm_payload_length(&load->payload, first + i) - offset);
    return left;
}

/* So many bytes of the messages, from where the exchange is. */
static int put_messages(struct sm_http2_connection *connection, struct sm_http2_exchange *exchange,
                        size_t length) {
    const struct sm_http2 *load = sm_http2_load_of(connection);
    int rc = 0;
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
    return rc;
}

static void put_data(struct sm_http2_connection *connection, struct sm_http2_exchange *exchange,
                     int64_t length, bool is_last) {
    struct sm_http2_head head = {.length = (uint32_t)length,
                                 .type = NGHTTP2_DATA,
                                 .flags = is_last ? NGHTTP2_FLAG_END_STREAM : 0,
                                 .stream_id = exchange->stream_id};
    uint8_t bytes[SM_HTTP2_HEAD_BYTES];
    sm_http2_head_write(bytes, &head);
    /* It is being flushed. */
    if (sm_outbox_add(&connection->outbox, bytes, sizeof bytes) < 0 ||
        put_messages(connection, exchange, (size_t)length) < 0)
        sm_http2_break(connection, NGHTTP2_INTERNAL_ERROR, "out of memory");
    connection->credit -= length;
    exchange->credit -= length;
    exchange->has_sent = is_last;
    give_up_turn(connection, exchange);
    if (!is_last)
        take_turn(connection, exchange);
    else if (exchange->has_answered)
        sm_http2_load_of(connection)->manner->answered(exchange, true);
}

static int64_t lesser(int64_t a, int64_t b) {
    return a < b ? a : b;
}

void sm_http2_put_bodies(struct sm_http2_connection *connection) {
    struct sm_http2_exchange *exchange;
    int64_t most = lesser(FRAME_BYTES, connection->most_in_frame);
    while (connection->outbox.queued_bytes < SM_BODY_SCRATCH &&
           (exchange = TAILQ_FIRST(&connection->senders))) {
        int64_t left = left_to_send(sm_http2_load_of(connection), exchange, most);
        int64_t room =
            lesser(lesser(most, connection->credit), connection->stream_credit + exchange->credit);
        if (left == 0 || room > 0)
            put_data(connection, exchange, lesser(left, room), left <= room);
        else if (!has_room(connection, exchange))
            give_up_turn(connection, exchange);
        else
            break;
    }
}

int sm_http2_add_credit(struct sm_http2_connection *connection, uint32_t bytes) {
    connection->credit += bytes;
    if (!TAILQ_EMPTY(&connection->senders))
        sm_connection_touch(&connection->base);
    return connection->credit > CREDIT_MOST ? -ERANGE : 0;
}

int sm_http2_add_stream_credit(struct sm_http2_connection *connection,
                               struct sm_http2_exchange *exchange, uint32_t bytes) {
    exchange->credit += bytes;
    if (connection->stream_credit + exchange->credit > CREDIT_MOST)
        return -ERANGE;
    if (!exchange->has_sent && !exchange->has_turn && has_room(connection, exchange)) {
        take_turn(connection, exchange);
        sm_connection_touch(&connection->base);
    }
    return 0;
}

int sm_http2_set_stream_credit(struct sm_http2_connection *connection, uint32_t bytes) {
    struct sm_exchange *base;
    int rc = 0;
    connection->stream_credit = bytes;
    TAILQ_FOREACH(base, &connection->base.exchanges, on_connection)
    if (sm_http2_add_stream_credit(connection, (struct sm_http2_exchange *)base, 0) < 0)
        rc = -ERANGE;
    return rc;
}
