/* Ten bodies of 150 MB at once, and a thousand of half a MB, by each protocol, the thousand over
 * TLS as well: the driver makes them as it sends them, and holds a KB or two for each connection.
 * The whole process, with the libraries' code, stays under 16 MB. The peers read all of all before
 * they answer any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "child_server.h"
#include "load_block.h"
#include "nginx_server.h"
#include "temp_dir.h"

/* How many at once, and how long. */
struct amount {
    const char *count, *bytes;
};
static const struct amount ten = {"10", "150000000"}, many = {"1000", "500000"};
static const struct amount some = {"256", "1000000"};
enum { MOST_KB = 16000000 / 1024 };

static long status_kb(const char *name) {
    char line[128];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtol(line + strlen(name), NULL, 10);
    if (status)
        fclose(status);
    return kb;
}

/* Under a sanitizer memory means nothing. */
static void check_memory(void) {
#ifndef __SANITIZE_ADDRESS__
    assert_in_range(status_kb("VmHWM:"), 1, MOST_KB);
#else
    (void)status_kb;
#endif
}

/* How it is driven: `body` is Lua, with the length in place of %s. */
struct driving {
    const char *driver, *address, *body, *outcome;
    struct load_setting more[4];
};

/* `url`: "http://...", or "https://..." */
static void drive(const char *url, const struct driving *how, const struct amount *amount) {
    struct load_run run;
    char text[256];
    long count = strtol(amount->count, NULL, 10);
    snprintf(text, sizeof text, how->body, amount->bytes, amount->bytes);
    bool is_tls = strncmp(url, "https", 5) == 0, is_stream = strcmp(how->address, "to") == 0;
    struct load_setting settings[12] = {{how->address, is_stream ? strstr(url, "//") + 2 : url},
                                        {"body", text},
                                        {"concurrency", amount->count},
                                        {"count", amount->count},
                                        {"timeout", "90s"}};
    struct load_setting *last = settings + 5;
    for (const struct load_setting *more = how->more; more->key; more++)
        *last++ = *more;
    if (is_tls)
        *last++ = (struct load_setting){"insecure", "true"};
    if (is_tls && is_stream)
        *last++ = (struct load_setting){"tls", "true"};
    load_run_open(&run, how->driver, settings);
    load_run_start(&run);
    load_run_until_done(&run, count);
    if (load_run_outcome(&run, how->outcome) != count)
        load_run_print(&run, how->outcome);
    assert_int_equal(load_run_outcome(&run, how->outcome), count);
    assert_true(run.counts.bytes_offered >= count * strtol(amount->bytes, NULL, 10));
    load_run_stop(&run, 0);
    load_run_close(&run);
}

static void upload(const char *const *server_command, const struct driving *how,
                   const struct amount *amount) {
    struct child_server *server = child_server_start(server_command);
    if (!server)
        skip();
    drive(child_server_url(server), how, amount);
    child_server_stop(server);
    check_memory();
}

/* nginx takes the TLS off and passes on what comes as it comes. `pass`: proxy_pass http, or as
 * grpc_pass grpc. */
static void upload_over_tls(const char *const *server_command, const char *tcp_options,
                            const char *pass, const struct driving *how,
                            const struct amount *amount) {
    void *directory;
    char locations[1024], url[64];
    if (test_temp_dir_make(&directory) != 0 || !nginx_server_certify(directory))
        skip();
    struct child_server *server = child_server_start(server_command);
    if (!server)
        skip();
    snprintf(
        locations, sizeof locations,
        "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate %s/cert; ssl_certificate_key %s/key; "
        "client_max_body_size 0;"
        "location / { %s://127.0.0.1:%d; proxy_http_version 1.1; proxy_request_buffering off;"
        " proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;"
        " }",
        (char *)directory, (char *)directory, pass, child_server_port(server));
    struct nginx_server *nginx = nginx_server_start(directory, tcp_options, locations);
    if (!nginx)
        skip();
    snprintf(url, sizeof url, "https://127.0.0.1:%d", nginx_server_port(nginx));
    drive(url, how, amount);
    nginx_server_stop(nginx);
    child_server_stop(server);
    test_temp_dir_remove(&directory);
    check_memory();
}

static const char *const *http1_sink(const struct amount *amount) {
    static const char *command[] = {"python3", SPILLMARK_TESTS "/load/http1_sink.py", NULL, NULL};
    command[2] = amount->count;
    return command;
}

static const char *const *http2_sink(const struct amount *amount) {
    static const char *command[] = {SPILLMARK_SINK, NULL, NULL};
    command[1] = amount->count;
    return command;
}

static const char *const *websocket_sink(const struct amount *amount) {
    static const char *command[] = {"python3", SPILLMARK_TESTS "/load/websocket_sink.py", NULL,
                                    NULL};
    command[2] = amount->count;
    return command;
}

static const char *const nghttpd[] = {"python3", SPILLMARK_TESTS "/load/with_port.py",
                                      "nghttpd", "--no-tls",
                                      "-w20",    "-W24",
                                      "-d",      SPILLMARK_TESTS "/load",
                                      "{port}",  NULL};

static const struct driving by_http1 = {"http_load", "url", "noise(%s)", "HTTP 200", {{0}}};
static const struct driving by_http2 = {
    "http2_load", "url", "noise(%s)", "HTTP 200", {{"method", "POST"}, {"streams", "1"}}};
static const struct driving by_http2_streams = {
    "http2_load", "url", "noise(%s)", "HTTP 200", {{"path", "/http1_sink.py"}, {"method", "POST"}}};
static const struct driving by_grpc = {
    "grpc_load", "url", "noise(%s)", "gRPC OK", {{"method", "/a.B/C"}, {"streams", "1"}}};
static const struct driving by_websocket = {
    "websocket_load", "url", "noise(%s)", "answered", {{"kind", "binary"}}};
/* What is sent over it happens to be HTTP. */
static const struct driving by_stream = {
    "stream_load",
    "to",
    "join { 'POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: %s\\r\\n\\r\\n', noise(%s) }",
    "answered",
    {{"reply_end", "\\r\\n\\r\\n"}}};

static void over_http1(void **state) {
    upload(http1_sink(*state), &by_http1, *state);
}

static void over_http2_in_streams_of_one_connection(void **state) {
    upload(nghttpd, &by_http2_streams, *state);
}

static void over_http2_by_a_connection_each(void **state) {
    upload(http2_sink(*state), &by_http2, *state);
}

static void over_grpc(void **state) {
    upload(http2_sink(*state), &by_grpc, *state);
}

static void over_websockets(void **state) {
    upload(websocket_sink(*state), &by_websocket, *state);
}

static void over_a_stream(void **state) {
    upload(http1_sink(*state), &by_stream, *state);
}

static void over_http1_and_tls(void **state) {
    upload_over_tls(http1_sink(*state), "ssl", "proxy_pass http", &by_http1, *state);
}

static void over_http2_and_tls(void **state) {
    upload_over_tls(http1_sink(*state), "ssl http2", "proxy_pass http", &by_http2, *state);
}

static void over_grpc_and_tls(void **state) {
    upload_over_tls(http2_sink(*state), "ssl http2", "grpc_pass grpc", &by_grpc, *state);
}

static void over_websockets_and_tls(void **state) {
    upload_over_tls(websocket_sink(*state), "ssl", "proxy_pass http", &by_websocket, *state);
}

static void over_a_stream_and_tls(void **state) {
    upload_over_tls(http1_sink(*state), "ssl", "proxy_pass http", &by_stream, *state);
}

/* In a process of its own, whose memory nothing has used before. */
static int run_apart(const struct CMUnitTest *test) {
    const struct CMUnitTest tests[] = {*test};
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(cmocka_run_group_tests(tests, NULL, NULL));
    return pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
}

#define of(test, amount) cmocka_unit_test_prestate(test, (void *)&(amount))

int main(void) {
    const struct CMUnitTest tests[] = {
        of(over_http1, ten),
        of(over_http1, many),
        of(over_http2_in_streams_of_one_connection, ten),
        of(over_http2_in_streams_of_one_connection, some),
        of(over_http2_by_a_connection_each, many),
        of(over_grpc, ten),
        of(over_grpc, many),
        of(over_websockets, ten),
        of(over_websockets, many),
        of(over_a_stream, ten),
        of(over_a_stream, many),
        of(over_http1_and_tls, many),
        of(over_http2_and_tls, many),
        of(over_grpc_and_tls, many),
        of(over_websockets_and_tls, many),
        of(over_a_stream_and_tls, many),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        failed += run_apart(&tests[i]);
    return failed;
}
