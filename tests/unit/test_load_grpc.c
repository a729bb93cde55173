/* grpc_load against the gRPC servers of others: python3-grpcio on gRPC's C core, and Node's. */
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
#include "temp_dir.h"

/* One server of each kind for all tests. */
static struct child_server *server, *node_server;

static int start_servers(void **state) {
    (void)state;
    setenv("NODE_PATH", SPILLMARK_NODE_MODULES, 1);
    server = child_server_start(
        (const char *const[]){"/usr/bin/python3", SPILLMARK_TESTS "/load/grpc_server.py", NULL});
    node_server = child_server_start(
        (const char *const[]){"node", SPILLMARK_TESTS "/load/grpc_server.js", NULL});
    return 0;
}

static int stop_servers(void **state) {
    (void)state;
    if (server)
        child_server_stop(server);
    if (node_server)
        child_server_stop(node_server);
    return 0;
}

static void call_until_done(struct load_run *run, const struct load_setting *settings,
                            int64_t count) {
    load_run_open(run, "grpc_load", settings);
    load_run_start(run);
    load_run_until_done(run, count);
    load_run_stop(run, 0);
}

/* Ten calls, and all have this one outcome. */
static const struct {
    const char *method, *stream, *messages, *body, *header, *outcome;
    int accepted, refused, unanswered;
} manners[] = {
    {"Sink", "none", "1", "text(100)", "", "gRPC OK", 10, 0, 0},
    {"Sink", "none", "1", "noise '3MB'", "", "gRPC OK", 10, 0, 0},
    {"Collect", "client", "16", "noise '100KB'", "wanted: 16 1600000", "gRPC OK", 10, 0, 0},
    {"Collect", "client", "1000", "text(100)", "wanted: 1000 100000", "gRPC OK", 10, 0, 0},
    {"Collect", "client", "0", "text(100)", "wanted: 0 0", "gRPC OK", 10, 0, 0},
    {"Collect", "client", "2", "text(100)", "wanted: 3 300", "gRPC DATA_LOSS: 2 200", 0, 10, 0},
    {"Many", "server", "1", "text(100)", "", "gRPC OK", 10, 0, 0},
    {"None", "server", "1", "text(100)", "", "gRPC OK", 10, 0, 0},
    {"Echo", "both", "20", "text(1000)", "", "gRPC OK", 10, 0, 0},
    {"Many", "none", "1", "text(100)", "", "malformed reply: several messages for one", 0, 0, 10},
    {"None", "none", "1", "text(9)", "", "malformed reply: gRPC OK without a message", 0, 0, 10},
    {"Refuse", "none", "1", "text(100)", "", "gRPC RESOURCE_EXHAUSTED: voll: 100% für heute?", 0,
     10, 0},
    {"Part", "server", "1", "text(100)", "", "gRPC DATA_LOSS: the rest is gone", 0, 10, 0},
    {"RefuseEarly", "client", "400", "noise '1MB'", "",
     "gRPC PERMISSION_DENIED while sending: enough", 0, 10, 0},
    {"Stall", "none", "1", "text(100)", "", "time-out", 0, 0, 10},
};

static void check_manners(const struct child_server *asked) {
    if (!asked)
        skip();
    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
        char method[64], header[64];
        struct load_run run;
        bool is_stalled = strcmp(manners[i].method, "Stall") == 0;
        snprintf(method, sizeof method, "/test.Service/%s", manners[i].method);
        snprintf(header, sizeof header, manners[i].header[0] ? "{ '%s' }" : "{}",
                 manners[i].header);
        call_until_done(&run,
                        (const struct load_setting[]){{"url", child_server_url(asked)},
                                                      {"method", method},
                                                      {"stream", manners[i].stream},
                                                      {"messages", manners[i].messages},
                                                      {"body", manners[i].body},
                                                      {"headers", header},
                                                      {"connections", "2"},
                                                      {"count", "10"},
                                                      {"timeout", is_stalled ? "1s" : "1h"},
                                                      {NULL, NULL}},
                        10);
        if (load_run_outcome(&run, manners[i].outcome) != 10)
            load_run_print(&run, manners[i].outcome);
        assert_int_equal(load_run_outcome(&run, manners[i].outcome), 10);
        assert_int_equal(run.counts.accepted, manners[i].accepted);
        assert_int_equal(run.counts.refused, manners[i].refused);
        assert_int_equal(run.counts.unanswered, manners[i].unanswered);
        load_run_close(&run);
    }
}

static void every_manner_has_its_outcome(void **state) {
    (void)state;
    check_manners(server);
}

static void on_node_as_well(void **state) {
    (void)state;
    check_manners(node_server);
}

static void a_method_that_is_missing(void **state) {
    struct load_run run;
    (void)state;
    if (!server)
        skip();
    call_until_done(&run,
                    (const struct load_setting[]){{"url", child_server_url(server)},
                                                  {"method", "/test.Service/Missing"},
                                                  {"count", "10"},
                                                  {NULL, NULL}},
                    10);
    assert_int_equal(load_run_outcome(&run, "gRPC UNIMPLEMENTED: Method not found!"), 10);
    assert_int_equal(run.counts.refused, 10);
    load_run_close(&run);
}

static void a_rate_on_few_connections(void **state) {
    (void)state;
    struct load_run run;
    if (!server)
        skip();
    call_until_done(&run,
                    (const struct load_setting[]){{"url", child_server_url(server)},
                                                  {"method", "/test.Service/Sink"},
                                                  {"body", "text(142)"},
                                                  {"connections", "2"},
                                                  {"rate", "500/s"},
                                                  {"count", "500"},
                                                  {NULL, NULL}},
                    500);
    assert_int_equal(run.counts.accepted, 500);
    assert_int_equal(run.counts.bytes_offered, 500 * 142);
    load_run_close(&run);
}

static void a_unix_socket_serves_as_well(void **state) {
    char path[300], address[320];
    struct load_run run;
    snprintf(path, sizeof path, "%s/grpc", (const char *)*state);
    snprintf(address, sizeof address, "unix:%s", path);
    struct child_server *local = child_server_start((const char *const[]){
        "/usr/bin/python3", SPILLMARK_TESTS "/load/grpc_server.py", address, NULL});
    if (!local)
        skip();
    call_until_done(&run,
                    (const struct load_setting[]){{"unix", path},
                                                  {"method", "/test.Service/Sink"},
                                                  {"body", "text(142)"},
                                                  {"count", "50"},
                                                  {NULL, NULL}},
                    50);
    assert_int_equal(run.counts.accepted, 50);
    load_run_close(&run);
    child_server_stop(local);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_manner_has_its_outcome),
        cmocka_unit_test(on_node_as_well),
        cmocka_unit_test(a_method_that_is_missing),
        cmocka_unit_test(a_rate_on_few_connections),
        cmocka_unit_test_setup_teardown(a_unix_socket_serves_as_well, test_temp_dir_make,
                                        test_temp_dir_remove),
    };
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
