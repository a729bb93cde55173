/* Every driver, with TLS and without, through proxies that nobody here wrote: tinyproxy (CONNECT)
 * and microsocks (SOCKS5). Both let in only who knows the password, so that what arrives with it
 * and not without went through them. And by way of proxies that do not let through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "child_server.h"
#include "load_block.h"
#include "nginx_server.h"
#include "temp_dir.h"

enum { UNITS = 40 };

static struct child_server *tinyproxy, *microsocks, *grpc, *websocket, *redis, *redis_tls;
static struct nginx_server *nginx;

static struct child_server *start_with_port(const char *shell_command) {
    return child_server_start((const char *const[]){"python3", SPILLMARK_TESTS "/load/with_port.py",
                                                    "sh", "-c", shell_command, NULL});
}

/* Behind its TLS are the other servers as well. */
static void start_nginx(const char *directory) {
    char tls[1024];
    snprintf(tls, sizeof tls,
             "ssl_certificate %s/cert; ssl_certificate_key %s/key; location / { return 200; }"
             "location /test.Service/ { grpc_pass grpc://127.0.0.1:%d; }"
             "location /echo { proxy_pass http://127.0.0.1:%d; proxy_http_version 1.1;"
             " proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }",
             directory, directory, child_server_port(grpc), child_server_port(websocket));
    if (nginx_server_certify(directory))
        nginx = nginx_server_start(directory, "ssl http2", tls);
}

static int start_all(void **state) {
    char script[600];
    if (test_temp_dir_make(state) != 0)
        return -1;
    const char *directory = *state;
    snprintf(script, sizeof script,
             "printf 'Port {port}\\nListen 127.0.0.1\\nAllow 127.0.0.1\\nBasicAuth user right\\n' "
             "> '%s/tinyproxy' && exec tinyproxy -d -c '%s/tinyproxy'",
             directory, directory);
    tinyproxy = start_with_port(script);
    microsocks = start_with_port("exec microsocks -i 127.0.0.1 -p {port} -u user -P right");
    grpc = child_server_start(
        (const char *const[]){"/usr/bin/python3", SPILLMARK_TESTS "/load/grpc_server.py", NULL});
    websocket =
        start_with_port("exec /usr/bin/python3 " SPILLMARK_TESTS "/e2e/websocket_server.py {port}");
    if (grpc && websocket)
        start_nginx(directory);
    snprintf(script, sizeof script,
             "cd '%s' && exec redis-server --bind 127.0.0.1 --port {port} --save ''", directory);
    redis = start_with_port(script);
    snprintf(script, sizeof script,
             "cd '%s' && exec redis-server --bind 127.0.0.1 --port 0 --tls-port {port} --save ''"
             " --tls-cert-file cert --tls-key-file key --tls-ca-cert-file cert"
             " --tls-auth-clients no",
             directory);
    redis_tls = nginx ? start_with_port(script) : NULL; /* with its certificate */
    return 0;
}

static int stop_all(void **state) {
    struct child_server *all[] = {tinyproxy, microsocks, grpc, websocket, redis, redis_tls};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            child_server_stop(all[i]);
    if (nginx)
        nginx_server_stop(nginx);
    return test_temp_dir_remove(state);
}

/* One driver by way of `proxy`; all units end alike. */
static void drive(const char *driver, const struct load_setting *address, const char *proxy,
                  const char *outcome) {
    struct load_setting settings[12] = {
        {"proxy", proxy}, {"count", "40"}, {"connections", "4"}, {"body", "'PING\\r\\n'"}};
    struct load_run run;
    for (size_t i = 0; address[i].key; i++)
        settings[4 + i] = address[i];
    load_run_open(&run, driver, settings);
    load_run_start(&run);
    load_run_until_done(&run, UNITS);
    load_run_stop(&run, 0);
    if (load_run_outcome(&run, outcome) != UNITS)
        load_run_print(&run, outcome);
    assert_int_equal(load_run_outcome(&run, outcome), UNITS);
    load_run_close(&run);
}

/* In their own words: `refused` of all; NULL: all is accepted. */
static void drive_all(const char *proxy, const char *refused) {
    char tls[64], to[64], to_tls[64];
    snprintf(to_tls, sizeof to_tls, "127.0.0.1:%d", child_server_port(redis_tls));
    snprintf(tls, sizeof tls, "https://127.0.0.1:%d", nginx_server_port(nginx));
    snprintf(to, sizeof to, "127.0.0.1:%d", child_server_port(redis));
    const struct {
        const char *driver, *accepted;
        struct load_setting address[5];
    } drivers[] = {
        {"http_load", "HTTP 200", {{"url", tls}, {"insecure", "true"}, {NULL, NULL}}},
        {"http2_load", "HTTP 200", {{"url", tls}, {"insecure", "true"}, {NULL, NULL}}},
        {"grpc_load",
         "gRPC OK",
         {{"url", child_server_url(grpc)}, {"method", "/test.Service/Sink"}, {NULL, NULL}}},
        {"websocket_load",
         "answered",
         {{"url", child_server_url(websocket)}, {"path", "/echo"}, {NULL, NULL}}},
        {"grpc_load",
         "gRPC OK",
         {{"url", tls}, {"insecure", "true"}, {"method", "/test.Service/Sink"}, {NULL, NULL}}},
        {"websocket_load",
         "answered",
         {{"url", tls}, {"insecure", "true"}, {"path", "/echo"}, {NULL, NULL}}},
        {"stream_load", "answered", {{"to", to}, {"reply_end", "\\r\\n"}, {NULL, NULL}}},
        {"stream_load",
         "answered",
         {{"to", to_tls},
          {"tls", "true"},
          {"insecure", "true"},
          {"reply_end", "\\r\\n"},
          {NULL, NULL}}},
    };
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        drive(drivers[i].driver, drivers[i].address, proxy,
              refused ? refused : drivers[i].accepted);
}

static void by_way_of(const char *scheme, const struct child_server *proxy, const char *refusal) {
    char url[96];
    if (!proxy || !nginx || !grpc || !websocket || !redis_tls)
        skip();
    snprintf(url, sizeof url, "%s://user:right@127.0.0.1:%d", scheme, child_server_port(proxy));
    drive_all(url, NULL);
    snprintf(url, sizeof url, "%s://user:wrong@127.0.0.1:%d", scheme, child_server_port(proxy));
    drive_all(url, refusal);
}

static void connect_tunnels(void **state) {
    (void)state;
    by_way_of("http", tinyproxy, "cannot connect: CONNECT tunnel failed, response 401");
}

static void socks_relays(void **state) {
    static const char socks_refusal[] =
        "cannot connect: User was rejected by the SOCKS5 server (1 2).";
    (void)state;
    by_way_of("socks5h", microsocks, socks_refusal);
    by_way_of("socks5", microsocks, socks_refusal);
}

/* Its certificate is checked as the target's is, whatever is behind it. */
static void a_proxy_behind_tls(void **state) {
    static const char distrust[] = "certificate not trusted: self-signed certificate";
    char port[16], url[96], tls[64], ca[256];
    if (!tinyproxy || !redis_tls)
        skip();
    snprintf(port, sizeof port, "%d", child_server_port(tinyproxy));
    struct child_server *front = child_server_start(
        (const char *const[]){"python3", SPILLMARK_TESTS "/load/tls_front.py", *state, port, NULL});
    if (!front)
        skip();
    snprintf(url, sizeof url, "https://user:right@127.0.0.1:%d", child_server_port(front));
    snprintf(tls, sizeof tls, "https://127.0.0.1:%d", nginx_server_port(nginx));
    snprintf(ca, sizeof ca, "%s/cert", (const char *)*state);
    const struct load_setting strict[] = {{"url", tls}, {NULL, NULL}};
    const struct load_setting trusting[] = {{"url", tls}, {"ca", ca}, {NULL, NULL}};
    const struct load_setting plain[] = {{"to", child_server_url(redis) + strlen("http://")},
                                         {"insecure", "true"},
                                         {"reply_end", "\\r\\n"},
                                         {NULL, NULL}};
    drive("http_load", strict, url, distrust);
    drive("http_load", trusting, url, "HTTP 200");
    drive("http2_load", trusting, url, "HTTP 200");
    drive("stream_load", plain, url, "answered");
    snprintf(url, sizeof url, "https://user:wrong@127.0.0.1:%d", child_server_port(front));
    drive("http_load", trusting, url, "cannot connect: CONNECT tunnel failed, response 401");
    child_server_stop(front);
}

/* With and without TLS behind it. */
static void a_proxy_that_does_not_let_through(void **state) {
    static const struct {
        const char *reply, *words;
    } rude[] = {{"403 Forbidden", "cannot connect: CONNECT tunnel failed, response 403"},
                {"407 Proxy Authentication Required",
                 "cannot connect: CONNECT tunnel failed, response 407"},
                {"502 Bad Gateway", "cannot connect: CONNECT tunnel failed, response 502"},
                {"close", "cannot connect: Proxy CONNECT aborted"}};
    (void)state;
    if (!nginx || !redis_tls)
        skip();
    for (size_t i = 0; i < sizeof rude / sizeof *rude; i++) {
        char url[64];
        struct child_server *proxy = child_server_start((const char *const[]){
            "python3", SPILLMARK_TESTS "/load/rude_proxy.py", rude[i].reply, NULL});
        snprintf(url, sizeof url, "http://127.0.0.1:%d", child_server_port(proxy));
        drive_all(url, rude[i].words);
        child_server_stop(proxy);
    }
}

/* What the proxy cannot reach is told as such, and where there is no proxy, that. */
static void what_is_out_of_reach(void **state) {
    static const struct load_setting nobody[] = {{"url", "http://127.0.0.1:1/"}, {NULL, NULL}};
    static const struct load_setting unknown[] = {{"url", "http://no-such-host.invalid/"},
                                                  {NULL, NULL}};
    char socks[96];
    (void)state;
    if (!microsocks)
        skip();
    snprintf(socks, sizeof socks, "socks5h://user:right@127.0.0.1:%d",
             child_server_port(microsocks));
    drive("http_load", nobody, socks,
          "cannot connect: Can't complete SOCKS5 connection to 127.0.0.1. (5)");
    drive("http_load", unknown, socks,
          "cannot connect: Can't complete SOCKS5 connection to no-such-host.invalid. (1)");
    drive("http_load", nobody, "http://127.0.0.1:1", "connection refused by the proxy");
    drive("http_load", nobody, "socks5h://127.0.0.1:1", "connection refused by the proxy");
    drive("http_load", nobody, "http://no-such-host.invalid:1",
          "cannot connect: Could not resolve proxy: no-such-host.invalid");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_tunnels),      cmocka_unit_test(socks_relays),
        cmocka_unit_test(a_proxy_behind_tls),   cmocka_unit_test(a_proxy_that_does_not_let_through),
        cmocka_unit_test(what_is_out_of_reach),
    };
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
