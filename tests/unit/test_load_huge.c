/* Ten bodies of 150 MB at once, and a thousand of half a MB, by each protocol: the driver makes
 * them as it sends them, and holds a KB or two for each connection. The whole process, with the
 * libraries' code, stays under 16 MB. The peers read all of all before they answer any. */
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

/* `body`: Lua, with the length in place of %s. */
static void upload(const char *const *server_command, const char *driver, const char *address,
                   const char *body, const char *const (*more)[2], const char *outcome,
                   const struct amount *amount) {
    struct child_server *server = child_server_start(server_command);
    struct load_run run;
    char text[256];
    if (!server)
        skip();
    long count = strtol(amount->count, NULL, 10);
    const char *url = child_server_url(server);
    snprintf(text, sizeof text, body, amount->bytes, amount->bytes);
    load_run_open(&run, driver,
                  (const struct load_setting[]){
                      {address, strcmp(address, "to") == 0 ? url + strlen("http://") : url},
                      {"body", text},
                      {"concurrency", amount->count},
                      {"count", amount->count},
                      {"timeout", "90s"},
                      {more[0][0], more[0][1]},
                      {more[1][0], more[1][1]},
                      {NULL, NULL}});
    load_run_start(&run);
    load_run_until_done(&run, count);
    if (load_run_outcome(&run, outcome) != count)
        load_run_print(&run, outcome);
    assert_int_equal(load_run_outcome(&run, outcome), count);
    assert_true(run.counts.bytes_offered >= count * strtol(amount->bytes, NULL, 10));
    load_run_stop(&run, 0);
    load_run_close(&run);
    child_server_stop(server);
    check_memory();
}

static const char *count_of(const struct amount *amount) {
    return amount->count;
}

static void over_http1(void **state) {
    upload((const char *const[]){"python3", SPILLMARK_TESTS "/load/http1_sink.py", count_of(*state),
                                 NULL},
           "http_load", "url", "noise(%s)", (const char *const[][2]){{NULL, NULL}, {NULL, NULL}},
           "HTTP 200", *state);
}

static const char *const nghttpd[] = {"python3", SPILLMARK_TESTS "/load/with_port.py",
                                      "nghttpd", "--no-tls",
                                      "-w20",    "-W24",
                                      "-d",      SPILLMARK_TESTS "/load",
                                      "{port}",  NULL};

static void over_http2_in_streams_of_one_connection(void **state) {
    upload(nghttpd, "http2_load", "url", "noise(%s)",
           (const char *const[][2]){{"path", "/http1_sink.py"}, {"method", "POST"}}, "HTTP 200",
           *state);
}

static void over_http2_by_a_connection_each(void **state) {
    upload((const char *const[]){SPILLMARK_SINK, count_of(*state), NULL}, "http2_load", "url",
           "noise(%s)", (const char *const[][2]){{"method", "POST"}, {"streams", "1"}}, "HTTP 200",
           *state);
}

static void over_grpc(void **state) {
    upload((const char *const[]){SPILLMARK_SINK, count_of(*state), NULL}, "grpc_load", "url",
           "noise(%s)", (const char *const[][2]){{"method", "/a.B/C"}, {"streams", "1"}}, "gRPC OK",
           *state);
}

static void over_websockets(void **state) {
    upload((const char *const[]){"python3", SPILLMARK_TESTS "/load/websocket_sink.py",
                                 count_of(*state), NULL},
           "websocket_load", "url", "noise(%s)",
           (const char *const[][2]){{"kind", "binary"}, {NULL, NULL}}, "answered", *state);
}

/* What is sent over it happens to be HTTP. */
static void over_a_stream(void **state) {
    upload((const char *const[]){"python3", SPILLMARK_TESTS "/load/http1_sink.py", count_of(*state),
                                 NULL},
           "stream_load", "to",
           "join { 'POST / HTTP/1.1\\r\\nContent-Length: %s\\r\\n\\r\\n', noise(%s) }",
           (const char *const[][2]){{"reply_end", "\\r\\n\\r\\n"}, {NULL, NULL}}, "answered",
           *state);
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
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        failed += run_apart(&tests[i]);
    return failed;
}
