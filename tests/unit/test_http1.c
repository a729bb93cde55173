#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/http1.h"

static char scratch[SM_BODY_SCRATCH];

static char *joined(const struct sm_http1_request *request, int64_t unit) {
    size_t body_length = request->body ? sm_body_variant(request->body, unit)->length : 0;
    char *text = calloc(1, request->head_length + body_length + 64);
    const char *piece;
    size_t at = 0;
    ssize_t length;
    while ((length = sm_http1_request_piece(request, unit, at, scratch, &piece)) > 0) {
        memcpy(text + at, piece, (size_t)length);
        at += (size_t)length;
    }
    return text;
}

static void check_request(const struct sm_http1_ask *ask, const char *expected) {
    struct sm_http1_request request;
    struct sm_error err = {0};
    assert_int_equal(sm_http1_request_make(ask, "here", &request, &err), 0);
    char *text = joined(&request, 0);
    assert_string_equal(text, expected);
    free(text);
    sm_http1_request_free(&request);
}

static void requests_are_as_written(void **state) {
    (void)state;
    const struct sm_body_part part = {.bytes = "{}", .held = 2, .length = 2};
    const struct sm_body_variant variant = {&part, 1, 2};
    const struct sm_body body = {
        .variants = &variant, .variant_count = 1, .content_type = "application/json"};
    const char *const headers[] = {"user-agent: mine", "X-Two: 2"};
    check_request(&(struct sm_http1_ask){.method = "GET", .path = "/", .host = "h:81"},
                  "GET / HTTP/1.1\r\nHost: h:81\r\nUser-Agent: spillmark\r\n\r\n");
    check_request(&(struct sm_http1_ask){.method = "POST",
                                         .path = "/p?q=1",
                                         .host = "h",
                                         .headers = headers,
                                         .header_count = 2,
                                         .body = &body},
                  "POST /p?q=1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                  "user-agent: mine\r\nX-Two: 2\r\nContent-Length: 2\r\n\r\n{}");
}

static void large_bodies_are_not_copied(void **state) {
    (void)state;
    enum { HELD = 100003, LENGTH = 1000000 };
    char *bytes = malloc(HELD);
    for (size_t i = 0; i < HELD; i++)
        bytes[i] = (char)('a' + i % 26);
    const struct sm_body_part part = {.bytes = bytes, .held = HELD, .length = LENGTH};
    const struct sm_body_variant variant = {&part, 1, LENGTH};
    const struct sm_body body = {.variants = &variant, .variant_count = 1};
    struct sm_http1_ask ask = {.method = "PUT", .path = "/", .host = "h", .body = &body};
    struct sm_http1_request request;
    assert_int_equal(sm_http1_request_make(&ask, "here", &request, NULL), 0);
    assert_true(request.head_length < 1000);
    char *text = joined(&request, 0);
    const char *sent = strstr(text, "\r\n\r\n") + 4;
    assert_non_null(strstr(text, "\r\nContent-Length: 1000000\r\n"));
    assert_int_equal(strlen(sent), LENGTH);
    for (size_t i = 0; i < LENGTH; i++)
        assert_int_equal(sent[i], bytes[i % HELD]);
    free(text);
    sm_http1_request_free(&request);
    free(bytes);
}

static void lines_cannot_be_smuggled_in(void **state) {
    (void)state;
    static const struct {
        const char *method, *path, *header;
    } bad[] = {
        {"GET /x HTTP/1.1\r\nX:", "/", "A: b"},
        {"", "/", "A: b"},
        {"GET", "", "A: b"},
        {"GET", "x", "A: b"},
        {"GET", "/\r\nX: y", "A: b"},
        {"GET", "/ HTTP/1.0", "A: b"},
        {"GET", "/", "A"},
        {"GET", "/", ": b"},
        {"GET", "/", "A b: c"},
        {"GET", "/", "A: b\r\nC: d"},
        {"GET", "/", "A: b\nC: d"},
        {"GET", "/", ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sm_http1_request request;
        struct sm_error err = {0};
        struct sm_http1_ask ask = {.method = bad[i].method,
                                   .path = bad[i].path,
                                   .host = "h",
                                   .headers = &bad[i].header,
                                   .header_count = 1};
        assert_int_equal(sm_http1_request_make(&ask, "here", &request, &err), -EINVAL);
        assert_string_equal(err.where, "here");
    }
}

static const struct {
    const char *text;
    int status;
    bool keep_alive, is_head, ends_with_close;
} replies[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, true, false, false},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, true, false, false},
    {"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 500, true, false, false},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", 200, false, false,
     false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 200, false, false, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 200, true, false,
     false},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 201 C\r\n"
     "Content-Length: 0\r\n\r\n",
     201, true, false, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200, true, true, false},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, false, false, true},
};

/* However a reply is cut into pieces, it reads the same. */
static void replies_are_read_in_any_pieces(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        size_t length = strlen(replies[i].text);
        for (size_t step = 1; step <= length; step++) {
            struct sm_http1_reply reply;
            sm_http1_reply_begin(&reply, replies[i].is_head);
            enum sm_http1_progress progress = SM_HTTP1_MORE;
            for (size_t at = 0; at < length; at += step) {
                assert_int_equal(progress, SM_HTTP1_MORE);
                size_t piece = length - at < step ? length - at : step;
                progress = sm_http1_reply_feed(&reply, replies[i].text + at, piece);
            }
            if (replies[i].ends_with_close) {
                assert_int_equal(progress, SM_HTTP1_MORE);
                progress = sm_http1_reply_end(&reply);
            }
            assert_int_equal(progress, SM_HTTP1_DONE);
            assert_int_equal(reply.status, replies[i].status);
            assert_int_equal(reply.keep_alive, replies[i].keep_alive);
        }
    }
}

/* Cut short anywhere, a reply is not one. */
static void a_short_reply_is_not_done(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        if (replies[i].ends_with_close)
            continue;
        for (size_t cut = 0; cut < strlen(replies[i].text); cut++) {
            struct sm_http1_reply reply;
            sm_http1_reply_begin(&reply, replies[i].is_head);
            assert_int_equal(sm_http1_reply_feed(&reply, replies[i].text, cut), SM_HTTP1_MORE);
            assert_int_equal(reply.has_begun, cut > 0);
            assert_int_equal(sm_http1_reply_end(&reply), SM_HTTP1_MORE);
        }
    }
}

static void more_than_a_reply_ends_the_connection(void **state) {
    (void)state;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n";
    struct sm_http1_reply reply;
    sm_http1_reply_begin(&reply, false);
    assert_int_equal(sm_http1_reply_feed(&reply, text, strlen(text)), SM_HTTP1_DONE);
    assert_false(reply.keep_alive);
}

static void what_is_not_http_is_malformed(void **state) {
    (void)state;
    static const char *const bad[] = {
        "220 mail.example.org ESMTP\r\n",
        "GET / HTTP/1.1\r\n",
        "\x16\x03\x01",
        "HTTP/1.1 2x0 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sm_http1_reply reply;
        sm_http1_reply_begin(&reply, false);
        enum sm_http1_progress progress = sm_http1_reply_feed(&reply, bad[i], strlen(bad[i]));
        if (progress == SM_HTTP1_DONE && reply.status == 101)
            continue; /* an answer, if not one that was asked for */
        assert_int_equal(progress, SM_HTTP1_MALFORMED);
        assert_true(reply.words[0]);
    }
}

/* Bytes of any kind end in one of the three, never in a status outside of HTTP's. */
static void noise_is_survived(void **state) {
    (void)state;
    unsigned seed = 3;
    for (int round = 0; round < 50000; round++) {
        char bytes[160];
        const char *text = replies[(size_t)rand_r(&seed) % 9].text;
        size_t length = strlen(text) < sizeof bytes ? strlen(text) : sizeof bytes;
        memcpy(bytes, text, length);
        for (int i = rand_r(&seed) % 4; i >= 0; i--)
            bytes[(size_t)rand_r(&seed) % length] = (char)rand_r(&seed);
        struct sm_http1_reply reply;
        sm_http1_reply_begin(&reply, false);
        enum sm_http1_progress progress = sm_http1_reply_feed(&reply, bytes, length);
        if (progress == SM_HTTP1_MORE)
            progress = sm_http1_reply_end(&reply);
        assert_in_range(progress, SM_HTTP1_MORE, SM_HTTP1_MALFORMED);
        if (progress == SM_HTTP1_DONE)
            assert_in_range(reply.status, 0, 999);
        if (progress == SM_HTTP1_MALFORMED)
            assert_true(reply.words[0]);
    }
}

static void what_is_no_http_is_quoted(void **state) {
    static const struct {
        const char *bytes;
        size_t length;
        const char *quote;
    } others[] = {{"SSH-2.0-x\r\n...", 14, "SSH-2.0-x"},
                  {"\x15\x03\x01\x02", 4, "TLS"},
                  {"\0\0\6\4\0\0\0\0\0", 9, "HTTP/2"},
                  {"gr\xc3\xbc\xc3\x9f Gott, Welt", 17, "gr???? Gott, Welt"},
                  {"\x80\x01\xfe\x7f*\x1b\x9c", 7, "no text"}};
    char quote[SM_HTTP1_WORDS];
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        sm_http1_quote(others[i].bytes, others[i].length, quote, sizeof quote);
        assert_string_equal(quote, others[i].quote);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_as_written),
        cmocka_unit_test(large_bodies_are_not_copied),
        cmocka_unit_test(lines_cannot_be_smuggled_in),
        cmocka_unit_test(what_is_no_http_is_quoted),
        cmocka_unit_test(replies_are_read_in_any_pieces),
        cmocka_unit_test(a_short_reply_is_not_done),
        cmocka_unit_test(more_than_a_reply_ends_the_connection),
        cmocka_unit_test(what_is_not_http_is_malformed),
        cmocka_unit_test(noise_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
