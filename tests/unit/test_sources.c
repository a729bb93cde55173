/* Readiness and gauges, asked of servers that behave and of servers that do not. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "harness/sources.h"
#include "rude_server.h"
#include "scenario_text.h"
#include "temp_dir.h"

/* A scenario whose target has this readiness test. */
static struct sm_scenario *with_ready(void **state, const char *ready) {
    char inside[1024];
    snprintf(inside, sizeof inside, "target = program { 'x', ready = %s }", ready);
    return test_good(state, test_around(inside), NULL);
}

static int check_ready(void **state, const char *ready, struct sm_error *err) {
    struct sm_scenario *scenario = with_ready(state, ready);
    const struct sm_block *block = sm_block_block(scenario->target, "ready");
    const struct sm_ready_ops *const *ops = sm_ready_table;
    while (strcmp((*ops)->name, block->type) != 0)
        ops++;
    int rc = (*ops)->check(block, err);
    sm_scenario_free(scenario);
    return rc;
}

static void assert_not_ready(void **state, const char *ready, const char *why) {
    struct sm_error err = {0};
    assert_int_equal(check_ready(state, ready, &err), 0);
    if (!strstr(err.what, why))
        fail_msg("no \"%s\" in: %s", why, err.what);
}

static int listen_tcp(int *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, bytes), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void ready_tcp(void **state) {
    char ready[128];
    int port, fd = listen_tcp(&port);
    snprintf(ready, sizeof ready, "tcp { %d }", port);
    assert_not_ready(state, ready, "refused"); /* bound, but nobody listens */
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(check_ready(state, ready, NULL), 1);
    snprintf(ready, sizeof ready, "tcp { %d, address = '::1' }", port);
    struct sm_error err = {0};
    assert_true(check_ready(state, ready, &err) <= 0);
    assert_int_equal(close(fd), 0);
}

static void ready_unix(void **state) {
    char ready[256];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", (const char *)*state);
    snprintf(ready, sizeof ready, "unix { '%s' }", address.sun_path);
    assert_not_ready(state, ready, "No such file");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_not_ready(state, ready, "refused");
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(check_ready(state, ready, NULL), 1);
    assert_int_equal(close(fd), 0);
    assert_not_ready(state, ready, "refused"); /* a stale socket is nobody */
    assert_int_equal(unlink(address.sun_path), 0);
}

static void ready_http(void **state) {
    char path[256], ready[512];
    snprintf(path, sizeof path, "%s/h", (const char *)*state);
    snprintf(ready, sizeof ready, "http { unix = '%s', path = '/ok' }", path);
    assert_not_ready(state, ready, path);
    struct rude_server *server = rude_server_start(path);
    assert_int_equal(check_ready(state, ready, NULL), 1);
    static const struct {
        const char *path, *why;
    } cases[] = {{"/status/503", "it answers 503"}, {"/status/302", "it answers 302"},
                 {"/close", "Empty reply"},         {"/partial", "transfer closed"},
                 {"/malformed", "HTTP/0.9"},        {"/hang", "timed out"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(ready, sizeof ready, "http { unix = '%s', path = '%s' }", path, cases[i].path);
        assert_not_ready(state, ready, cases[i].why);
    }
    snprintf(ready, sizeof ready, "http { unix = '%s', path = '/status/204' }", path);
    assert_int_equal(check_ready(state, ready, NULL), 1);
    rude_server_stop(server);
}

static void ready_log(void **state) {
    char ready[256];
    size_t length = (1 << 16) - 4;
    snprintf(ready, sizeof ready, "log { 'listening', path = '%s/log' }", (const char *)*state);
    assert_not_ready(state, ready, "No such file");
    char *text = malloc(length + 64);
    assert_non_null(text);
    memset(text, '.', length);
    snprintf(text + length, 64, "listenin");
    test_write(state, "log", text);
    assert_not_ready(state, ready, "has not been printed");
    snprintf(text + length, 64, "listening now"); /* across what is read at once */
    test_write(state, "log", text);
    assert_int_equal(check_ready(state, ready, NULL), 1);
    free(text);
}

/* ---- gauges ---- */

struct page {
    struct MHD_Daemon *daemon;
    char url[64];
    const char *body;
    char asked[64]; /* path, a blank, the value of x */
};

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request) {
    (void)method, (void)version, (void)upload, (void)upload_bytes, (void)request;
    struct page *page = context;
    const char *x = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "x");
    snprintf(page->asked, sizeof page->asked, "%s %s", url, x ? x : "none");
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(page->body), (void *)page->body, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

static void start_page(struct page *page) {
    int port, fd = listen_tcp(&port);
    assert_int_equal(listen(fd, 16), 0);
    snprintf(page->url, sizeof page->url, "http://127.0.0.1:%d/stats", port);
    page->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, page,
                                    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_END);
    assert_non_null(page->daemon);
}

static int read_gauges(void **state, const char *url, double timeout_s,
                       struct sm_gauge_value *values, size_t capacity, size_t *ret_count,
                       struct sm_error *err) {
    char inside[512];
    snprintf(inside, sizeof inside, "target = program { 'x', gauges = http { url = '%s' } }", url);
    struct sm_scenario *scenario = test_good(state, test_around(inside), NULL);
    const struct sm_block *gauge = sm_block_blocks(scenario->target, "gauges", NULL)[0];
    int rc = sm_gauge_table[0]->read(gauge, timeout_s, values, capacity, ret_count, err);
    sm_scenario_free(scenario);
    return rc;
}

static void gauges_are_numbers_of_an_object(void **state) {
    struct page page = {
        .body = "{\"queued\": 5, \"rate\": 2.5, \"name\": \"x\", \"list\": [1], \"on\": true,"
                " \"none\": null, \"sizes\": {\"cpu\": 7, \"deep\": {\"x\": -1}},"
                " \"a name that is much too long to be kept as the name of a gauge, really\": 1,"
                " \"last\": 1e300}"};
    struct sm_gauge_value values[16];
    size_t count = 0;
    static const struct {
        const char *name;
        double value;
    } expected[] = {
        {"queued", 5}, {"rate", 2.5}, {"sizes.cpu", 7}, {"sizes.deep.x", -1}, {"last", 1e300}};
    start_page(&page);
    assert_int_equal(read_gauges(state, page.url, 5, values, 16, &count, NULL), 0);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(values[i].name, expected[i].name);
        assert_true(values[i].value == expected[i].value);
    }
    assert_int_equal(read_gauges(state, page.url, 5, values, 2, &count, NULL), 0);
    assert_int_equal(count, 2);
    page.body = "{}";
    assert_int_equal(read_gauges(state, page.url, 5, values, 16, &count, NULL), 0);
    assert_int_equal(count, 0);
    MHD_stop_daemon(page.daemon);
}

static void assert_no_gauges(void **state, const char *url, double timeout_s, int code,
                             const char *why) {
    struct sm_gauge_value values[4];
    struct sm_error err = {0};
    size_t count = 77;
    assert_int_equal(read_gauges(state, url, timeout_s, values, 4, &count, &err), code);
    assert_int_equal(count, 77);
    if (!strstr(err.what, why))
        fail_msg("no \"%s\" in: %s", why, err.what);
}

static void asks_for_the_path_it_is_given(void **state) {
    struct page page = {.body = "{}"};
    char ready[256];
    static const char *const cases[][3] = {{"", "", "/stats none"},
                                           {"", "path = '/a b?x=1&y=2'", "/a b 1"},
                                           {"?x=5", "", "/stats 5"},
                                           {"?x=5", "path = '/p'", "/p 5"},
                                           {"#part", "path = '/'", "/ none"}};
    start_page(&page);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(ready, sizeof ready, "http { url = '%s%s', %s }", page.url, cases[i][0],
                 cases[i][1]);
        assert_int_equal(check_ready(state, ready, NULL), 1);
        assert_string_equal(page.asked, cases[i][2]);
    }
    MHD_stop_daemon(page.daemon);
}

static void bad_replies_are_no_gauges(void **state) {
    struct page page = {.body = "[1, 2]"};
    start_page(&page);
    assert_no_gauges(state, page.url, 5, -EPROTO, "no JSON object");
    page.body = "queued: 5";
    assert_no_gauges(state, page.url, 5, -EPROTO, "no JSON object");
    page.body = "";
    assert_no_gauges(state, page.url, 5, -EPROTO, "no JSON object");
    char *large = malloc((1 << 20) + 2);
    assert_non_null(large);
    memset(large, ' ', (1 << 20) + 1);
    large[(1 << 20) + 1] = '\0';
    page.body = large;
    assert_no_gauges(state, page.url, 5, -EFBIG, "larger than 1 MiB");
    memset(large, '[', (1 << 20));
    large[1 << 20] = '\0';
    assert_no_gauges(state, page.url, 5, -EPROTO, "no JSON object");
    MHD_stop_daemon(page.daemon);
    free(large);
    assert_no_gauges(state, page.url, 5, -ECONNREFUSED, "onnect");

    struct rude_server *server = rude_server_start(NULL);
    char url[128];
    snprintf(url, sizeof url, "%s/hang", rude_server_url(server));
    assert_no_gauges(state, url, 0.05, -ETIMEDOUT, "timed out");
    snprintf(url, sizeof url, "%s/half", rude_server_url(server));
    assert_no_gauges(state, url, 0.05, -ETIMEDOUT, "timed out");
    snprintf(url, sizeof url, "%s/status/404", rude_server_url(server));
    assert_no_gauges(state, url, 5, -EPROTO, "it answers 404");
    rude_server_stop(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_tcp),
        cmocka_unit_test(ready_unix),
        cmocka_unit_test(ready_http),
        cmocka_unit_test(ready_log),
        cmocka_unit_test(gauges_are_numbers_of_an_object),
        cmocka_unit_test(asks_for_the_path_it_is_given),
        cmocka_unit_test(bad_replies_are_no_gauges),
    };
    return cmocka_run_group_tests(tests, test_temp_dir_make, test_temp_dir_remove);
}
