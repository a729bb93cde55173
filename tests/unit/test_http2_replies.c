/* What a peer may send on a connection of HTTP/2 and what it may not, byte by byte, and what is
 * said of it; then anything at all, of which nothing may come but an end of every unit. */
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
    PROPER = 12, /* as many of the replies are in order */
    FUZZ_ROUNDS = 20000,
    FUZZ_BYTES = 4096,
    SEED = 4,
};

/* Frames: the length as two bytes, type, flags, stream. */
#define FRAME(length, type, flags, stream) "\0" length type flags "\0\0\0" stream
#define SETTINGS                           FRAME("\0\0", "\4", "\0", "\0")
#define OK_HEAD                            FRAME("\0\1", "\1", "\4", "\1") "\x88" /* :status 200 */
#define HEADERS(length, flags)             FRAME("\0" length, "\1", flags, "\1")
#define DATA(length, flags)                FRAME("\0" length, "\0", flags, "\1")
#define FIVE_BYTES                                                                                 \
    "\x0f\x0d\1"                                                                                   \
    "5" /* content-length: 5 */
#define INVALID    "malformed reply: Invalid HTTP header field was received"
#define PROTOCOL   "malformed reply: PROTOCOL_ERROR"
#define SIZE       "malformed reply: FRAME_SIZE_ERROR"
#define FLOW       "malformed reply: FLOW_CONTROL_ERROR"
#define UNEXPECTED PROTOCOL ": HEADERS: interrupted"
#define SAID(bytes, words)                                                                         \
    { bytes, sizeof(bytes) - 1, words }

struct reply {
    const char *bytes;
    size_t length;
    const char *words;
};

/* Of a single GET, after SETTINGS. */
static const struct reply replies[] = {
    SAID(HEADERS("\1", "\5") "\x88", "HTTP 200"),
    SAID(HEADERS("\5", "\5") "\x08\3"
                             "503",
         "HTTP 503"),
    SAID(OK_HEAD DATA("\2", "\1") "ok", "HTTP 200"),
    SAID(OK_HEAD DATA("\0", "\0") DATA("\5", "\x09") "\2ok##", "HTTP 200"),
    SAID(OK_HEAD DATA("\3", "\x09") "\2##", "HTTP 200"),
    SAID(HEADERS("\5", "\4") "\x08\3"
                             "103" HEADERS("\1", "\5") "\x88",
         "HTTP 200"),
    SAID(OK_HEAD DATA("\1", "\0") "x" HEADERS("\5", "\5") "\0\1"
                                                          "a\1b",
         "HTTP 200"),
    SAID(HEADERS("\5", "\4") "\x88" FIVE_BYTES DATA("\5", "\1") "fiver", "HTTP 200"),
    SAID(HEADERS("\x09", "\x2d") "\2\0\0\0\0\xff\x88##", "HTTP 200"), /* padding and priority */
    SAID(HEADERS("\0", "\1") FRAME("\0\1", "\x09", "\4", "\1") "\x88", "HTTP 200"),
    SAID(HEADERS("\1", "\1") "\x88" FRAME("\0\4", "\x09", "\0", "\1") "\0\1"
                                                                      "a\1" FRAME("\0\1", "\x09",
                                                                                  "\4", "\1") "b",
         "HTTP 200"),
    SAID(FRAME("\0\5", "\2", "\0", "\1") "\0\0\0\0\1" FRAME("\0\3", "\x77", "\xff",
                                                            "\7") "abc" HEADERS("\1", "\5") "\x88",
         "HTTP 200"),
    SAID(HEADERS("\4", "\5") "\x8d\x0f\x0d\0", "malformed reply: bad content-length"),
    SAID(HEADERS("\5", "\5") "\x8b" FIVE_BYTES, "HTTP 304"),
    SAID(HEADERS("\5", "\4") "\x8b" FIVE_BYTES DATA("\5", "\1") "fiver",
         "malformed reply: more than its content-length"),
    SAID(HEADERS("\5", "\5") "\x89" FIVE_BYTES,
         "malformed reply: content-length where there is no body"),
    SAID(HEADERS("\x09", "\4") "\x88" FIVE_BYTES FIVE_BYTES, "malformed reply: bad content-length"),
    SAID(HEADERS("\5", "\4") "\x88" FIVE_BYTES DATA("\4", "\1") "four",
         "malformed reply: less than its content-length"),
    SAID(HEADERS("\5", "\5") "\x88" FIVE_BYTES, "malformed reply: less than its content-length"),
    SAID(HEADERS("\5", "\4") "\x88" FIVE_BYTES DATA("\6", "\0") "sixsix",
         "malformed reply: more than its content-length"),
    SAID(HEADERS("\5", "\5") "\0\1"
                             "a\1b",
         "malformed reply: no :status"),
    SAID(HEADERS("\0", "\5"), "malformed reply: no :status"),
    SAID(HEADERS("\2", "\5") "\x88\x88", "malformed reply: two :status"),
    SAID(HEADERS("\5", "\5") "\x08\3"
                             "2x0",
         "malformed reply: bad :status"),
    SAID(HEADERS("\6", "\5") "\x08\4"
                             "2000",
         "malformed reply: bad :status"),
    SAID(HEADERS("\5", "\5") "\x08\3"
                             "101",
         "malformed reply: bad :status"),
    SAID(HEADERS("\5", "\5") "\x08\3"
                             "103",
         "malformed reply: interim reply that ends it"),
    SAID(HEADERS("\6", "\5") "\0\1"
                             "a\1b\x88",
         "malformed reply: pseudo-header after a header"),
    SAID(HEADERS("\2", "\5") "\x88\x84", "malformed reply: pseudo-header that no reply has"),
    SAID(OK_HEAD HEADERS("\1", "\5") "\x88", "malformed reply: pseudo-header in its trailers"),
    SAID(OK_HEAD HEADERS("\5", "\4") "\0\1"
                                     "a\1b",
         "malformed reply: trailers that do not end it"),
    SAID(HEADERS("\6", "\5") "\x88\0\1"
                             "A\1b",
         INVALID),
    SAID(HEADERS("\6", "\5") "\x88\0\1"
                             " \1b",
         INVALID),
    SAID(HEADERS("\5", "\5") "\x88\0\0\1b", INVALID),
    SAID(HEADERS("\6", "\5") "\x88\0\1"
                             "a\1\n",
         INVALID),
    SAID(HEADERS("\6", "\5") "\x88\0\1"
                             "a\1 ",
         INVALID),
    SAID(HEADERS("\x0c", "\5") "\x88\0\7upgrade\1b", "malformed reply: header that HTTP/2 forbids"),
    SAID(HEADERS("\7", "\5") "\x88\0\2te\1b", "malformed reply: header that HTTP/2 forbids"),
    SAID(DATA("\1", "\0") "x", "malformed reply: DATA before its head"),
    SAID(DATA("\0", "\1"), "malformed reply: DATA before its head"),
    SAID(HEADERS("\1", "\5") "\xff", "malformed reply: COMPRESSION_ERROR"),
    SAID(HEADERS("\1", "\5") "\xc0", "malformed reply: COMPRESSION_ERROR"),
    SAID(OK_HEAD DATA("\1", "\x08") "\1", PROTOCOL ": DATA: only padding, partial reply"),
    SAID(DATA("\0", "\x08"), PROTOCOL ": DATA: only padding"),
    SAID(HEADERS("\0", "\x0c"), PROTOCOL ": HEADERS: only padding"),
    SAID(HEADERS("\2", "\x0c") "\2\x88", PROTOCOL ": HEADERS: only padding"),
    SAID(HEADERS("\4", "\x24") "\0\0\0\0", PROTOCOL ": HEADERS: only padding"),
    SAID(FRAME("\0\1", "\1", "\5", "\3") "\x88", PROTOCOL ": HEADERS: stream not opened"),
    SAID(FRAME("\0\1", "\1", "\5", "\2") "\x88", PROTOCOL ": HEADERS: stream not opened"),
    SAID(FRAME("\0\1", "\0", "\0", "\3") "x", PROTOCOL ": DATA: stream not opened"),
    SAID(FRAME("\0\1", "\1", "\5", "\0") "\x88", PROTOCOL ": a frame for another stream_id"),
    SAID(FRAME("\0\0", "\4", "\0", "\1"), PROTOCOL ": a frame for another stream_id"),
    SAID(FRAME("\0\0", "\x09", "\4", "\1"), PROTOCOL ": CONTINUATION: unexpected"),
    SAID(HEADERS("\0", "\0") DATA("\0", "\1"), UNEXPECTED),
    SAID(HEADERS("\0", "\0") FRAME("\0\1", "\x09", "\4", "\3") "\x88", UNEXPECTED),
    SAID(HEADERS("\0", "\0") FRAME("\0\0", "\x77", "\0", "\0"), UNEXPECTED),
    SAID(FRAME("\0\4", "\5", "\4", "\1") "\0\0\0\2", PROTOCOL ": PUSH_PROMISE: push disabled"),
    SAID("\0\x40\1\0\0\0\0\0\1", SIZE ": too large frame size"),
    SAID(FRAME("\0\3", "\3", "\0", "\1") "\0\0\0", SIZE),
    SAID(FRAME("\0\4", "\2", "\0", "\1") "\0\0\0\0", SIZE),
    SAID(FRAME("\0\7", "\6", "\0", "\0") "1234567", SIZE),
    SAID(FRAME("\0\7", "\7", "\0", "\0") "\0\0\0\0\0\0\0", SIZE),
    SAID(FRAME("\0\1", "\4", "\0", "\0") "x", SIZE),
    SAID(FRAME("\0\6", "\4", "\1", "\0") "\0\3\0\0\0\1", SIZE),
    SAID(FRAME("\0\6", "\4", "\0", "\0") "\0\2\0\0\0\1",
         PROTOCOL ": SETTINGS: server attempted to enable push"),
    SAID(FRAME("\0\6", "\4", "\0", "\0") "\0\5\0\0\x3f\xff",
         PROTOCOL ": SETTINGS: invalid SETTINGS_MAX_FRAME_SIZE"),
    SAID(FRAME("\0\6", "\4", "\0", "\0") "\0\4\x80\0\0\0", FLOW ": SETTINGS: too large a window"),
    SAID(FRAME("\0\4", "\x08", "\0", "\0") "\0\0\0\0", PROTOCOL ": WINDOW_UPDATE: of nothing"),
    SAID(FRAME("\0\4", "\x08", "\0", "\0") "\x7f\xff\xff\xff", FLOW ": WINDOW_UPDATE: too large"),
    SAID(FRAME("\0\4", "\x08", "\0", "\1") "\0\0\0\0", "malformed reply: WINDOW_UPDATE of nothing"),
    SAID(FRAME("\0\4", "\x08", "\0", "\1") "\x7f\xff\xff\xff",
         "malformed reply: WINDOW_UPDATE too large"),
    SAID(FRAME("\0\4", "\x08", "\0", "\3") "\0\0\0\1", PROTOCOL ": WINDOW_UPDATE to idle stream"),
    SAID(FRAME("\0\4", "\3", "\0", "\3") "\0\0\0\1", PROTOCOL ": RST_STREAM: stream in idle"),
    SAID(FRAME("\0\4", "\3", "\0", "\1") "\0\0\0\7", "RST_STREAM REFUSED_STREAM"),
    SAID(FRAME("\0\4", "\3", "\0", "\1") "\0\0\0\x0b", "RST_STREAM ENHANCE_YOUR_CALM"),
    SAID(OK_HEAD FRAME("\0\4", "\3", "\0", "\1") "\0\0\0\2",
         "RST_STREAM INTERNAL_ERROR, partial reply"),
    SAID(FRAME("\0\x08", "\7", "\0", "\0") "\0\0\0\0\0\0\0\0", "again"),
    SAID(FRAME("\0\x0b", "\7", "\0", "\0") "\0\0\0\0\0\0\0\x0b"
                                           "why",
         "GOAWAY ENHANCE_YOUR_CALM: why"),
    SAID(FRAME("\0\x08", "\7", "\0", "\0") "\0\0\0\1\0\0\0\0", "GOAWAY NO_ERROR"),
    SAID(FRAME("\0\x08", "\7", "\0", "\0") "\0\0\0\2\0\0\0\0",
         PROTOCOL ": GOAWAY: invalid last_stream_id"),
    SAID(FRAME("\0\x08", "\7", "\0", "\0") "\0\0\0\1\0\0\0\0" HEADERS("\1", "\5") "\x88",
         "HTTP 200"),
    SAID(FRAME("\0\x08", "\6", "\1", "\0") "12345678", "connection closed without a reply"),
    SAID(OK_HEAD, "connection closed, partial reply"),
    SAID(HEADERS("\1", "\0") "\x88", "connection closed, partial reply"),
    SAID("\0\0", "connection closed without a reply"),
};

/* One unit, to which the peer says this, so many bytes at once. */
static void check(const struct reply *reply, bool has_settings, size_t piece) {
    uint8_t *bytes = malloc(reply->length); /* of no byte more, so that reading beyond is seen */
    assert_non_null(bytes);
    memcpy(bytes, reply->bytes, reply->length);
    http2_world_open("GET", 0);
    http2_world_begin(0);
    http2_world_flush();
    http2_world.incoming_piece = piece;
    if (has_settings)
        http2_world_receive(SETTINGS, sizeof SETTINGS - 1);
    http2_world_receive(bytes, reply->length);
    free(bytes);
    http2_world_close();
    assert_string_equal(http2_world.units[0].words, reply->words);
}

static void every_reply_has_its_words(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
        for (size_t piece = 1; piece <= 64; piece *= 4)
            check(&replies[i], true, piece);
}

static void what_is_no_http2_is_quoted(void **state) {
    static const struct reply others[] = {
        SAID("HTTP/1.1 400 Bad Request\r\n\r\n", "not HTTP/2: HTTP/1.1 400 Bad Request"),
        SAID("no", "not HTTP/2: no"),
        SAID("\x15\3\1\0\2\2\x46", "not HTTP/2: TLS"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        check(&others[i], false, SIZE_MAX);
}

static void padding_is_no_body(void **state) {
    static const char reply[] =
        SETTINGS OK_HEAD DATA("\5", "\x08") "\2ab##" DATA("\3", "\x08") "\2##" DATA("\1", "\1") "c";
    (void)state;
    for (size_t piece = 1; piece < sizeof reply; piece++) {
        http2_world_open("GET", 0);
        http2_world.incoming_piece = piece;
        http2_world_begin(0);
        http2_world_receive(reply, sizeof reply - 1);
        assert_int_equal(http2_world.body_length, 3);
        assert_memory_equal(http2_world.body, "abc", 3);
        http2_world_close();
    }
}

/* A HEAD's reply tells the length of what is not there. */
static void a_head_has_no_body(void **state) {
    static const char reply[] = SETTINGS HEADERS("\5", "\5") "\x88" FIVE_BYTES;
    (void)state;
    http2_world_open("HEAD", 0);
    http2_world_begin(0);
    http2_world_receive(reply, sizeof reply - 1);
    assert_string_equal(http2_world.units[0].words, "HTTP 200");
    http2_world_close();
}

/* The peer does not read, and wants answers. */
static void floods_end_the_connection(void **state) {
    static const char *const floods[][2] = {
        {FRAME("\0\x08", "\6", "\0", "\0"),
         "malformed reply: ENHANCE_YOUR_CALM: a flood of SETTINGS or PING"},
        {FRAME("\0\0", "\4", "\0", "\0"),
         "malformed reply: ENHANCE_YOUR_CALM: a flood of SETTINGS or PING"},
        {FRAME("\0\0", "\x09", "\0", "\1"), "malformed reply: ENHANCE_YOUR_CALM: endless headers"},
    };
    static const size_t lengths[] = {17, 9, 9};
    (void)state;
    for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
        char frame[17] = {0};
        memcpy(frame, floods[i][0], 9);
        http2_world_open("GET", 0);
        http2_world_begin(0);
        http2_world_receive(SETTINGS, sizeof SETTINGS - 1);
        if (i == 2)
            http2_world_receive(HEADERS("\0", "\0"), 9);
        http2_world.takes_nothing = true;
        int count = 0;
        for (; !http2_world.is_dropped && count < 100000; count++)
            http2_world_receive(frame, lengths[i]);
        assert_in_range(count, 1000, 40000);
        assert_string_equal(http2_world.units[0].words, floods[i][1]);
        http2_world_close();
    }
}

/* Frames as they may be, for the most part. */
static size_t make_frames(uint64_t *seed, uint8_t *to) {
    size_t length = 0;
    memcpy(to, SETTINGS, sizeof SETTINGS - 1);
    length += sizeof SETTINGS - 1;
    for (uint64_t left = sm_random_next(seed) % 12; left > 0; left--) {
        size_t all = sizeof replies / sizeof *replies;
        const struct reply *reply =
            &replies[sm_random_next(seed) % (sm_random_next(seed) % 8 ? PROPER : all)];
        if (length + reply->length > FUZZ_BYTES / 2)
            break;
        memcpy(to + length, reply->bytes, reply->length);
        /* Of another stream, now and then. */
        if (reply->length > 8 && to[length + 8] == 1)
            to[length + 8] = (uint8_t)(1 + 2 * (sm_random_next(seed) % 5));
        length += reply->length;
    }
    return length;
}

static size_t spoil(uint64_t *seed, uint8_t *bytes, size_t length) {
    for (uint64_t left = sm_random_next(seed) % 4; left > 0 && length > 1; left--) {
        size_t at = sm_random_next(seed) % length, other = sm_random_next(seed) % length;
        size_t some = sm_random_next(seed) % (length - (at > other ? at : other)) % 32;
        switch (sm_random_next(seed) % 4) {
        case 0:
            bytes[at] = (uint8_t)sm_random_next(seed);
            break;
        case 1:
            bytes[at] ^= (uint8_t)(1U << sm_random_next(seed) % 8);
            break;
        case 2:
            memmove(bytes + at, bytes + at + some, length - at - some);
            length -= some;
            break;
        default:
            memmove(bytes + at, bytes + other, some);
            break;
        }
    }
    return length;
}

static void whatever_comes_every_unit_ends_once(void **state) {
    static uint8_t bytes[FUZZ_BYTES];
    uint64_t seed = SEED, answered = 0;
    (void)state;
    for (int round = 0; round < FUZZ_ROUNDS; round++) {
        size_t length = spoil(&seed, bytes, make_frames(&seed, bytes));
        size_t body_bytes = round % 2 ? 100000 : 0;
        http2_world_open(body_bytes ? "POST" : "GET", body_bytes);
        for (int i = 0; i < 4; i++)
            http2_world_begin(i);
        http2_world.incoming_piece = 1 + sm_random_next(&seed) % 200;
        http2_world.sent_piece = 1 + sm_random_next(&seed) % 100000;
        http2_world_receive(bytes, length);
        for (int i = 4; !http2_world.is_dropped && i < 6; i++)
            http2_world_begin(i);
        http2_world_close();
        for (int i = 0; i < 4; i++)
            answered += strncmp(http2_world.units[i].words, "HTTP ", 5) == 0;
    }
    assert_in_range(answered, FUZZ_ROUNDS / 10, FUZZ_ROUNDS * 4); /* it was not all refused */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reply_has_its_words),
        cmocka_unit_test(what_is_no_http2_is_quoted),
        cmocka_unit_test(padding_is_no_body),
        cmocka_unit_test(a_head_has_no_body),
        cmocka_unit_test(floods_end_the_connection),
        cmocka_unit_test(whatever_comes_every_unit_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
