/* Ten bodies of 150 MB at once, by each protocol: the driver makes them as it sends them, and the
 * whole process stays under 16 MB. The peers read all of them before they answer. */
#include <malloc.h>
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

enum { BODIES = 10, MOST_KB = 16000, MOST_AROUND = 1000 };
#define BODY_BYTES INT64_C(150000000)

/* Lets the peak begin anew: what an earlier driver took is not this one's. */
static void forget_memory(void) {
    malloc_trim(0);
    FILE *clear = fopen("/proc/self/clear_refs", "we");
    if (clear) {
        fputs("5", clear);
        fclose(clear);
    }
}

/* Under a sanitizer memory means nothing. */
static void check_memory(void) {
#ifndef __SANITIZE_ADDRESS__
    char line[128];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    if (status)
        fclose(status);
    assert_in_range(kb, 1, MOST_KB);
#endif
}

/* The server is stopped. */
static void upload_to(struct child_server *server, const char *driver, struct load_setting where,
                      const char *body, const char *const (*more)[2], const char *outcome) {
    struct load_run run;
    forget_memory();
    load_run_open(&run, driver,
                  (const struct load_setting[]){where,
                                                {"body", body},
                                                {"concurrency", "10"},
                                                {"count", "10"},
                                                {"timeout", "90s"},
                                                {more[0][0], more[0][1]},
                                                {more[1][0], more[1][1]},
                                                {NULL, NULL}});
    load_run_start(&run);
    load_run_until_done(&run, BODIES);
    if (load_run_outcome(&run, outcome) != BODIES)
        load_run_print(&run, outcome);
    assert_int_equal(load_run_outcome(&run, outcome), BODIES);
    assert_in_range(run.counts.bytes_offered, BODIES * BODY_BYTES,
                    BODIES * (BODY_BYTES + MOST_AROUND));
    load_run_stop(&run, 0);
    load_run_close(&run);
    child_server_stop(server);
    check_memory();
}

static void upload(const char *const *server_command, const char *driver,
                   const char *const (*more)[2], const char *outcome) {
    struct child_server *server = child_server_start(server_command);
    if (!server)
        skip();
    upload_to(server, driver, (struct load_setting){"url", child_server_url(server)},
              "noise '150MB'", more, outcome);
}

static void over_http1(void **state) {
    (void)state;
    upload((const char *const[]){"python3", SPILLMARK_TESTS "/load/http1_sink.py", NULL},
           "http_load", (const char *const[][2]){{NULL, NULL}, {NULL, NULL}}, "HTTP 200");
}

static const char *const nghttpd[] = {"python3", SPILLMARK_TESTS "/load/with_port.py",
                                      "nghttpd", "--no-tls",
                                      "-w20",    "-W24",
                                      "-d",      SPILLMARK_TESTS "/load",
                                      "{port}",  NULL};

static void over_http2_in_streams_of_one_connection(void **state) {
    (void)state;
    upload(nghttpd, "http2_load",
           (const char *const[][2]){{"path", "/http1_sink.py"}, {"method", "POST"}}, "HTTP 200");
}

static void over_grpc(void **state) {
    (void)state;
    upload((const char *const[]){SPILLMARK_SINK, NULL}, "grpc_load",
           (const char *const[][2]){{"method", "/a.B/C"}, {"streams", "1"}}, "gRPC OK");
}

static void over_websockets(void **state) {
    (void)state;
    upload((const char *const[]){"python3", SPILLMARK_TESTS "/load/websocket_sink.py", NULL},
           "websocket_load", (const char *const[][2]){{"kind", "binary"}, {NULL, NULL}},
           "answered");
}

/* What is sent over it happens to be HTTP. */
static void over_a_stream(void **state) {
    char to[64];
    struct child_server *server = child_server_start(
        (const char *const[]){"python3", SPILLMARK_TESTS "/load/http1_sink.py", NULL});
    (void)state;
    if (!server)
        skip();
    snprintf(to, sizeof to, "127.0.0.1:%d", child_server_port(server));
    upload_to(server, "stream_load", (struct load_setting){"to", to},
              "join { 'POST / HTTP/1.1\\r\\nContent-Length: 150000000\\r\\n\\r\\n', "
              "noise '150MB' }",
              (const char *const[][2]){{"reply_end", "\\r\\n\\r\\n"}, {NULL, NULL}}, "answered");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_http1),    cmocka_unit_test(over_http2_in_streams_of_one_connection),
        cmocka_unit_test(over_grpc),     cmocka_unit_test(over_websockets),
        cmocka_unit_test(over_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
