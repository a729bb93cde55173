/* http2_load against nginx, over TCP, TLS and a unix socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load_block.h"
#include "nginx_server.h"
#include "temp_dir.h"

static const char locations[] = "keepalive_requests 50; client_max_body_size 100k;"
                                "location /ok { return 200 'ok'; }"
                                "location /limited { limit_except GET { deny all; } return 200; }"
                                "location /gone { return 444; }" /* closes without a reply */
                                "location /teapot { return 418 'no'; }";

static void run_until_done(struct load_run *run, const char *driver,
                           const struct load_setting *settings, int64_t count) {
    load_run_open(run, driver, settings);
    load_run_start(run);
    load_run_until_done(run, count);
    load_run_stop(run, 0);
}

/* All of `count` have this outcome. */
static void check(const char *driver, const struct load_setting *settings, int64_t count,
                  const char *outcome) {
    struct load_run run;
    run_until_done(&run, driver, settings, count);
    if (load_run_outcome(&run, outcome) != count)
        load_run_print(&run, outcome);
    assert_int_equal(load_run_outcome(&run, outcome), count);
    assert_int_equal(run.counts.accepted, strcmp(outcome, "HTTP 200") == 0 ? count : 0);
    load_run_close(&run);
}

static struct nginx_server *start(const char *directory, const char *options, const char *inside) {
    struct nginx_server *server = nginx_server_start(directory, options, inside);
    if (!server)
        skip();
    return server;
}

/* It ends each connection after fifty requests, by a GOAWAY: no unit is lost to that, and none is
 * served twice. */
static void every_unit_is_logged_once(void **state) {
    struct nginx_server *server = start(*state, "http2", locations);
    check("http2_load",
          (const struct load_setting[]){{"url", nginx_server_url(server)},
                                        {"path", "/ok"},
                                        {"rate", "5000/s"},
                                        {"count", "3000"},
                                        {"connections", "8"},
                                        {"body", "json { a = text(100), n = number() }"},
                                        {NULL, NULL}},
          3000, "HTTP 200");
    assert_int_equal(nginx_server_logged(server, "POST /ok HTTP/2.0\" 200", 3000), 3000);
    assert_int_equal(nginx_server_logged(server, "/ok", 3000), 3000);
    nginx_server_stop(server);
}

static void a_unix_socket_and_its_log(void **state) {
    char inside[512], path[256];
    snprintf(path, sizeof path, "%s/s2", (const char *)*state);
    snprintf(inside, sizeof inside, "listen unix:%s http2; location / { return 200; }", path);
    struct nginx_server *server = start(*state, "http2", inside);
    /* Once one address answers, all are listened to. */
    check("http2_load",
          (const struct load_setting[]){
              {"url", nginx_server_url(server)}, {"count", "1"}, {NULL, NULL}},
          1, "HTTP 200");
    check("http2_load",
          (const struct load_setting[]){{"unix", path},
                                        {"path", "/unix"},
                                        {"concurrency", "64"},
                                        {"count", "2000"},
                                        {"connections", "4"},
                                        {NULL, NULL}},
          2000, "HTTP 200");
    assert_int_equal(nginx_server_logged(server, "GET /unix HTTP/2.0\" 200", 2000), 2000);
    nginx_server_stop(server);
}

static const char *const refusals[][2] = {{"/none", "HTTP 404"},
                                          {"/teapot", "HTTP 418"},
                                          {"/limited", "HTTP 403"},
                                          {"/gone", "RST_STREAM PROTOCOL_ERROR"}};

static void refusals_are_told_by_their_status(void **state) {
    struct nginx_server *server = start(*state, "http2", locations);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        check("http2_load",
              (const struct load_setting[]){{"url", nginx_server_url(server)},
                                            {"path", refusals[i][0]},
                                            {"count", "20"},
                                            {"body", "text(10)"},
                                            {NULL, NULL}},
              20, refusals[i][1]);
    nginx_server_stop(server);
}

static void tls_asks_for_http2_and_checks(void **state) {
    const char *directory = *state;
    char tls[1024], url[64], ca[256];
    if (!nginx_server_tls(directory, tls, sizeof tls, ca, sizeof ca))
        skip();
    struct nginx_server *server = start(directory, "ssl http2", tls);
    snprintf(url, sizeof url, "https://127.0.0.1:%d", nginx_server_port(server));
    check("http2_load",
          (const struct load_setting[]){{"url", url},
                                        {"count", "200"},
                                        {"ca", ca},
                                        {"body", "text(3000)"},
                                        {"rate", "1000/s"},
                                        {NULL, NULL}},
          200, "HTTP 200");
    assert_int_equal(nginx_server_logged(server, "POST / HTTP/2.0\" 200", 200), 200);
    check("http2_load",
          (const struct load_setting[]){
              {"url", url}, {"count", "10"}, {"insecure", "true"}, {NULL, NULL}},
          10, "HTTP 200");
    check("http2_load", (const struct load_setting[]){{"url", url}, {"count", "10"}, {NULL, NULL}},
          10, "certificate not trusted: self-signed certificate");
    check("http2_load",
          (const struct load_setting[]){
              {"url", nginx_server_url(server)}, {"count", "5"}, {"streams", "1"}, {NULL, NULL}},
          5, "not HTTP/2: HTTP/1.1 400 Bad Request");
    nginx_server_stop(server);
}

/* What is asked for is not there at all, or it is something else: in its own words. */
static void wrong_addresses_are_named(void **state) {
    struct nginx_server *server = start(*state, "", locations);
    char tls_url[64];
    snprintf(tls_url, sizeof tls_url, "https://127.0.0.1:%d", nginx_server_port(server));
    check("http2_load",
          (const struct load_setting[]){
              {"url", nginx_server_url(server)}, {"count", "5"}, {"streams", "1"}, {NULL, NULL}},
          5, "not HTTP/2: HTTP/1.1 400 Bad Request");
    check("http_load",
          (const struct load_setting[]){{"url", tls_url}, {"count", "5"}, {NULL, NULL}}, 5,
          "no TLS is spoken there: wrong version number");
    check("http2_load",
          (const struct load_setting[]){
              {"url", "http://no-such-host.invalid/"}, {"count", "5"}, {NULL, NULL}},
          5, "cannot connect: Could not resolve host: no-such-host.invalid");
    nginx_server_stop(server);
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, test_temp_dir_make, test_temp_dir_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        in_dir(every_unit_is_logged_once),         in_dir(a_unix_socket_and_its_log),
        in_dir(refusals_are_told_by_their_status), in_dir(tls_asks_for_http2_and_checks),
        in_dir(wrong_addresses_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
