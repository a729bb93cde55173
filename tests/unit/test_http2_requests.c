/* What is sent on a connection of HTTP/2, read by a peer that holds it to what it allowed; and that
 * heads of replies are understood whatever the connection's table has been told to keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/random.h"
#include "http2_world.h"

enum {
    PREFACE_BYTES = 24,
    BODY_BYTES = 300000,
    UNITS = 8,
    FIELDS_BYTES = 1024,
    LARGE_BYTES = 40000,
    BLOCKS = 50000,
    CONNECTIONS = 4,
    TABLE_ENTRIES = 128,
    SEED = 11,
};

/* The peer, as far as it has read. */
static struct peer {
    size_t at;
    nghttp2_hd_inflater *inflater;
    int64_t window, stream_window, most_in_frame;
    uint32_t table_bytes; /* of the next SETTINGS to be acknowledged */
    struct peer_stream {
        char fields[FIELDS_BYTES]; /* "name: value\n" of each */
        int64_t window, received;
        bool has_ended;
    } streams[UNITS];
    int requests, resets;
} peer;

static void peer_open(size_t body_bytes) {
    http2_world_open(body_bytes ? "POST" : "GET", body_bytes);
    peer = (struct peer){.window = NGHTTP2_INITIAL_WINDOW_SIZE,
                         .stream_window = NGHTTP2_INITIAL_WINDOW_SIZE,
                         .most_in_frame = SM_HTTP2_FRAME_BYTES,
                         .table_bytes = 4096};
    assert_int_equal(nghttp2_hd_inflate_new(&peer.inflater), 0);
}

static void peer_close(void) {
    nghttp2_hd_inflate_del(peer.inflater);
    http2_world_close();
}

static void read_fields(nghttp2_hd_inflater *inflater, const uint8_t *bytes, size_t length,
                        bool is_last, char *to, size_t room) {
    int flags = 0;
    while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
        nghttp2_nv field;
        ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, bytes, length, is_last);
        assert_true(used >= 0);
        bytes += used;
        length -= (size_t)used;
        size_t had = strlen(to);
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            snprintf(to + had, room - had, "%s: %s\n", (char *)field.name, (char *)field.value);
        else if (length == 0 && !is_last)
            return;
    }
    nghttp2_hd_inflate_end_headers(inflater);
}

static void take_frame(const struct sm_http2_head *head, const uint8_t *payload) {
    struct peer_stream *stream = &peer.streams[head->stream_id / 2 % UNITS];
    switch (head->type) {
    case NGHTTP2_HEADERS:
        assert_int_equal(head->stream_id, 2 * peer.requests + 1);
        assert_true(head->flags & NGHTTP2_FLAG_END_HEADERS);
        peer.requests++;
        *stream = (struct peer_stream){.window = peer.stream_window,
                                       .has_ended = head->flags & NGHTTP2_FLAG_END_STREAM};
        read_fields(peer.inflater, payload, head->length, true, stream->fields, FIELDS_BYTES);
        break;
    case NGHTTP2_DATA:
        assert_false(stream->has_ended);
        stream->has_ended = head->flags & NGHTTP2_FLAG_END_STREAM;
        for (uint32_t i = 0; i < head->length; i++)
            assert_int_equal(payload[i], "0123456789abcdef"[(stream->received + i) % 16]);
        stream->received += head->length;
        stream->window -= head->length;
        peer.window -= head->length;
        assert_true(head->length == 0 || (stream->window >= 0 && peer.window >= 0));
        break;
    case NGHTTP2_SETTINGS:
        if (head->flags & NGHTTP2_FLAG_ACK)
            nghttp2_hd_inflate_change_table_size(peer.inflater, peer.table_bytes);
        break;
    case NGHTTP2_RST_STREAM:
        peer.resets++;
        break;
    default:
        assert_int_equal(head->type, NGHTTP2_WINDOW_UPDATE);
    }
}

/* All that has come whole. */
static void peer_read(void) {
    http2_world_flush();
    const uint8_t *sent = http2_world.sent;
    if (peer.at == 0 && http2_world.sent_length >= PREFACE_BYTES) {
        assert_memory_equal(sent, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PREFACE_BYTES);
        peer.at = PREFACE_BYTES;
    }
    while (http2_world.sent_length - peer.at >= SM_HTTP2_HEAD_BYTES) {
        struct sm_http2_head head = sm_http2_head_read(sent + peer.at);
        assert_true(head.length <= peer.most_in_frame);
        if (http2_world.sent_length - peer.at < SM_HTTP2_HEAD_BYTES + head.length)
            break;
        take_frame(&head, sent + peer.at + SM_HTTP2_HEAD_BYTES);
        peer.at += SM_HTTP2_HEAD_BYTES + head.length;
    }
}

static void peer_send(uint8_t type, uint8_t flags, uint32_t stream_id, const void *payload,
                      size_t length) {
    uint8_t frame[SM_HTTP2_HEAD_BYTES + FIELDS_BYTES];
    assert_true(length <= FIELDS_BYTES);
    sm_http2_head_write(frame, &(struct sm_http2_head){(uint32_t)length, type, flags, stream_id});
    if (length > 0)
        memcpy(frame + SM_HTTP2_HEAD_BYTES, payload, length);
    http2_world_receive(frame, SM_HTTP2_HEAD_BYTES + length);
}

static void peer_set(uint8_t id, uint32_t value) {
    uint8_t setting[6] = {0, id};
    sm_http2_write_32(setting + 2, value);
    peer_send(NGHTTP2_SETTINGS, 0, 0, setting, sizeof setting);
}

static void peer_open_window(uint32_t stream_id, uint32_t bytes) {
    uint8_t payload[4];
    sm_http2_write_32(payload, bytes);
    *(stream_id ? &peer.streams[stream_id / 2].window : &peer.window) += bytes;
    peer_send(NGHTTP2_WINDOW_UPDATE, 0, stream_id, payload, sizeof payload);
}

/* What each stream may have from now on, also those there are. */
static void peer_set_window(uint32_t bytes) {
    for (int i = 0; i < peer.requests; i++)
        peer.streams[i].window += bytes - peer.stream_window;
    peer.stream_window = bytes;
    peer_set(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, bytes);
}

static void bodies_stay_within_windows(void **state) {
    uint64_t seed = SEED;
    (void)state;
    peer_open(BODY_BYTES);
    for (int i = 0; i < 3; i++)
        http2_world_begin(i);
    peer_read();
    assert_int_equal(peer.window, 0); /* what the peer allows before it says anything */
    peer_set_window(1000);
    peer_open_window(0, 100000);
    peer_read();
    assert_int_equal(peer.window, 100000); /* the streams had more than that already */
    peer.most_in_frame = 20000;
    peer_set(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 20000);
    bool is_done = false;
    for (int round = 0; round < 10000 && !is_done; round++) {
        http2_world.sent_piece = 1 + sm_random_next(&seed) % 30000;
        if (sm_random_next(&seed) % 8 == 0)
            peer_set_window((uint32_t)(sm_random_next(&seed) % 50000));
        uint32_t stream = (uint32_t)(sm_random_next(&seed) % 4);
        peer_open_window(stream < 3 ? 1 + 2 * stream : 0,
                         1 + (uint32_t)(sm_random_next(&seed) % 40000));
        peer_read();
        is_done =
            peer.streams[0].has_ended && peer.streams[1].has_ended && peer.streams[2].has_ended;
    }
    assert_true(is_done);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(peer.streams[i].received, BODY_BYTES);
        peer_send(NGHTTP2_HEADERS, 5, 1 + 2 * i, "\x88", 1);
        assert_string_equal(http2_world.units[i].words, "HTTP 200");
    }
    assert_int_equal(peer.resets, 0);
    peer_close();
}

/* A refusal while the body is on its way: the rest is not sent, and the peer is told. */
static void what_is_refused_early_is_cancelled(void **state) {
    (void)state;
    peer_open(BODY_BYTES);
    http2_world_begin(0);
    peer_read();
    peer_send(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    peer_send(NGHTTP2_HEADERS, 5, 1,
              "\x08\x03"
              "413",
              5);
    peer_read();
    assert_string_equal(http2_world.units[0].words, "HTTP 413 before the body was sent");
    assert_int_equal(peer.resets, 1);
    /* What it had under way for it, it may still send. */
    peer_send(NGHTTP2_DATA, 1, 1, "late", 4);
    peer_send(NGHTTP2_RST_STREAM, 0, 1, "\0\0\0\0", 4);
    assert_false(http2_world.is_dropped);
    peer_close();
}

static void requests_read_alike_whatever_the_table(void **state) {
    static const uint32_t tables[] = {4096, 65536, 100, 0, 4096};
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        peer_open(100);
        peer_send(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
        for (int k = 0; k < UNITS; k++) {
            if (k == 3) {
                peer_read();
                peer.table_bytes = tables[i];
                peer_set(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, tables[i]);
            }
            http2_world_begin(k);
        }
        peer_read();
        assert_int_equal(peer.requests, UNITS);
        for (int k = 0; k < UNITS; k++) {
            assert_string_equal(peer.streams[k].fields,
                                ":method: POST\n:scheme: http\n:authority: there\n:path: /\n"
                                "content-type: text/plain\nuser-agent: spillmark\n"
                                "content-length: 100\n");
            assert_int_equal(peer.streams[k].received, 100);
        }
        peer_close();
    }
}

static void large_fields_go_into_several_frames(void **state) {
    static char value[LARGE_BYTES + 1], fields[LARGE_BYTES * 2];
    struct sm_http2_request request = {0};
    nghttp2_nv field = {(uint8_t *)"a", (uint8_t *)value, 1, LARGE_BYTES, 0};
    nghttp2_hd_inflater *inflater;
    size_t length, frames = 0;
    (void)state;
    memset(value, '~', LARGE_BYTES); /* no shorter when encoded */
    assert_int_equal(sm_http2_request_make(&request, &field, 1, true), 0);
    assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
    const uint8_t *bytes = sm_http2_request_frames(&request, request.first, 77, 5, &length);
    assert_non_null(bytes);
    for (size_t at = 0; at < length; frames++) {
        struct sm_http2_head head = sm_http2_head_read(bytes + at);
        bool is_last = at + SM_HTTP2_HEAD_BYTES + head.length == length;
        assert_int_equal(head.stream_id, 77);
        assert_int_equal(head.type, frames ? NGHTTP2_CONTINUATION : NGHTTP2_HEADERS);
        assert_int_equal(head.flags, (frames ? 0 : NGHTTP2_FLAG_END_STREAM) |
                                         (is_last ? NGHTTP2_FLAG_END_HEADERS : 0));
        assert_true(head.length <= SM_HTTP2_FRAME_BYTES);
        read_fields(inflater, bytes + at + SM_HTTP2_HEAD_BYTES, head.length, is_last, fields,
                    sizeof fields);
        at += SM_HTTP2_HEAD_BYTES + head.length;
    }
    assert_int_equal(frames, 3);
    assert_int_equal(strlen(fields), LARGE_BYTES + strlen("a: \ncontent-length: 5\n"));
    nghttp2_hd_inflate_del(inflater);
    sm_http2_request_free(&request);
}

/* The dynamic table that a connection's peer and we have in common: the newest entry first. */
struct table {
    struct entry {
        int status; /* 0: of another name */
        size_t bytes;
    } entries[TABLE_ENTRIES];
    size_t count, bytes;
};

static void add_entry(struct table *table, int status, size_t bytes) {
    memmove(table->entries + 1, table->entries, (TABLE_ENTRIES - 1) * sizeof *table->entries);
    table->entries[0] = (struct entry){status, bytes};
    table->bytes += bytes;
    for (table->count++; table->bytes > 4096; table->count--)
        table->bytes -= table->entries[table->count - 1].bytes;
}

/* A head as servers write them that add the same fields again and again, of the `kind` that all
 * replies are of at the time. */
static size_t write_adding(struct table *table, int kind, uint8_t *head) {
    size_t length = (size_t)snprintf((char *)head, 16, "\x48\3%03d", 200 + kind);
    size_t value = (size_t)kind % 3 * 50;
    add_entry(table, 200 + kind, 7 + 3 + 32);
    for (int i = 0; i < kind % 5; i++, length += 4)
        memcpy(head + length,
               "\x0f\6\1"
               "1",
               4); /* age, not added */
    if (value == 0)
        return length;
    head[length++] = 0x76; /* server */
    head[length++] = (uint8_t)value;
    memset(head + length, 'n', value);
    add_entry(table, 0, 6 + value + 32);
    return length + value;
}

/* Decodes a head, or leaves that for later, on a connection. */
static void check_head(struct sm_http2 *load, struct sm_http2_block *block, const uint8_t *head,
                       size_t length, int status) {
    struct sm_http2_exchange exchange = {0};
    sm_http2_reply_begin(&exchange.reply, false);
    sm_http2_reply_begin_block(&exchange.reply);
    assert_int_equal(sm_http2_block_take_whole(block, load, &exchange, head, length), 0);
    sm_http2_reply_end_block(&exchange.reply, true);
    assert_null(exchange.reply.fault);
    assert_int_equal(exchange.reply.status, status);
}

/* Several connections, whose replies are alike until their kind changes, as dates do; and now and
 * then one refers to what its connection's table has. */
static void heads_are_understood_whatever_was_put_off(void **state) {
    static const struct sm_http2_manner manner;
    static struct table tables[CONNECTIONS];
    struct sm_http2_block blocks[CONNECTIONS] = {0};
    struct sm_http2 *load = calloc(1, sizeof *load);
    uint64_t seed = SEED;
    int kind = 0;
    (void)state;
    assert_non_null(load);
    sm_http2_memory_init(&load->memory);
    load->manner = &manner;
    for (int i = 0; i < BLOCKS; i++) {
        size_t at = sm_random_next(&seed) % CONNECTIONS;
        struct table *table = &tables[at];
        uint8_t head[256];
        uint64_t what = sm_random_next(&seed) % 300;
        size_t entry = (size_t)i / 100 % 60;
        if (what >= 292)
            kind = (int)(sm_random_next(&seed) % 500);
        if (what < (i / 1000 % 4 ? 10 : 100) && entry < table->count &&
            table->entries[entry].status) {
            head[0] = (uint8_t)(0x80 | (62 + entry));
            check_head(load, &blocks[at], head, 1, table->entries[entry].status);
        } else {
            size_t length = write_adding(table, kind, head);
            check_head(load, &blocks[at], head, length, 200 + kind);
        }
    }
    for (int i = 0; i < CONNECTIONS; i++)
        sm_http2_block_free(&blocks[i]);
    sm_http2_known_leave(load->known);
    sm_http2_memory_free(&load->memory);
    free(load);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_stay_within_windows),
        cmocka_unit_test(what_is_refused_early_is_cancelled),
        cmocka_unit_test(requests_read_alike_whatever_the_table),
        cmocka_unit_test(large_fields_go_into_several_frames),
        cmocka_unit_test(heads_are_understood_whatever_was_put_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
