/* The raw stream, against redis, which counts for itself what it was asked. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "load_block.h"
#include "redis_server.h"
#include "temp_dir.h"

static void send_units(struct load_run *run, const struct load_setting *settings, int64_t count) {
    load_run_open(run, "stream_load", settings);
    load_run_start(run);
    load_run_until_done(run, count);
}

static void inline_commands_are_answered_one_by_one(void **state) {
    struct redis_server *redis = redis_server_start(*state);
    const struct load_setting settings[] = {{"unix", redis_server_unix(redis)},
                                            {"body", "'INCR counter\\r\\n'"},
                                            {"reply_end", "\\r\\n"},
                                            {"count", "5000"},
                                            {"connections", "3"},
                                            {NULL, NULL}};
    struct load_run run;
    char reply[64];
    send_units(&run, settings, 5000);
    assert_int_equal(run.counts.accepted, 5000);
    assert_int_equal(load_run_outcome(&run, "answered"), 5000);
    redis_server_ask(redis, "GET counter", reply, sizeof reply);
    assert_string_equal(reply, "$4");
    assert_int_equal(redis_server_info(redis, "commandstats", "cmdstat_incr:calls="), 5000);
    load_run_close(&run);
    redis_server_stop(redis);
}

static void pipelined_units_keep_their_order(void **state) {
    struct redis_server *redis = redis_server_start(*state);
    const struct load_setting settings[] = {{"unix", redis_server_unix(redis)},
                                            {"body", "'ECHO 0123456789\\r\\n'"},
                                            {"reply_end", "\\r\\n"},
                                            {"reply_ends", "2"}, /* $10, and the ten letters */
                                            {"concurrency", "256"},
                                            {"pipeline", "64"},
                                            {"count", "50000"},
                                            {NULL, NULL}};
    struct load_run run;
    send_units(&run, settings, 50000);
    assert_int_equal(run.counts.accepted, 50000);
    assert_int_equal(redis_server_info(redis, "commandstats", "cmdstat_echo:calls="), 50000);
    load_run_close(&run);
    redis_server_stop(redis);
}

static void replies_may_have_a_length(void **state) {
    struct redis_server *redis = redis_server_start(*state);
    const struct load_setting settings[] = {{"unix", redis_server_unix(redis)},
                                            {"body", "'PING\\r\\n'"},
                                            {"reply_bytes", "7"}, /* +PONG and the line's end */
                                            {"count", "1000"},
                                            {"pipeline", "10"},
                                            {NULL, NULL}};
    struct load_run run;
    send_units(&run, settings, 1000);
    assert_int_equal(run.counts.accepted, 1000);
    load_run_close(&run);
    redis_server_stop(redis);
}

static void refusals_are_told_in_the_words_of_the_peer(void **state) {
    struct redis_server *redis = redis_server_start(*state);
    const struct load_setting settings[] = {{"unix", redis_server_unix(redis)},
                                            {"body", "'INCR text\\r\\n'"},
                                            {"reply_end", "\\r\\n"},
                                            {"refusal", "-"},
                                            {"count", "100"},
                                            {NULL, NULL}};
    struct load_run run;
    char reply[64];
    redis_server_ask(redis, "SET text letters", reply, sizeof reply);
    send_units(&run, settings, 100);
    assert_int_equal(run.counts.refused, 100);
    assert_int_equal(load_run_outcome(&run, "-ERR value is not an integer or out of range"), 100);
    load_run_close(&run);
    redis_server_stop(redis);
}

static void without_replies_what_is_sent_is_accepted(void **state) {
    struct redis_server *redis = redis_server_start(*state);
    const struct load_setting settings[] = {
        {"unix", redis_server_unix(redis)},
        {"body", "'SET k ' .. string.rep('x', 100) .. '\\r\\n'"},
        {"count", "20000"},
        {"connections", "2"},
        {NULL, NULL}};
    struct load_run run;
    send_units(&run, settings, 20000);
    assert_int_equal(run.counts.accepted, 20000);
    assert_int_equal(run.counts.bytes_offered, 20000 * 108);
    assert_int_equal(load_run_outcome(&run, "sent"), 20000);
    while (redis_server_info(redis, "commandstats", "cmdstat_set:calls=") < 20000)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    load_run_close(&run);
    redis_server_stop(redis);
}

static void silence_and_death_are_told_apart(void **state) {
    struct redis_server *redis = redis_server_start(*state);
    const struct load_setting settings[] = {{"unix", redis_server_unix(redis)},
                                            {"body", "'SET k v\\r\\n'"},
                                            {"reply_end", "\\r\\n"},
                                            {"concurrency", "4"},
                                            {"timeout", "200ms"},
                                            {"count", "8"},
                                            {NULL, NULL}};
    struct load_run run;
    char reply[64];
    redis_server_ask(redis, "CLIENT PAUSE 100000 WRITE", reply, sizeof reply);
    send_units(&run, settings, 8);
    assert_int_equal(load_run_outcome(&run, "time-out"), 8);
    load_run_close(&run);
    /* Killed while it owes the replies. */
    const struct load_setting patient[] = {{"unix", redis_server_unix(redis)},
                                           {"body", "'SET k v\\r\\n'"},
                                           {"reply_end", "\\r\\n"},
                                           {"concurrency", "4"},
                                           {"count", "4"},
                                           {NULL, NULL}};
    load_run_open(&run, "stream_load", patient);
    load_run_start(&run);
    while (redis_server_info(redis, "clients", "blocked_clients:") < 4)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    redis_server_kill(redis);
    load_run_until_done(&run, 4);
    assert_int_equal(run.counts.unanswered, 4);
    assert_int_equal(load_run_outcome(&run, "connection reset") +
                         load_run_outcome(&run, "connection closed without a reply"),
                     4);
    load_run_close(&run);
    redis_server_stop(redis);
}

static void a_refused_connection_is_told(void **state) {
    char path[128];
    snprintf(path, sizeof path, "%s/nobody", (const char *)*state);
    const struct load_setting settings[] = {
        {"unix", path}, {"body", "'x'"}, {"count", "10"}, {NULL, NULL}};
    struct load_run run;
    send_units(&run, settings, 10);
    assert_int_equal(run.counts.unanswered, 10);
    assert_int_equal(load_run_outcome(&run, "cannot connect: No such file or directory"), 10);
    load_run_close(&run);
}

static void mistakes_are_found_before_the_start(void **state) {
    static const struct {
        struct load_setting settings[5];
        const char *what;
    } cases[] = {
        {{{"body", "'x'"}, {"count", "1"}}, "it needs one of to and unix"},
        {{{"body", "'x'"}, {"count", "1"}, {"to", "localhost"}},
         "to = \"localhost\" is no host with a port"},
        {{{"body", "'x'"}, {"count", "1"}, {"unix", "/x"}, {"refusal", "-"}},
         "refusal is what a reply begins with, at most 64 bytes of it"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sm_error err;
        assert_int_equal(load_run_refused("stream_load", cases[i].settings, &err), -EINVAL);
        assert_string_equal(err.what, cases[i].what);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(inline_commands_are_answered_one_by_one, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(pipelined_units_keep_their_order, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(replies_may_have_a_length, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(refusals_are_told_in_the_words_of_the_peer,
                                        test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(without_replies_what_is_sent_is_accepted,
                                        test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(silence_and_death_are_told_apart, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_refused_connection_is_told, test_temp_dir_make,
                                        test_temp_dir_remove),
        cmocka_unit_test(mistakes_are_found_before_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
