/* http2_receive.c - what comes on an HTTP/2 connection, frame by frame (RFC 9113, 6). Bodies are
 * handed on as they come, other frames are looked at whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http1.h"
#include "http2_connection.h"

enum {
    BLOCK_BYTES_MOST = 1 << 18, /* of fields, encoded; each frame of them counts with its head */
    ANSWERS_MOST = 1000,        /* to PING and SETTINGS, that the peer does not read */
    STREAMS_UNSAID = 100,       /* at once, while the peer has said nothing */
    SETTING_BYTES = 6,
    FRAME_BYTES_MOST = (1 << 24) - 1, /* that a peer may take */
    TRIES = 50,
};

static bool is_idle(const struct sm_http2_connection *connection, uint32_t stream_id) {
    return stream_id % 2 == 0 || stream_id >= connection->next_stream_id;
}

/* Ends the stream and its unit for what is wrong with the reply. */
static void refuse(struct sm_http2_exchange *exchange, uint32_t code, const char *fault) {
    struct sm_http2_connection *connection = sm_http2_connection_of(exchange);
    char words[SM_HTTP2_WORDS];
    snprintf(words, sizeof words, "malformed reply: %s", fault);
    if (!exchange->is_closed)
        sm_http2_put_32(connection, NGHTTP2_RST_STREAM, exchange->stream_id, code);
    sm_http2_leave_stream(exchange);
    sm_exchange_lose(&exchange->base, words);
}

/* The reply has ended, or it cannot be one. */
static void settle(struct sm_http2_exchange *exchange, bool ends_stream) {
    if (ends_stream)
        sm_http2_reply_end(&exchange->reply);
    if (exchange->reply.fault) {
        refuse(exchange, NGHTTP2_PROTOCOL_ERROR, exchange->reply.fault);
    } else if (ends_stream) {
        exchange->has_answered = true;
        sm_http2_load_of(sm_http2_connection_of(exchange))
            ->manner->answered(exchange, exchange->has_sent);
    }
}

/* The target says that it has not looked at the stream. A graceful end is no refusal: the unit
 * goes to another connection, as it would from any client. */
static void take_unprocessed(struct sm_http2_exchange *exchange, bool is_left) {
    struct sm_http2_connection *connection = sm_http2_connection_of(exchange);
    struct sm_tally *tally = connection->base.pool->tally;
    sm_http2_leave_stream(exchange);
    if (is_left && connection->leaving_code == NGHTTP2_NO_ERROR && exchange->tries < TRIES) {
        sm_exchange_again(&exchange->base);
        return;
    }
    int outcome =
        sm_tally_outcome(tally, is_left ? connection->words : "RST_STREAM REFUSED_STREAM");
    sm_exchange_end(&exchange->base, SM_ENDING_REFUSED, outcome);
}

/* The peer has closed the stream. is_left: by GOAWAY, with this code for those it leaves alone. */
static void close_stream(struct sm_http2_exchange *exchange, uint32_t code, bool is_left) {
    struct sm_http2_connection *connection = sm_http2_connection_of(exchange);
    char words[SM_HTTP2_WORDS];
    exchange->is_closed = true;
    if (exchange->has_answered) {
        sm_http2_load_of(connection)->manner->answered(exchange, true);
    } else if (code == NGHTTP2_REFUSED_STREAM) {
        take_unprocessed(exchange, is_left);
    } else {
        snprintf(words, sizeof words, "RST_STREAM %s", nghttp2_http2_strerror(code));
        sm_http2_lose(exchange, words);
    }
}

/* Opens a window again of which half is used. What is beyond it need not be looked for: a peer that
 * sends without waiting for this costs no memory. */
static void open_window(struct sm_http2_connection *connection, uint32_t stream_id,
                        uint32_t *received) {
    if (*received < SM_HTTP2_WINDOW_BYTES / 2)
        return;
    sm_http2_put_32(connection, NGHTTP2_WINDOW_UPDATE, stream_id, *received);
    *received = 0;
}

/* As much of the body under way as there is. Returns the bytes that were its own. */
static size_t take_data(struct sm_http2_connection *connection, const uint8_t *bytes,
                        size_t length) {
    struct sm_http2_head *data = &connection->data;
    struct sm_http2_exchange *exchange = sm_http2_streams_at(&connection->streams, data->stream_id);
    const struct sm_http2_manner *manner = sm_http2_load_of(connection)->manner;
    size_t now = length < data->length ? length : data->length;
    size_t body = data->length > connection->padding ? data->length - connection->padding : 0;
    if (exchange && manner->data && body > 0)
        manner->data(exchange, (const char *)bytes, now < body ? now : body);
    data->length -= (uint32_t)now;
    if (data->length == 0 && exchange && data->flags & NGHTTP2_FLAG_END_STREAM)
        settle(exchange, true);
    return now;
}

/* padding: its length, and one byte more for saying so; 0: there is none. */
static void begin_data(struct sm_http2_connection *connection, const struct sm_http2_head *head,
                       uint32_t padding) {
    struct sm_http2_exchange *exchange = sm_http2_streams_at(&connection->streams, head->stream_id);
    if (is_idle(connection, head->stream_id) || padding > head->length) {
        sm_http2_break(connection, NGHTTP2_PROTOCOL_ERROR,
                       padding > head->length ? "DATA: only padding" : "DATA: stream not opened");
        return;
    }
    connection->received += head->length;
    open_window(connection, 0, &connection->received);
    connection->data = *head;
    connection->data.length -= padding > 0;
    connection->padding = padding > 0 ? padding - 1 : 0;
    if (exchange && exchange->has_answered) {
        refuse(exchange, NGHTTP2_STREAM_CLOSED, "more after its end");
    } else if (exchange) {
        exchange->received += head->length;
        if (!(head->flags & NGHTTP2_FLAG_END_STREAM))
            open_window(connection, head->stream_id, &exchange->received);
        sm_http2_reply_data(&exchange->reply, head->length - padding);
        if (exchange->reply.fault)
            settle(exchange, false);
    }
    if (connection->data.length == 0)
        take_data(connection, NULL, 0);
}

static void take_piece_of_block(struct sm_http2_connection *connection, const uint8_t *bytes,
                                size_t length, bool is_first, bool is_last) {
    struct sm_http2_block *block = &connection->block;
    struct sm_http2 *load = sm_http2_load_of(connection);
    struct sm_http2_exchange *exchange =
        sm_http2_streams_at(&connection->streams, block->stream_id);
    if (exchange && is_first && exchange->has_answered) {
        refuse(exchange, NGHTTP2_STREAM_CLOSED, "more after its end");
        exchange = NULL;
    }
    if (exchange && is_first)
        sm_http2_reply_begin_block(&exchange->reply);
    int rc = is_first && is_last
                 ? sm_http2_block_take_whole(block, load, exchange, bytes, length)
                 : sm_http2_block_take(block, load, exchange, bytes, length, is_last);
    block->bytes += length + SM_HTTP2_HEAD_BYTES;
    if (is_last)
        block->stream_id = 0;
    if (rc == -ENOMEM)
        sm_http2_break(connection, NGHTTP2_INTERNAL_ERROR, "out of memory");
    else if (rc < 0)
        sm_http2_break(connection, NGHTTP2_COMPRESSION_ERROR, "");
    else if (block->bytes > BLOCK_BYTES_MOST)
        sm_http2_break(connection, NGHTTP2_ENHANCE_YOUR_CALM, "endless headers");
    if (rc < 0 || !exchange || !is_last)
        return;
    sm_http2_reply_end_block(&exchange->reply, block->ends_stream);
    settle(exchange, block->ends_stream);
}

static void take_headers(struct sm_http2_connection *connection, const struct sm_http2_head *head,
                         const uint8_t *payload) {
    enum { PRIORITY_BYTES = 5 };
    uint32_t before = 0, padding = 0;
    if (head->flags & NGHTTP2_FLAG_PADDED) {
        before = 1;
        padding = head->length > 0 ? payload[0] : 0;
    }
    if (head->flags & NGHTTP2_FLAG_PRIORITY)
        before += PRIORITY_BYTES;
    if (before + padding > head->length) {
        sm_http2_break(connection, NGHTTP2_PROTOCOL_ERROR, "HEADERS: only padding");
        return;
    }
    if (is_idle(connection, head->stream_id)) {
        sm_http2_break(connection, NGHTTP2_PROTOCOL_ERROR, "HEADERS: stream not opened");
        return;
    }
    connection->block.stream_id = head->stream_id;
    connection->block.ends_stream = head->flags & NGHTTP2_FLAG_END_STREAM;
    connection->block.bytes = 0;
    take_piece_of_block(connection, payload + before, head->length - before - padding, true,
                        head->flags & NGHTTP2_FLAG_END_HEADERS);
}

static void take_rst_stream(struct sm_http2_connection *connection,
                            const struct sm_http2_head *head, const uint8_t *payload) {
    struct sm_http2_exchange *exchange = sm_http2_streams_at(&connection->streams, head->stream_id);
    if (is_idle(connection, head->stream_id))
        sm_http2_break(connection, NGHTTP2_PROTOCOL_ERROR, "RST_STREAM: stream in idle");
    else if (exchange)
        close_stream(exchange, sm_http2_read_32(payload), false);
}

/* Counts an answer that waits to be sent; false: there are too many. */
static bool may_answer(struct sm_http2_connection *connection) {
    if (++connection->answers <= ANSWERS_MOST)
        return true;
    sm_http2_break(connection, NGHTTP2_ENHANCE_YOUR_CALM, "a flood of SETTINGS or PING");
    return false;
}

static void take_setting(struct sm_http2_connection *connection, uint32_t id, uint32_t value) {
    switch (id) {
    case NGHTTP2_SETTINGS_HEADER_TABLE_SIZE:
        connection->wording = sm_http2_wording_within(connection->wording, value);
        break;
    case NGHTTP2_SETTINGS_ENABLE_PUSH:
        if (value != 0)
            sm_http2_break(connection, NGHTTP2_PROTOCOL_ERROR,
                           "SETTINGS: server attempted to enable push");
        break;
    case NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS:
        connection->allowed = value;
        break;
    case NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE:
        if (value > INT32_MAX || sm_http2_set_stream_credit(connection, value) < 0)
            sm_http2_break(connection, NGHTTP2_FLOW_CONTROL_ERROR, "SETTINGS: too large a window");
        break;
    case NGHTTP2_SETTINGS_MAX_FRAME_SIZE:
        if (value < SM_HTTP2_FRAME_BYTES || value > FRAME_BYTES_MOST)
            sm_http2_break(connection, NGHTTP2_PROTOCOL_ERROR,
                           "SETTINGS: invalid SETTINGS_MAX_FRAME_SIZE");
        connection->most_in_frame = value;
        break;
    default:
        break;
    }
}

static void take_settings(struct sm_http2_connection *connection, const struct sm_http2_head *head,
                          const uint8_t *payload) {
    size_t streams = sm_http2_load_of(connection)->streams;
    bool is_ack = head->flags & NGHTTP2_FLAG_ACK;
    connection->has_settings = true;
    if (head->length % SETTING_BYTES || (is_ack && head->length > 0)) {
        sm_http2_break(connection, NGHTTP2_FRAME_SIZE_ERROR, "");
        return;
    }
    if (is_ack || !may_answer(connection))
        return;
    for (uint32_t at = 0; at < head->length && !connection->is_broken; at += SETTING_BYTES)
        take_setting(connection, (uint32_t)payload[at] << 8 | payload[at + 1],
                     sm_http2_read_32(payload + at + 2));
    if (connection->is_broken)
        return;
    sm_http2_put(connection,
                 &(struct sm_http2_head){.type = NGHTTP2_SETTINGS, .flags = NGHTTP2_FLAG_ACK},
                 NULL);
    if (!connection->is_leaving)
        sm_connection_set_room(&connection->base,
                               connection->allowed < streams ? connection->allowed : streams);
}

static void take_ping(struct sm_http2_connection *connection, const struct sm_http2_head *head,
                      const uint8_t *payload) {
    if (!(head->flags & NGHTTP2_FLAG_ACK) && may_answer(connection))
        sm_http2_put(connection,
                     &(struct sm_http2_head){
                         .length = head->length, .type = NGHTTP2_PING, .flags = NGHTTP2_FLAG_ACK},
                     payload);
}

static void take_goaway(struct sm_http2_connection *connection, const struct sm_http2_head *head,
                        const uint8_t *payload) {
    enum { FIXED_BYTES = 8 };
    uint32_t last = sm_http2_read_32(payload) & INT32_MAX;
    char said[32];
    if ((last > 0 && last % 2 == 0) ||
        (connection->is_leaving && last > connection->last_stream_id)) {
        sm_http2_break(connection, NGHTTP2_PROTOCOL_ERROR, "GOAWAY: invalid last_stream_id");
        return;
    }
    connection->is_leaving = true;
    connection->last_stream_id = last;
    connection->leaving_code = sm_http2_read_32(payload + 4);
    sm_http1_quote((const char *)payload + FIXED_BYTES, head->length - FIXED_BYTES, said,
                   sizeof said);
    snprintf(connection->words, sizeof connection->words, "GOAWAY %s%s%s",
             nghttp2_http2_strerror(connection->leaving_code), said[0] ? ": " : "", said);
    sm_connection_set_room(&connection->base, 0);
    struct sm_exchange *base = TAILQ_FIRST(&connection->base.exchanges), *next;
    for (; base; base = next) {
        struct sm_http2_exchange *exchange = (struct sm_http2_exchange *)base;
        next = TAILQ_NEXT(base, on_connection);
        if (exchange->stream_id > last)
            close_stream(exchange, NGHTTP2_REFUSED_STREAM, true);
    }
}

static void take_window_update(struct sm_http2_connection *connection,
                               const struct sm_http2_head *head, const uint8_t *payload) {
    uint32_t bytes = sm_http2_read_32(payload) & INT32_MAX;
    struct sm_http2_exchange *exchange = sm_http2_streams_at(&connection->streams, head->stream_id);
    if (head->stream_id == 0 && bytes == 0)
        sm_http2_break(connection, NGHTTP2_PROTOCOL_ERROR, "WINDOW_UPDATE: of nothing");
    else if (head->stream_id == 0 && sm_http2_add_credit(connection, bytes) < 0)
        sm_http2_break(connection, NGHTTP2_FLOW_CONTROL_ERROR, "WINDOW_UPDATE: too large");
    else if (head->stream_id != 0 && is_idle(connection, head->stream_id))
        sm_http2_break(connection, NGHTTP2_PROTOCOL_ERROR, "WINDOW_UPDATE to idle stream");
    else if (exchange && bytes == 0)
        refuse(exchange, NGHTTP2_PROTOCOL_ERROR, "WINDOW_UPDATE of nothing");
    else if (exchange && sm_http2_add_stream_credit(connection, exchange, bytes) < 0)
        refuse(exchange, NGHTTP2_FLOW_CONTROL_ERROR, "WINDOW_UPDATE too large");
}

/* RFC 9113, 6: how long a frame is, and whether it belongs to a stream. */
static const struct {
    uint32_t least, most;
    bool may_have_stream, may_have_none;
} shapes[] = {
    [NGHTTP2_DATA] = {0, SM_HTTP2_FRAME_BYTES, true, false},
    [NGHTTP2_HEADERS] = {0, SM_HTTP2_FRAME_BYTES, true, false},
    [NGHTTP2_PRIORITY] = {5, 5, true, false},
    [NGHTTP2_RST_STREAM] = {4, 4, true, false},
    [NGHTTP2_SETTINGS] = {0, SM_HTTP2_FRAME_BYTES, false, true},
    [NGHTTP2_PUSH_PROMISE] = {0, SM_HTTP2_FRAME_BYTES, true, true},
    [NGHTTP2_PING] = {8, 8, false, true},
    [NGHTTP2_GOAWAY] = {8, SM_HTTP2_FRAME_BYTES, false, true},
    [NGHTTP2_WINDOW_UPDATE] = {4, 4, true, true},
    [NGHTTP2_CONTINUATION] = {0, SM_HTTP2_FRAME_BYTES, true, false},
};

/* Whether a frame may come now; otherwise what is wrong with it. */
static bool may_come(const struct sm_http2_connection *connection, const struct sm_http2_head *head,
                     uint32_t *ret_code, const char **ret_said) {
    bool is_continuation = head->type == NGHTTP2_CONTINUATION;
    const char *said = NULL;
    uint32_t code = NGHTTP2_PROTOCOL_ERROR;
    if (!connection->has_settings &&
        (head->type != NGHTTP2_SETTINGS || head->flags & NGHTTP2_FLAG_ACK)) {
        said = "SETTINGS expected";
    } else if (head->length > SM_HTTP2_FRAME_BYTES) {
        code = NGHTTP2_FRAME_SIZE_ERROR;
        said = "too large frame size";
    } else if (connection->block.stream_id != (is_continuation ? head->stream_id : 0)) {
        said = connection->block.stream_id ? "HEADERS: interrupted" : "CONTINUATION: unexpected";
    } else if (head->type == NGHTTP2_PUSH_PROMISE) {
        said = "PUSH_PROMISE: push disabled";
    } else if (head->type < sizeof shapes / sizeof *shapes) {
        if (head->stream_id ? !shapes[head->type].may_have_stream
                            : !shapes[head->type].may_have_none) {
            said = "a frame for another stream_id";
        } else if (head->length < shapes[head->type].least ||
                   head->length > shapes[head->type].most) {
            code = NGHTTP2_FRAME_SIZE_ERROR;
            said = "";
        }
    }
    if (!said)
        return true;
    *ret_code = code;
    *ret_said = said;
    return false;
}

static void take_frame(struct sm_http2_connection *connection, const uint8_t *bytes) {
    struct sm_http2_head head = sm_http2_head_read(bytes);
    const uint8_t *payload = bytes + SM_HTTP2_HEAD_BYTES;
    uint32_t code;
    const char *said;
    if (!may_come(connection, &head, &code, &said)) {
        sm_http2_break(connection, code, said);
        return;
    }
    switch (head.type) {
    case NGHTTP2_DATA:
        begin_data(connection, &head,
                   head.flags & NGHTTP2_FLAG_PADDED ? 1U + (head.length > 0 ? *payload : 0) : 0);
        break;
    case NGHTTP2_HEADERS:
        take_headers(connection, &head, payload);
        break;
    case NGHTTP2_RST_STREAM:
        take_rst_stream(connection, &head, payload);
        break;
    case NGHTTP2_SETTINGS:
        take_settings(connection, &head, payload);
        break;
    case NGHTTP2_PING:
        take_ping(connection, &head, payload);
        break;
    case NGHTTP2_GOAWAY:
        take_goaway(connection, &head, payload);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        take_window_update(connection, &head, payload);
        break;
    case NGHTTP2_CONTINUATION:
        take_piece_of_block(connection, payload, head.length, false,
                            head.flags & NGHTTP2_FLAG_END_HEADERS);
        break;
    default: /* PRIORITY, and what others have added */
        break;
    }
}

/* How many bytes must be there for take_frame, as far as these tell: of DATA the head and the
 * length of its padding, and no more of what may not come. */
static size_t bytes_needed(const struct sm_http2_connection *connection, const uint8_t *bytes,
                           size_t length) {
    uint32_t code;
    const char *said;
    if (length < SM_HTTP2_HEAD_BYTES)
        return SM_HTTP2_HEAD_BYTES;
    struct sm_http2_head head = sm_http2_head_read(bytes);
    if (head.type == NGHTTP2_DATA)
        return SM_HTTP2_HEAD_BYTES + (head.flags & NGHTTP2_FLAG_PADDED && head.length > 0);
    return SM_HTTP2_HEAD_BYTES + (may_come(connection, &head, &code, &said) ? head.length : 0);
}

/* Adds to a frame that has not come whole what is missing, as far as it is there. Returns how much
 * that was. */
static size_t complete(struct sm_http2_connection *connection, const uint8_t *bytes,
                       size_t length) {
    size_t had = connection->partial_length;
    size_t missing = bytes_needed(connection, connection->partial, had) - had;
    size_t now = length < missing ? length : missing;
    uint8_t *grown = realloc(connection->partial, had + missing);
    if (!grown) {
        sm_http2_break(connection, NGHTTP2_INTERNAL_ERROR, "out of memory");
        return length;
    }
    connection->partial = grown;
    memcpy(grown + had, bytes, now);
    connection->partial_length = had + now;
    if (bytes_needed(connection, grown, had + now) > had + now)
        return now;
    connection->partial = NULL;
    connection->partial_length = 0;
    take_frame(connection, grown);
    free(grown);
    return now;
}

void sm_http2_take(struct sm_http2_connection *connection, const uint8_t *bytes, size_t length) {
    while (length > 0 && !connection->is_broken) {
        size_t now = 0;
        if (connection->data.length > 0) {
            now = take_data(connection, bytes, length);
        } else if (connection->partial_length == 0) {
            now = bytes_needed(connection, bytes, length);
            if (now <= length)
                take_frame(connection, bytes);
        }
        if (now == 0 || now > length)
            now = complete(connection, bytes, length);
        bytes += now;
        length -= now;
    }
}
