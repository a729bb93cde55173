/* http_load against nginx: every unit is in its access log, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "load_block.h"
#include "nginx_server.h"
#include "temp_dir.h"

static const char locations[] = "keepalive_requests 50; client_max_body_size 100k;"
                                "location /ok { return 200 'ok'; }"
                                "location /limited { limit_except GET { deny all; } return 200; }"
                                "location /gone { return 444; }" /* closes without a reply */
                                "location /teapot { return 418 'no'; }";

static struct nginx_server *start(void **state) {
    struct nginx_server *server = nginx_server_start((const char *)*state, "", locations);
    if (!server)
        skip();
    return server;
}

static void run_until_done(struct load_run *run, const struct load_setting *settings,
                           int64_t count) {
    load_run_open(run, "http_load", settings);
    load_run_start(run);
    load_run_until_done(run, count);
    load_run_stop(run, 0);
}

/* It closes each connection after fifty requests, saying so: no unit is lost to that. */
static void every_unit_is_logged_once(void **state) {
    struct nginx_server *server = start(state);
    struct load_run run;
    run_until_done(&run,
                   (const struct load_setting[]){{"url", nginx_server_url(server)},
                                                 {"path", "/ok"},
                                                 {"rate", "5000/s"},
                                                 {"count", "3000"},
                                                 {"body", "json { a = text(100) }"},
                                                 {NULL, NULL}},
                   3000);
    assert_int_equal(run.counts.accepted, 3000);
    assert_int_equal(nginx_server_logged(server, "POST /ok HTTP/1.1\" 200", 3000), 3000);
    load_run_close(&run);
    nginx_server_stop(server);
}

static void a_unix_socket_and_its_log(void **state) {
    struct nginx_server *server = start(state);
    struct load_run run;
    run_until_done(&run,
                   (const struct load_setting[]){{"unix", nginx_server_unix(server)},
                                                 {"path", "/ok"},
                                                 {"concurrency", "16"},
                                                 {"count", "2000"},
                                                 {"headers", "{ 'X-Shard: 1' }"},
                                                 {NULL, NULL}},
                   2000);
    assert_int_equal(run.counts.accepted, 2000);
    assert_int_equal(nginx_server_logged(server, "GET /ok HTTP/1.1\" 200", 2000), 2000);
    load_run_close(&run);
    nginx_server_stop(server);
}

static void a_thousand_connections(void **state) {
    struct nginx_server *server = start(state);
    struct load_run run;
    run_until_done(&run,
                   (const struct load_setting[]){{"url", nginx_server_url(server)},
                                                 {"path", "/ok"},
                                                 {"concurrency", "1000"},
                                                 {"count", "10000"},
                                                 {NULL, NULL}},
                   10000);
    assert_int_equal(run.counts.accepted, 10000);
    load_run_close(&run);
    nginx_server_stop(server);
}

static const struct {
    const char *path, *body, *outcome;
    int refused, unanswered; /* of twenty */
} refusals[] = {
    {"/none", "text(10)", "HTTP 404", 20, 0},
    {"/teapot", "text(10)", "HTTP 418", 20, 0},
    {"/limited", "text(10)", "HTTP 403", 20, 0},
    {"/ok", "text(200000)", "HTTP 413", 20, 0},
    {"/gone", "text(10)", "connection closed without a reply", 0, 20},
};

static void refusals_are_told_by_their_status(void **state) {
    struct nginx_server *server = start(state);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct load_run run;
        run_until_done(&run,
                       (const struct load_setting[]){{"url", nginx_server_url(server)},
                                                     {"path", refusals[i].path},
                                                     {"count", "20"},
                                                     {"body", refusals[i].body},
                                                     {NULL, NULL}},
                       20);
        assert_int_equal(run.counts.refused, refusals[i].refused);
        assert_int_equal(run.counts.unanswered, refusals[i].unanswered);
        char early[64]; /* nginx answers before it has read all, which may be before all was sent */
        snprintf(early, sizeof early, "%s before the body was sent", refusals[i].outcome);
        assert_int_equal(
            load_run_outcome(&run, refusals[i].outcome) + load_run_outcome(&run, early), 20);
        load_run_close(&run);
    }
    nginx_server_stop(server);
}

static void tls_is_spoken_and_checked(void **state) {
    const char *directory = *state;
    char tls[1024], url[64], ca[256];
    if (!nginx_server_tls(directory, tls, sizeof tls, ca, sizeof ca))
        skip();
    struct nginx_server *server = nginx_server_start(directory, "ssl", tls);
    if (!server)
        skip();
    snprintf(url, sizeof url, "https://127.0.0.1:%d", nginx_server_port(server));
    struct load_run run;
    run_until_done(&run,
                   (const struct load_setting[]){{"url", url},
                                                 {"count", "200"},
                                                 {"ca", ca},
                                                 {"body", "text(300000)"},
                                                 {"rate", "1000/s"},
                                                 {NULL, NULL}},
                   200);
    assert_int_equal(run.counts.accepted, 200);
    load_run_close(&run);
    run_until_done(&run, (const struct load_setting[]){{"url", url}, {"count", "10"}, {NULL, NULL}},
                   10);
    assert_int_equal(run.counts.unanswered, 10);
    assert_int_equal(load_run_outcome(&run, "certificate not trusted: self-signed certificate"),
                     10);
    load_run_close(&run);
    run_until_done(&run,
                   (const struct load_setting[]){
                       {"url", url}, {"count", "10"}, {"insecure", "true"}, {NULL, NULL}},
                   10);
    assert_int_equal(run.counts.accepted, 10);
    load_run_close(&run);
    snprintf(url, sizeof url, "https://localhost:%d", nginx_server_port(server));
    run_until_done(
        &run,
        (const struct load_setting[]){{"url", url}, {"count", "10"}, {"ca", ca}, {NULL, NULL}}, 10);
    assert_int_equal(load_run_outcome(&run, "certificate not trusted: no alternative certificate "
                                            "subject name matches target host name 'localhost'"),
                     10);
    load_run_close(&run);
    /* The other way round: plain HTTP to a port that speaks TLS. */
    run_until_done(&run,
                   (const struct load_setting[]){
                       {"url", nginx_server_url(server)}, {"count", "10"}, {NULL, NULL}},
                   10);
    assert_int_equal(load_run_outcome(&run, "HTTP 400"), 10);
    load_run_close(&run);
    nginx_server_stop(server);
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, test_temp_dir_make, test_temp_dir_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        in_dir(every_unit_is_logged_once), in_dir(a_unix_socket_and_its_log),
        in_dir(a_thousand_connections),    in_dir(refusals_are_told_by_their_status),
        in_dir(tls_is_spoken_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
