#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/websocket.h"
#include "harness/websocket_frame.h"
#include "harness/websocket_upgrade.h"

enum { ROOM = 1 << 20 };

/* One side, and what it was told. */
struct side {
    struct sm_websocket_readers readers;
    struct sm_websocket *socket;
    int messages, texts, pongs, status;
    uint64_t last_length, last_pong;
    char reason[SM_WEBSOCKET_REASON];
};

static void on_message(void *owner, bool is_text, uint64_t length) {
    struct side *side = owner;
    side->messages++;
    side->texts += is_text;
    side->last_length = length;
}

static void on_pong(void *owner, const void *bytes, size_t length) {
    struct side *side = owner;
    side->pongs++;
    if (length == sizeof side->last_pong)
        memcpy(&side->last_pong, bytes, length);
}

static void on_closing(void *owner, int status, const char *reason) {
    struct side *side = owner;
    side->status = status;
    snprintf(side->reason, sizeof side->reason, "%s", reason);
}

static void open_pair(struct side *server, struct side *client) {
    static const struct sm_websocket_events events = {on_message, on_pong, on_closing};
    *server = *client = (struct side){0};
    assert_int_equal(sm_websocket_new(SM_WEBSOCKET_SERVER, &server->readers, ROOM, &events, server,
                                      &server->socket),
                     0);
    assert_int_equal(sm_websocket_new(SM_WEBSOCKET_CLIENT, &client->readers, ROOM, &events, client,
                                      &client->socket),
                     0);
}

static void close_pair(struct side *server, struct side *client) {
    sm_websocket_free(server->socket);
    sm_websocket_free(client->socket);
    sm_websocket_readers_free(&server->readers);
    sm_websocket_readers_free(&client->readers);
}

/* Carries what is pending, `piece` bytes at a time. */
static int carry(struct side *from, struct side *to, size_t piece) {
    const void *bytes;
    size_t length;
    int rc = 0;
    while (rc == 0 && (length = sm_websocket_pending(from->socket, &bytes)) > 0) {
        length = length < piece ? length : piece;
        rc = sm_websocket_feed(to->socket, bytes, length);
        sm_websocket_sent(from->socket, length);
    }
    return rc;
}

static void messages_of_every_size_come_whole(void **state) {
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, ROOM};
    char *bytes = calloc(1, ROOM);
    struct side server, client;
    (void)state;
    for (int i = 0; i < 2; i++) {
        open_pair(&server, &client);
        struct side *from = i ? &server : &client, *to = i ? &client : &server;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            for (size_t piece = 1; piece <= 4096; piece += 4095) {
                int before = to->messages;
                assert_int_equal(sm_websocket_message(from->socket, s % 2, bytes, sizes[s]), 0);
                assert_int_equal(carry(from, to, piece), 0);
                assert_int_equal(to->messages, before + 1);
                assert_int_equal(to->last_length, sizes[s]);
            }
        }
        assert_int_equal(to->texts, 2 * 3);
        close_pair(&server, &client);
    }
    free(bytes);
}

/* Sends a frame `piece` bytes at a time, each composed anew. What a wrong mask
 * would make of the payload is no UTF-8. */
static void send_frame(struct side *from, struct side *to, size_t piece) {
    char payload[251], bytes[SM_WEBSOCKET_HEAD + 251];
    size_t at = 0;
    while (sm_websocket_in_frame(from->socket)) {
        for (size_t i = 0; i < sizeof payload; i++)
            payload[i] = (char)((at + i) % 113);
        size_t count = sm_websocket_compose_head(from->socket, bytes);
        size_t half = sm_websocket_compose(from->socket, 0, payload, 100, bytes + count);
        count += half;
        count += sm_websocket_compose(from->socket, half, payload + half, 151, bytes + count);
        count = count < piece ? count : piece;
        assert_int_equal(sm_websocket_feed(to->socket, bytes, count), 0);
        at += sm_websocket_frame_sent(from->socket, count);
    }
}

static void masks_are_those_of_single_bytes(void **state) {
    enum { LENGTH = 100 };
    static const uint8_t mask[] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t from[LENGTH], to[LENGTH + 1];
    (void)state;
    for (size_t i = 0; i < LENGTH; i++)
        from[i] = (uint8_t)(i * 7);
    for (size_t length = 0; length <= LENGTH; length++) {
        for (uint64_t offset = 0; offset < 9; offset++) {
            to[length] = 0xee;
            sm_frame_mask(to, from, length, offset, mask);
            for (size_t i = 0; i < length; i++)
                assert_int_equal(to[i], from[i] ^ mask[(offset + i) % 4]);
            assert_int_equal(to[length], 0xee);
        }
    }
}

/* With a ping in between, as when the peer asks whether one is still there. */
static void a_message_may_come_in_frames(void **state) {
    enum { FRAME = 1000, FRAMES = 200 };
    struct side server, client;
    (void)state;
    for (size_t piece = 1; piece < 400; piece += 57) {
        open_pair(&server, &client);
        for (int i = 0; i < FRAMES; i++) {
            const void *bytes;
            assert_int_equal(server.messages, 0);
            assert_int_equal(
                sm_websocket_begin_frame(client.socket, true, i == 0, i == FRAMES - 1, FRAME), 0);
            assert_int_equal(sm_websocket_begin_frame(client.socket, true, i == 0, false, 1),
                             -EAGAIN);
            assert_int_equal(sm_websocket_ping(server.socket, "?", 1), 0);
            assert_int_equal(carry(&server, &client, 7), 0);
            assert_int_equal(sm_websocket_pending(client.socket, &bytes), 0); /* the pong waits */
            send_frame(&client, &server, piece);
            assert_int_equal(carry(&client, &server, 300), 0);
        }
        assert_int_equal(server.messages, 1);
        assert_int_equal(server.texts, 1);
        assert_int_equal(server.pongs, FRAMES);
        assert_int_equal(server.last_length, FRAME * FRAMES);
        assert_int_equal(sm_websocket_put_total(client.socket),
                         sm_websocket_sent_total(client.socket));
        close_pair(&server, &client);
    }
}

/* A server's bytes are those of RFC 6455, section 5.7. */
static void frames_are_those_of_the_standard(void **state) {
    struct side server, client;
    const void *bytes;
    (void)state;
    open_pair(&server, &client);
    assert_int_equal(sm_websocket_message(server.socket, true, "Hello", 5), 0);
    assert_int_equal(sm_websocket_pending(server.socket, &bytes), 7);
    assert_memory_equal(bytes, "\x81\x05Hello", 7);
    sm_websocket_cut(server.socket, 3);
    assert_int_equal(sm_websocket_pending(server.socket, &bytes), 4);
    assert_int_equal(
        sm_websocket_feed(server.socket, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11), 0);
    assert_int_equal(server.texts, 1);
    /* Two fragments, with a ping between them. */
    assert_int_equal(sm_websocket_feed(client.socket, "\x01\x03Hel\x89\x05Hello\x80\x02lo", 16), 0);
    assert_int_equal(client.messages, 1);
    assert_int_equal(client.last_length, 5);
    assert_int_equal(sm_websocket_pending(client.socket, &bytes), 11); /* the pong, masked */
    close_pair(&server, &client);
}

static void pings_are_answered_in_their_order(void **state) {
    struct side server, client;
    (void)state;
    open_pair(&server, &client);
    for (uint64_t i = 1; i <= 100; i++) {
        assert_int_equal(sm_websocket_message(server.socket, false, "x", 1), 0);
        assert_int_equal(sm_websocket_ping(server.socket, &i, sizeof i), 0);
    }
    assert_int_equal(carry(&server, &client, SIZE_MAX), 0);
    assert_int_equal(carry(&client, &server, SIZE_MAX), 0);
    assert_int_equal(client.messages, 100);
    assert_true(server.pongs > 0);
    assert_int_equal(server.last_pong, 100);
    close_pair(&server, &client);
}

static void closing_is_told_and_answered(void **state) {
    struct side server, client;
    (void)state;
    open_pair(&server, &client);
    assert_int_equal(sm_websocket_close(server.socket, 1008, "ConsumerTooSlow"), 0);
    assert_int_equal(carry(&server, &client, 1), 0);
    assert_int_equal(client.status, 1008);
    assert_string_equal(client.reason, "ConsumerTooSlow");
    assert_int_equal(carry(&client, &server, 1), 0);
    assert_int_equal(server.status, 1008);
    close_pair(&server, &client);
}

static const struct {
    const char *bytes;
    size_t length;
} breaches[] = {
    {"\x81\x05Hello", 7},       /* a client must mask */
    {"\x83\x80zzzz", 6},        /* no such kind of frame */
    {"\xc1\x80zzzz", 6},        /* a reserved bit */
    {"\x09\x80zzzz", 6},        /* a ping in fragments */
    {"\x80\x80zzzz", 6},        /* a continuation of nothing */
    {"\x89\xfe\x01\x00zzzz", 8} /* a ping too long */
};

static void breaches_are_refused(void **state) {
    struct side server, client;
    const void *bytes;
    (void)state;
    for (size_t i = 0; i < sizeof breaches / sizeof *breaches; i++) {
        open_pair(&server, &client);
        assert_int_equal(sm_websocket_feed(server.socket, breaches[i].bytes, breaches[i].length),
                         -EPROTO);
        assert_true(sm_websocket_pending(server.socket, &bytes) >= 2);
        assert_memory_equal(bytes, "\x88", 1);
        close_pair(&server, &client);
    }
}

/* A buffer that is full says so, takes more once some was sent, and loses nothing. */
static void a_full_buffer_takes_no_more(void **state) {
    static char bytes[8000];
    struct side server, client;
    const void *pending;
    (void)state;
    int put = 0;
    open_pair(&server, &client);
    while (put < 5000) {
        if (sm_websocket_message(server.socket, false, bytes, sizeof bytes) == 0) {
            put++;
            continue;
        }
        size_t length = sm_websocket_pending(server.socket, &pending);
        assert_in_range(length, ROOM, 3 * ROOM);
        length = length / 3 + 1;
        assert_int_equal(sm_websocket_feed(client.socket, pending, length), 0);
        sm_websocket_sent(server.socket, length);
    }
    assert_int_equal(carry(&server, &client, SIZE_MAX), 0);
    assert_int_equal(client.messages, 5000);
    assert_int_equal(sm_websocket_put_total(server.socket), sm_websocket_sent_total(server.socket));
    close_pair(&server, &client);
}

/* A peer that pings without reading the answers must not make this side grow. */
static void a_flood_of_pings_is_bounded(void **state) {
    struct side server, client;
    const void *pending;
    (void)state;
    open_pair(&server, &client);
    int rc = 0;
    for (int i = 0; i < 200000 && rc == 0; i++)
        rc = sm_websocket_feed(client.socket,
                               "\x89\x7dxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                               "xxxxxxxxxxxxxxxxxxxxx",
                               127);
    assert_int_equal(rc, -EPROTO);
    assert_true(sm_websocket_pending(client.socket, &pending) < 4 * ROOM);
    close_pair(&server, &client);
}

#define REQUEST(version)                                                                           \
    "GET /xrpc/s?a=1&cursor=77 HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n"                      \
    "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"           \
    "Sec-WebSocket-Version: " version "\r\n\r\n"

static void the_handshake_proves_its_key(void **state) {
    static struct sm_upgrade server, client;
    char answer[SM_UPGRADE_ANSWER], target[SM_UPGRADE_TARGET];
    const char *request = REQUEST("13");
    enum sm_upgrade_progress progress = SM_UPGRADE_MORE;
    int64_t cursor = 0;
    size_t used;
    (void)state;
    sm_upgrade_begin(&server, target);
    for (size_t i = 0; i < strlen(request); i++) {
        assert_int_equal(progress, SM_UPGRADE_MORE);
        progress = sm_upgrade_feed(&server, NULL, request + i, 1, &used);
    }
    assert_int_equal(progress, SM_UPGRADE_DONE);
    assert_int_equal(sm_upgrade_query_number(target, "cursor", &cursor), 0);
    assert_int_equal(cursor, 77);
    assert_int_equal(sm_upgrade_query_number(target, "curso", &cursor), -ENOENT);
    size_t length = sm_upgrade_answer(&server, answer);
    assert_non_null(strstr(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")); /* RFC 6455, 1.3 */
    snprintf(answer + length, sizeof answer - length, "%s", "\x81\x05Hello");
    sm_upgrade_begin(&client, NULL);
    assert_int_equal(
        sm_upgrade_feed(&client, "dGhlIHNhbXBsZSBub25jZQ==", answer, length + 7, &used),
        SM_UPGRADE_DONE);
    assert_int_equal(used, length); /* the frame behind it is not the handshake's */
    sm_upgrade_begin(&client, NULL);
    assert_int_equal(sm_upgrade_feed(&client, "another", answer, length, &used),
                     SM_UPGRADE_REFUSED);
}

static void what_is_no_handshake_is_refused(void **state) {
    static const struct {
        const char *request, *words;
    } cases[] = {{REQUEST("8"), "not version 13 of WebSocket"},
                 {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not a WebSocket request"},
                 {"\x16\x03\x01\x02", "not HTTP/1.1: TLS"}};
    static struct sm_upgrade upgrade;
    char answer[SM_UPGRADE_ANSWER], target[SM_UPGRADE_TARGET];
    size_t used;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sm_upgrade_begin(&upgrade, target);
        assert_int_equal(
            sm_upgrade_feed(&upgrade, NULL, cases[i].request, strlen(cases[i].request), &used),
            SM_UPGRADE_REFUSED);
        assert_string_equal(upgrade.words, cases[i].words);
        sm_upgrade_answer(&upgrade, answer);
        assert_non_null(strstr(answer, "400 Bad Request"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_every_size_come_whole),
        cmocka_unit_test(masks_are_those_of_single_bytes),
        cmocka_unit_test(a_message_may_come_in_frames),
        cmocka_unit_test(frames_are_those_of_the_standard),
        cmocka_unit_test(pings_are_answered_in_their_order),
        cmocka_unit_test(closing_is_told_and_answered),
        cmocka_unit_test(breaches_are_refused),
        cmocka_unit_test(a_full_buffer_takes_no_more),
        cmocka_unit_test(a_flood_of_pings_is_bounded),
        cmocka_unit_test(the_handshake_proves_its_key),
        cmocka_unit_test(what_is_no_handshake_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
