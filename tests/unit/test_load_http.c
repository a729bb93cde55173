#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "harness/load.h"
#include "load_block.h"
#include "rude_server.h"
#include "temp_dir.h"

/* Nobody answers /hang, and what comes of /half takes its time on a busy machine. All others end
 * without a time-out, however long that takes: CTest has the bound. */
static const char *timeout_of(const char *path) {
    return strcmp(path, "/hang") == 0 ? "1s" : strcmp(path, "/half") == 0 ? "4s" : "1h";
}

/* `count` requests to a path, a hundred at a time at the most, all ended. */
static void ask(struct load_run *run, const char *url, const char *path, const char *count) {
    const struct load_setting settings[] = {{"url", url},
                                            {"path", path},
                                            {"count", count},
                                            {"timeout", timeout_of(path)},
                                            {NULL, NULL}};
    load_run_open(run, "http_load", settings);
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
    {"/status/299", 10, 0, 0, "HTTP 299"},
    {"/status/304", 0, 10, 0, "HTTP 304"},
    {"/status/413", 0, 10, 0, "HTTP 413"},
    {"/status/503", 0, 10, 0, "HTTP 503"},
    {"/nowhere", 0, 10, 0, "HTTP 404"},
    {"/chunked", 10, 0, 0, "HTTP 200"},
    {"/until-close", 10, 0, 0, "HTTP 200"},
    {"/interim", 10, 0, 0, "HTTP 200"},
    {"/stutter", 10, 0, 0, "HTTP 200"},
    {"/extra", 10, 0, 0, "HTTP 200"},
    {"/once", 10, 0, 0, "HTTP 200"},
    {"/slow/30", 10, 0, 0, "HTTP 200"},
    {"/reset", 0, 0, 10, "connection reset"},
    {"/close", 0, 0, 10, "connection closed without a reply"},
    {"/partial", 0, 0, 10, "connection closed, partial reply"},
    {"/partial-reset", 0, 0, 10, "connection reset, partial reply"},
    {"/malformed", 0, 0, 10, "not HTTP/1.1: 220 mail.example.org ESMTP"},
    {"/hang", 0, 0, 10, "time-out"},
    {"/half", 0, 0, 10, "time-out, partial reply"},
};

static void every_manner_has_its_outcome(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
        struct load_run run;
        ask(&run, rude_server_url(server), manners[i].path, "10");
        if (load_run_outcome(&run, manners[i].outcome) != 10)
            print_message("%s: not \"%s\"\n", manners[i].path, manners[i].outcome);
        assert_int_equal(run.counts.accepted, manners[i].accepted);
        assert_int_equal(run.counts.refused, manners[i].refused);
        assert_int_equal(run.counts.unanswered, manners[i].unanswered);
        assert_int_equal(load_run_outcome(&run, manners[i].outcome), 10);
        load_run_close(&run);
    }
    rude_server_stop(server);
}

static void open_http(struct load_run *run, const struct load_setting *settings) {
    load_run_open(run, "http_load", settings);
    load_run_start(run);
}

static void a_unix_socket_serves_as_well(void **state) {
    char path[108];
    snprintf(path, sizeof path, "%s/s", (const char *)*state);
    struct rude_server *server = rude_server_start(path);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){{"unix", path},
                                                  {"path", "/ok"},
                                                  {"rate", "2000/s"},
                                                  {"count", "500"},
                                                  {"body", "json { v = 1 }"},
                                                  {NULL, NULL}});
    load_run_until_done(&run, 500);
    assert_int_equal(run.counts.accepted, 500);
    assert_int_equal(run.counts.bytes_offered, 500 * strlen("{\"v\":1}"));
    assert_int_equal(rude_server_requests(server), 500);
    assert_int_equal(rude_server_body_bytes(server), run.counts.bytes_offered);
    load_run_close(&run);
    rude_server_stop(server);
}

/* One connection, five units due at once, 200 ms each: the last one waited a second, and none of
 * that is the driver's fault. */
static void latency_counts_from_when_a_unit_was_due(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"path", "/slow/200"},
                                                  {"count", "5"},
                                                  {"connections", "1"},
                                                  {NULL, NULL}});
    load_run_until_done(&run, 5);
    assert_int_equal(run.counts.accepted, 5);
    assert_true(sm_histogram_max(run.latency_ns) >= 1000000000);
    assert_true(sm_histogram_quantile(run.latency_ns, 0.4) >= 400000000);
    assert_true(sm_histogram_max(run.slip_ns) < 500000000);
    load_run_close(&run);
    rude_server_stop(server);
}

static void the_schedule_does_not_wait_for_replies(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"path", "/hang"},
                                                  {"rate", "2000/s"},
                                                  {"connections", "4"},
                                                  {NULL, NULL}});
    while (run.counts.offered < 300 || rude_server_requests(server) < 4)
        load_run_look(&run);
    assert_int_equal(run.counts.in_flight, run.counts.offered);
    load_run_stop(&run, 0);
    assert_int_equal(run.counts.unanswered, run.counts.offered);
    assert_int_equal(load_run_outcome(&run, "stopped before the reply"), 4);
    assert_int_equal(load_run_outcome(&run, "stopped before it was sent"), run.counts.offered - 4);
    assert_int_equal(rude_server_requests(server), 4);
    load_run_close(&run);
    rude_server_stop(server);
}

static void units_that_wait_too_long_time_out_unsent(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"path", "/hang"},
                                                  {"count", "50"},
                                                  {"connections", "2"},
                                                  {"timeout", "100ms"},
                                                  {NULL, NULL}});
    load_run_until_done(&run, 50);
    assert_int_equal(load_run_outcome(&run, "time-out") +
                         load_run_outcome(&run, "time-out while connecting"),
                     2);
    assert_int_equal(load_run_outcome(&run, "time-out before it was sent"), 48);
    load_run_close(&run);
    rude_server_stop(server);
}

static void a_stop_waits_for_replies_within_its_grace(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"path", "/slow/100"},
                                                  {"rate", "200/s"},
                                                  {NULL, NULL}});
    while (run.counts.offered < 20)
        load_run_look(&run);
    load_run_stop(&run, 20);
    assert_int_equal(run.counts.accepted, run.counts.offered);
    assert_int_equal(rude_server_requests(server), run.counts.offered);
    load_run_close(&run);
    rude_server_stop(server);
}

static void a_closed_loop_keeps_its_concurrency(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"path", "/slow/2"},
                                                  {"concurrency", "7"},
                                                  {"count", "300"},
                                                  {NULL, NULL}});
    int64_t most = 0;
    do {
        load_run_look(&run);
        most = run.counts.in_flight > most ? run.counts.in_flight : most;
    } while (run.counts.accepted < 300);
    assert_int_equal(most, 7);
    load_run_stop(&run, 0);
    assert_int_equal(run.counts.offered, 300);
    assert_int_equal(rude_server_requests(server), 300);
    load_run_close(&run);
    rude_server_stop(server);
}

/* Dead, then alive, then dead: the load goes on, and every unit is accounted for. */
static void the_target_may_come_and_go(void **state) {
    char path[108];
    snprintf(path, sizeof path, "%s/s", (const char *)*state);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){
                        {"unix", path}, {"path", "/ok"}, {"rate", "3000/s"}, {NULL, NULL}});
    while (run.counts.unanswered < 300)
        load_run_look(&run);
    /* All of them for that one reason; the load goes on between the looks. */
    int64_t told = load_run_outcome(&run, "cannot connect: No such file or directory");
    assert_true(told >= run.counts.unanswered);
    load_run_look(&run);
    assert_true(told <= run.counts.unanswered);
    struct rude_server *server = rude_server_start(path);
    while (run.counts.accepted < 300)
        load_run_look(&run);
    rude_server_stop(server);
    int64_t unanswered = run.counts.unanswered;
    while (run.counts.unanswered < unanswered + 300)
        load_run_look(&run);
    assert_true(load_run_outcome(&run, "connection refused") > 0);
    load_run_stop(&run, 5);
    load_run_close(&run);
}

static void a_dead_target_is_not_asked_without_end(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    char url[64];
    snprintf(url, sizeof url, "%s", rude_server_url(server));
    rude_server_stop(server);
    struct load_run run;
    open_http(&run,
              (const struct load_setting[]){{"url", url}, {"concurrency", "5"}, {NULL, NULL}});
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    load_run_stop(&run, 0);
    assert_int_equal(load_run_outcome(&run, "connection refused"), run.counts.offered);
    assert_in_range(run.counts.offered, 1, 300); /* a loop without rest makes thousands */
    load_run_close(&run);
}

/* The queue of connections is full (a unix socket says EAGAIN): units wait, and none is lost, even
 * where the same connections met another error before. */
static void a_full_queue_of_connections_is_waited_for(void **state) {
    char path[108];
    snprintf(path, sizeof path, "%s/s", (const char *)*state);
    struct load_run run;
    open_http(
        &run,
        (const struct load_setting[]){
            {"unix", path}, {"path", "/ok"}, {"rate", "500/s"}, {"burst", "50"}, {NULL, NULL}});
    while (run.counts.unanswered < 10)
        load_run_look(&run);
    struct rude_server *server = rude_server_listen(path, 0);
    load_run_look(&run);
    /* Two bursts on, those that found nobody to connect to have ended. */
    int64_t offered = run.counts.offered + 100;
    while (run.counts.in_flight < 100 || run.counts.offered < offered)
        load_run_look(&run);
    int64_t unanswered = run.counts.unanswered;
    rude_server_serve(server);
    while (run.counts.accepted < 200)
        load_run_look(&run);
    load_run_stop(&run, 20);
    assert_int_equal(run.counts.unanswered, unanswered);
    assert_int_equal(rude_server_requests(server), run.counts.accepted);
    load_run_close(&run);
    rude_server_stop(server);
}

/* Over TCP the kernel drops what its queue has no room for: nobody answers at all. Those that begin
 * to connect only when others get no answer are not told apart. */
static void a_connection_that_never_comes_times_out(void **state) {
    (void)state;
    struct rude_server *server = rude_server_listen(NULL, 0);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"count", "200"},
                                                  {"connections", "200"},
                                                  {"timeout", "300ms"},
                                                  {NULL, NULL}});
    load_run_until_done(&run, 200);
    assert_int_equal(run.counts.unanswered, 200);
    assert_true(load_run_outcome(&run, "time-out while connecting") >= 198);
    load_run_close(&run);
    rude_server_stop(server);
}

static void large_bodies_arrive_whole(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"path", "/ok"},
                                                  {"count", "6"},
                                                  {"body", "text(5000001)"},
                                                  {NULL, NULL}});
    load_run_until_done(&run, 6);
    assert_int_equal(run.counts.accepted, 6);
    assert_int_equal(rude_server_body_bytes(server), 6 * 5000001);
    load_run_close(&run);
    rude_server_stop(server);
}

static long peak_rss_kb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* Eight bodies of 30 MB at once take no memory to speak of. */
static void huge_bodies_are_streamed(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    struct load_run run;
    long before_kb = peak_rss_kb();
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"path", "/ok"},
                                                  {"concurrency", "8"},
                                                  {"count", "8"},
                                                  {"body", "noise '30MB'"},
                                                  {NULL, NULL}});
    load_run_until_done(&run, 8);
    assert_int_equal(run.counts.accepted, 8);
    assert_int_equal(rude_server_body_bytes(server), 8 * 30000000L);
    assert_true(peak_rss_kb() - before_kb < 15000);
    load_run_close(&run);
    rude_server_stop(server);
}

/* The target says no, or yes, before it has read the body. */
static void an_early_answer_is_heard(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"path", "/early/413"},
                                                  {"count", "6"},
                                                  {"body", "text(20000000)"},
                                                  {NULL, NULL}});
    load_run_until_done(&run, 6);
    assert_int_equal(load_run_outcome(&run, "HTTP 413 before the body was sent"), 6);
    assert_int_equal(run.counts.refused, 6);
    load_run_close(&run);
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"path", "/early/200"},
                                                  {"count", "6"},
                                                  {"body", "text(20000000)"},
                                                  {NULL, NULL}});
    load_run_until_done(&run, 6);
    assert_int_equal(load_run_outcome(&run, "HTTP 200 before the body was sent"), 6);
    assert_int_equal(run.counts.accepted, 6);
    load_run_close(&run);
    rude_server_stop(server);
}

/* A connection closed without a word may have a request under way: that one is unanswered, and
 * nothing is sent twice. */
static void nothing_is_sent_twice(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    struct load_run run;
    open_http(&run, (const struct load_setting[]){{"url", rude_server_url(server)},
                                                  {"path", "/goodbye"},
                                                  {"rate", "2000/s"},
                                                  {"connections", "3"},
                                                  {"count", "500"},
                                                  {NULL, NULL}});
    load_run_until_done(&run, 500);
    assert_true(run.counts.accepted > 0);
    assert_int_equal(rude_server_requests(server), run.counts.accepted);
    load_run_close(&run);
    rude_server_stop(server);
}

static void bad_settings_are_refused(void **state) {
    (void)state;
    static const struct load_setting bad[][5] = {
        {{"rate", "5/s"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "http://h/"}, {"unix", "/s"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "ftp://h/"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "http://h:99999/"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "127.0.0.1:80"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "http://h/"}, {"path", "no-slash"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "http://h/"}, {"path", "/a b"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "http://h/"}, {"method", "GE T"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "http://h/"}, {"connections", "0"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"url", "http://h/"}, {"connections", "1M"}, {NULL, NULL}},
        {{"concurrency", "5"}, {"url", "http://h/"}, {"connections", "4"}, {NULL, NULL}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sm_error err;
        assert_int_equal(load_run_refused("http_load", bad[i], &err), -EINVAL);
        assert_true(strlen(err.what) > 10);
    }
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, test_temp_dir_make, test_temp_dir_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_manner_has_its_outcome),
        in_dir(a_unix_socket_serves_as_well),
        cmocka_unit_test(latency_counts_from_when_a_unit_was_due),
        cmocka_unit_test(the_schedule_does_not_wait_for_replies),
        cmocka_unit_test(units_that_wait_too_long_time_out_unsent),
        cmocka_unit_test(a_stop_waits_for_replies_within_its_grace),
        cmocka_unit_test(a_closed_loop_keeps_its_concurrency),
        in_dir(the_target_may_come_and_go),
        cmocka_unit_test(a_dead_target_is_not_asked_without_end),
        in_dir(a_full_queue_of_connections_is_waited_for),
        cmocka_unit_test(a_connection_that_never_comes_times_out),
        cmocka_unit_test(large_bodies_arrive_whole),
        cmocka_unit_test(huge_bodies_are_streamed),
        cmocka_unit_test(an_early_answer_is_heard),
        cmocka_unit_test(nothing_is_sent_twice),
        cmocka_unit_test(bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
