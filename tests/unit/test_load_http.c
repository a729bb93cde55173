#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/load.h"
#include "load_block.h"
#include "rude_server.h"

extern const struct sm_load_ops sm_http_load;

/* `count` requests to a path, a hundred at a time at the most, all ended. */
static void ask(struct load_run *run, const char *url, const char *path, const char *count,
                const struct sm_body *body) {
    const struct load_setting settings[] = {
        {"url", url}, {"path", path}, {"count", count}, {"timeout", "300ms"}, {NULL, NULL}};
    load_run_open(run, &sm_http_load, settings, body, NULL);
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
    {"/malformed", 0, 0, 10, "malformed reply: invalid constant string"},
    {"/hang", 0, 0, 10, "time-out"},
    {"/half", 0, 0, 10, "time-out, partial reply"},
};

static void every_manner_has_its_outcome(void **state) {
    (void)state;
    struct rude_server *server = rude_server_start(NULL);
    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
        struct load_run run;
        ask(&run, rude_server_url(server), manners[i].path, "10", NULL);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_manner_has_its_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
