/* Consumers that read slowly or stop, against nginx and redis. Lower bounds only: a machine can be
 * slow, but it cannot read earlier than it may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "load_block.h"
#include "nginx_server.h"
#include "redis_server.h"
#include "temp_dir.h"

static int64_t shortest_ns(struct load_run *run) {
    load_run_look(run);
    return sm_histogram_quantile(run->latency_ns, 0);
}

static void write_file(const char *directory, const char *name, int length) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    chmod(directory, 0755); /* its workers are somebody else */
    for (int i = 0; i < length; i++)
        fputc('x', file);
    fclose(file);
}

static void read_slowly(const char *url) {
    static const struct {
        const char *path;
        struct load_setting slow[4];
        double at_least_s;
    } cases[] = {
        {"/large", {{"read_rate", "4MB/s"}}, 0.45},
        {"/large",
         {{"read_stop_after", "500KB"}, {"read_stop_for", "150ms"}, {"receive_buffer", "64KB"}},
         4 * 0.15},
        {"/large", {{"receive_buffer", "64KB"}}, 0},
        {"/small", {{"read_rate", "100KB/s"}}, 0.2}, /* records of TLS come in several parts */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct load_setting settings[10] = {{"url", url},
                                            {"path", cases[i].path},
                                            {"insecure", "true"},
                                            {"count", "2"},
                                            {"connections", "2"}};
        memcpy(settings + 5, cases[i].slow, sizeof cases[i].slow);
        struct load_run run;
        load_run_open(&run, "http_load", settings);
        load_run_start(&run);
        load_run_until_done(&run, 2);
        assert_int_equal(run.counts.accepted, 2);
        assert_true((double)shortest_ns(&run) / 1e9 >= cases[i].at_least_s);
        load_run_close(&run);
    }
}

static void replies_are_read_at_a_rate(void **state) {
    const char *directory = *state;
    char locations[300];
    write_file(directory, "large", 2 << 20);
    write_file(directory, "small", 30000);
    snprintf(locations, sizeof locations, "location / { root %s; }", directory);
    struct nginx_server *nginx = nginx_server_start(directory, "", locations);
    if (!nginx)
        skip();
    read_slowly(nginx_server_url(nginx));
    nginx_server_stop(nginx);
}

static void replies_over_tls_are_too(void **state) {
    const char *directory = *state;
    char locations[800], url[64];
    write_file(directory, "large", 2 << 20);
    write_file(directory, "small", 30000);
    snprintf(locations, sizeof locations,
             "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate %s/cert; ssl_certificate_key %s/key; "
             "location / { root %s; }",
             directory, directory, directory);
    struct nginx_server *nginx =
        nginx_server_certify(directory) ? nginx_server_start(directory, "ssl", locations) : NULL;
    if (!nginx)
        skip();
    snprintf(url, sizeof url, "https://127.0.0.1:%d", nginx_server_port(nginx));
    read_slowly(url);
    nginx_server_stop(nginx);
}

/* A body of 2 MB, and what answers it once it is there: nginx passes it on to itself only then. */
static void bodies_are_sent_at_a_rate(void **state) {
    static const char *const drivers[] = {"http_load", "http2_load"};
    char locations[400], path[300];
    snprintf(path, sizeof path, "%s/s", (const char *)*state);
    snprintf(locations, sizeof locations,
             "client_max_body_size 10m; location /up { proxy_pass http://unix:%s/s:/done; } "
             "location /done { return 200; }",
             (const char *)*state);
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        struct nginx_server *nginx = nginx_server_start(*state, i ? "http2" : "", locations);
        if (!nginx)
            skip();
        chmod(*state, 0755); /* its workers are somebody else */
        chmod(path, 0777);
        const struct load_setting settings[] = {{"url", nginx_server_url(nginx)},
                                                {"path", "/up"},
                                                {"method", "POST"},
                                                {"body", "text '2MB'"},
                                                {"send_rate", "4MB/s"},
                                                {"count", "2"},
                                                {"connections", "2"},
                                                {NULL, NULL}};
        struct load_run run;
        load_run_open(&run, drivers[i], settings);
        load_run_start(&run);
        load_run_until_done(&run, 2);
        assert_int_equal(run.counts.accepted, 2);
        assert_true((double)shortest_ns(&run) / 1e9 >= 0.4);
        load_run_close(&run);
        nginx_server_stop(nginx);
        unlink(path);
    }
}

/* What the consumer does not read stays with the server, which says so itself. */
static void a_reader_that_stops_leaves_its_replies_with_the_server(void **state) {
    struct redis_server *redis = redis_server_start(*state);
    char reply[64];
    redis_server_ask(redis, "CONFIG SET client-output-buffer-limit 'normal 0 0 0'", reply,
                     sizeof reply);
    redis_server_ask(redis, "SETRANGE large 4000000 x", reply, sizeof reply);
    const struct load_setting settings[] = {{"unix", redis_server_unix(redis)},
                                            {"body", "'GET large\\r\\n'"},
                                            {"reply_end", "\\r\\n"},
                                            {"reply_ends", "2"},
                                            {"pipeline", "8"},
                                            {"count", "8"},
                                            {"connections", "1"},
                                            {"read_stop_after", "100KB"},
                                            {"read_stop_for", "60s"},
                                            {NULL, NULL}};
    struct load_run run;
    load_run_open(&run, "stream_load", settings);
    load_run_start(&run);
    /* Eight replies of 4 MB, of which it has read 100 KB. */
    while (redis_server_info(redis, "memory", "mem_clients_normal:") < 28000000)
        load_run_look(&run);
    assert_int_equal(run.counts.accepted, 0);
    load_run_stop(&run, 0);
    assert_int_equal(load_run_outcome(&run, "stopped before the reply"), 8);
    load_run_close(&run);
    redis_server_stop(redis);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replies_are_read_at_a_rate, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(replies_over_tls_are_too, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(bodies_are_sent_at_a_rate, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_reader_that_stops_leaves_its_replies_with_the_server,
                                        test_temp_dir_make, test_temp_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
