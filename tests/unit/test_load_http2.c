/* http2_load against a server whose manners are bad, and against one that speaks no HTTP/2. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "child_server.h"
#include "load_block.h"
#include "rude_server.h"

static struct child_server *server; /* one for all tests */

static int start_server(void **state) {
    (void)state;
    server = child_server_start(
        (const char *const[]){"/usr/bin/python3", SPILLMARK_TESTS "/load/rude_http2.py", NULL});
    return 0;
}

static int stop_server(void **state) {
    (void)state;
    if (server)
        child_server_stop(server);
    return 0;
}

/* Nobody answers /hang, and what comes of /half takes its time on a busy machine. All others end
 * without a time-out, however long that takes: CTest has the bound. */
static const char *timeout_of(const char *path) {
    return strncmp(path, "/hang", 5) == 0 ? "1s" : strncmp(path, "/half", 5) == 0 ? "4s" : "1h";
}

/* `count` requests to a path, all ended. */
static void ask(struct load_run *run, const char *path, const char *body, const char *count) {
    const struct load_setting settings[] = {{"url", child_server_url(server)},
                                            {"path", path},
                                            {"count", count},
                                            {"connections", "3"},
                                            {"body", body},
                                            {"method", "POST"},
                                            {"timeout", timeout_of(path)},
                                            {"streams", "50"},
                                            {NULL, NULL}};
    if (!server)
        skip();
    load_run_open(run, "http2_load", settings);
    load_run_start(run);
    load_run_until_done(run, strtol(count, NULL, 10));
}

static const struct {
    const char *path;
    int accepted, refused, unanswered; /* of ten */
    const char *outcome;
} manners[] = {
    {"/ok", 10, 0, 0, "HTTP 200"},
    {"/status/204", 10, 0, 0, "HTTP 204"},
    {"/status/304", 0, 10, 0, "HTTP 304"},
    {"/status/503", 0, 10, 0, "HTTP 503"},
    {"/interim", 10, 0, 0, "HTTP 200"},
    {"/slow/3", 10, 0, 0, "HTTP 200"},
    {"/count", 10, 0, 0, "HTTP 200"},
    {"/leave", 10, 0, 0, "HTTP 200"},
    {"/rst/7", 0, 10, 0, "RST_STREAM REFUSED_STREAM"},
    {"/rst/2", 0, 0, 10, "RST_STREAM INTERNAL_ERROR"},
    {"/rst/11", 0, 0, 10, "RST_STREAM ENHANCE_YOUR_CALM"},
    {"/partial-rst", 0, 0, 10, "RST_STREAM INTERNAL_ERROR, partial reply"},
    {"/expel", 0, 10, 0, "GOAWAY ENHANCE_YOUR_CALM: too much"},
    {"/hang", 0, 0, 10, "time-out"},
    {"/half", 0, 0, 10, "time-out, partial reply"},
    {"/uppercase", 0, 0, 10, "malformed reply: Invalid HTTP header field was received"},
};

static void every_manner_has_its_outcome(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
        struct load_run run;
        ask(&run, manners[i].path, "text(100)", "10");
        if (load_run_outcome(&run, manners[i].outcome) != 10)
            load_run_print(&run, manners[i].outcome);
        assert_int_equal(load_run_outcome(&run, manners[i].outcome), 10);
        assert_int_equal(run.counts.accepted, manners[i].accepted);
        assert_int_equal(run.counts.refused, manners[i].refused);
        assert_int_equal(run.counts.unanswered, manners[i].unanswered);
        load_run_close(&run);
    }
}

/* These end a whole connection: one request on each. */
static const char *const endings[][2] = {
    {"/close", "connection closed without a reply"},
    {"/reset", "connection reset"},
    {"/partial", "connection closed, partial reply"},
    {"/partial-reset", "connection reset, partial reply"},
    {"/nonsense", "malformed reply: FRAME_SIZE_ERROR"},
    {"/huge", "malformed reply: FRAME_SIZE_ERROR: too large frame size"},
};

static void connections_end_in_many_ways(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        struct load_run run;
        ask(&run, endings[i][0], "text(100)", "1");
        if (load_run_outcome(&run, endings[i][1]) != 1)
            load_run_print(&run, endings[i][1]);
        assert_int_equal(load_run_outcome(&run, endings[i][1]), 1);
        assert_int_equal(run.counts.unanswered, 1);
        load_run_close(&run);
    }
}

/* The target answers before it has read the body: then it does not want the rest, or it does. */
static void early_answers_are_told_apart(void **state) {
    static const char *const early[][2] = {{"/early/413", "HTTP 413 before the body was sent"},
                                           {"/early/200", "HTTP 200 before the body was sent"},
                                           {"/talk/413", "HTTP 413 before the body was sent"},
                                           {"/talk/200", "HTTP 200"}};
    (void)state;
    for (size_t i = 0; i < sizeof early / sizeof *early; i++) {
        struct load_run run;
        ask(&run, early[i][0], "noise '20MB'", "3");
        if (load_run_outcome(&run, early[i][1]) != 3)
            load_run_print(&run, early[i][1]);
        assert_int_equal(load_run_outcome(&run, early[i][1]), 3);
        assert_int_equal(run.counts.accepted, strstr(early[i][1], "200") ? 3 : 0);
        load_run_close(&run);
    }
}

static void what_is_no_http2_is_quoted(void **state) {
    (void)state;
    struct rude_server *other = rude_server_start(NULL);
    struct load_run run;
    const struct load_setting settings[] = {
        {"url", rude_server_url(other)}, {"count", "5"}, {"streams", "1"}, {NULL, NULL}};
    load_run_open(&run, "http2_load", settings);
    load_run_start(&run);
    load_run_until_done(&run, 5);
    if (load_run_outcome(&run, "not HTTP/2: HTTP/1.1 404 Because") != 5)
        load_run_print(&run, "not HTTP/2: HTTP/1.1 404 Because");
    assert_int_equal(load_run_outcome(&run, "not HTTP/2: HTTP/1.1 404 Because"), 5);
    assert_int_equal(run.counts.unanswered, 5);
    load_run_close(&run);
    rude_server_stop(other);
}

static const struct {
    const char *method, *outcome;
    int refused; /* of one; else unanswered */
} calls[] = {
    {"/rst/7", "RST_STREAM REFUSED_STREAM", 1},
    {"/rst/8", "RST_STREAM CANCEL", 0},
    {"/partial-rst/x", "RST_STREAM INTERNAL_ERROR, partial reply", 0},
    {"/expel/x", "GOAWAY ENHANCE_YOUR_CALM: too much", 1},
    {"/status/404", "HTTP 404, not gRPC", 1},
    {"/ok/x", "malformed reply: no grpc-status", 0},
    {"/hang/x", "time-out", 0},
    {"/half/x", "time-out, partial reply", 0},
    {"/close/x", "connection closed without a reply", 0},
};

static void calls_end_in_many_ways_too(void **state) {
    (void)state;
    if (!server)
        skip();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct load_run run;
        const struct load_setting settings[] = {{"url", child_server_url(server)},
                                                {"method", calls[i].method},
                                                {"count", "1"},
                                                {"body", "text(100)"},
                                                {"timeout", timeout_of(calls[i].method)},
                                                {NULL, NULL}};
        load_run_open(&run, "grpc_load", settings);
        load_run_start(&run);
        load_run_until_done(&run, 1);
        if (load_run_outcome(&run, calls[i].outcome) != 1)
            load_run_print(&run, calls[i].outcome);
        assert_int_equal(load_run_outcome(&run, calls[i].outcome), 1);
        assert_int_equal(run.counts.refused, calls[i].refused);
        assert_int_equal(run.counts.unanswered, 1 - calls[i].refused);
        load_run_close(&run);
    }
}

/* A time-out is no reason to close what others are using. */
static void a_late_one_leaves_the_others_alone(void **state) {
    (void)state;
    if (!server)
        skip();
    struct load_run slow, fast;
    ask(&slow, "/hang", "text(10)", "20");
    ask(&fast, "/ok", "text(10)", "200");
    assert_int_equal(load_run_outcome(&slow, "time-out"), 20);
    assert_int_equal(fast.counts.accepted, 200);
    load_run_close(&slow);
    load_run_close(&fast);
}

static void bad_settings_are_refused(void **state) {
    (void)state;
    static const struct load_setting bad[][5] = {
        {{"rate", "5/s"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "http://h/"}, {"path", "/a b"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "http://h/"}, {"streams", "0"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "http://h/"}, {"headers", "{'Connection: x'}"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"unix", "/s"}, {"proxy", "http://h/"}, {NULL, NULL}},
        {{"concurrency", "500"},
         {"url", "http://h/"},
         {"connections", "4"},
         {"streams", "100"},
         {NULL, NULL}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sm_error err;
        assert_int_equal(load_run_refused("http2_load", bad[i], &err), -EINVAL);
        assert_true(strlen(err.what) > 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_manner_has_its_outcome),
        cmocka_unit_test(connections_end_in_many_ways),
        cmocka_unit_test(early_answers_are_told_apart),
        cmocka_unit_test(what_is_no_http2_is_quoted),
        cmocka_unit_test(calls_end_in_many_ways_too),
        cmocka_unit_test(a_late_one_leaves_the_others_alone),
        cmocka_unit_test(bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
