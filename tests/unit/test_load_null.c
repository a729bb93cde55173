/* The engine, by way of the driver that sends nothing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/clock.h"
#include "harness/load.h"
#include "load_block.h"

static void open_null(struct load_run *run, const struct load_setting *settings) {
    load_run_open(run, "null_load", settings);
}

static const struct sm_load_ops *find(const char *name) {
    for (size_t i = 0; sm_load_table[i]; i++)
        if (strcmp(sm_load_table[i]->name, name) == 0)
            return sm_load_table[i];
    return NULL;
}

static void the_table_has_every_driver(void **state) {
    (void)state;
    assert_non_null(find("null_load"));
    assert_non_null(find("http_load"));
    for (size_t i = 0; sm_load_table[i]; i++) {
        const struct sm_load_ops *ops = sm_load_table[i];
        assert_ptr_equal(find(ops->name), ops);
        assert_non_null(ops->help);
        assert_string_equal(ops->keys[0].name, ops->exited ? "command" : "rate");
        ops->close(NULL);
    }
}

/* However slow the machine: what is offered is what the schedule says for the time that passed. */
static void the_schedule_is_kept(void **state) {
    (void)state;
    struct load_run run;
    open_null(&run, (const struct load_setting[]){
                        {"rate", "5000/s"}, {"arrivals", "uniform"}, {NULL, NULL}});
    int64_t before_ns = sm_now_ns();
    load_run_start(&run);
    int64_t started_ns = sm_now_ns();
    while (run.counts.offered < 1000)
        load_run_look(&run);
    int64_t stopping_ns = sm_now_ns();
    load_run_stop(&run, 1);
    int64_t stopped_ns = sm_now_ns();
    assert_true((double)run.counts.offered >= (double)(stopping_ns - started_ns) / 1e9 * 5000 - 1);
    assert_true((double)run.counts.offered <= (double)(stopped_ns - before_ns) / 1e9 * 5000);
    assert_int_equal(load_run_outcome(&run, "taken"), run.counts.accepted);
    assert_int_equal(sm_histogram_count(run.slip_ns), run.counts.offered);
    load_run_close(&run);
}

static void a_count_is_exact(void **state) {
    (void)state;
    struct load_run run;
    open_null(&run, (const struct load_setting[]){{"count", "100000"}, {NULL, NULL}});
    load_run_start(&run);
    load_run_until_done(&run, 100000);
    load_run_stop(&run, 0);
    assert_int_equal(run.counts.accepted, 100000);
    load_run_close(&run);
}

static void a_paused_load_offers_nothing(void **state) {
    (void)state;
    struct load_run run;
    open_null(&run, (const struct load_setting[]){{"rate", "100000/s"}, {NULL, NULL}});
    run.ops->set_factor(run.driver, 0); /* before the start, as a run does */
    load_run_start(&run);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    load_run_look(&run);
    assert_int_equal(run.counts.offered, 0);
    run.ops->set_factor(run.driver, 1);
    while (run.counts.offered < 1000)
        load_run_look(&run);
    run.ops->set_factor(run.driver, 0);
    /* What was due before the pause is still offered; then the count stands. */
    for (int64_t last = -1; last != run.counts.offered;) {
        last = run.counts.offered;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        load_run_look(&run);
    }
    int64_t offered = run.counts.offered;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    load_run_stop(&run, 1);
    assert_int_equal(run.counts.offered, offered);
    load_run_close(&run);
}

static void a_closed_loop_keeps_going(void **state) {
    (void)state;
    struct load_run run;
    open_null(&run, (const struct load_setting[]){
                        {"concurrency", "8"}, {"count", "50000"}, {NULL, NULL}});
    load_run_start(&run);
    load_run_until_done(&run, 50000);
    load_run_stop(&run, 0);
    assert_int_equal(run.counts.accepted, 50000);
    load_run_close(&run);
}

/* A driver that cannot keep up says so: its slip grows, and what is due stays offered. */
static void an_impossible_rate_is_slip(void **state) {
    (void)state;
    struct load_run run;
    open_null(&run, (const struct load_setting[]){{"rate", "10M/s"}, {NULL, NULL}});
    load_run_start(&run);
    int64_t started_ns = sm_now_ns();
    do {
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        load_run_look(&run);
    } while (sm_now_ns() - started_ns < 100000000 || run.counts.accepted < 10000);
    load_run_stop(&run, 0);
    assert_true(run.counts.unanswered > run.counts.accepted / 10);
    assert_int_equal(load_run_outcome(&run, "stopped before it was sent"), run.counts.unanswered);
    assert_true(sm_histogram_max(run.slip_ns) > 10000000);
    load_run_close(&run);
}

/* What the kernel holds to at present, or -1 where it does not let us ask. */
static int32_t latency_us(void) {
    int32_t latency_us = -1;
    int fd = open("/dev/cpu_dma_latency", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    assert_int_equal(read(fd, &latency_us, sizeof latency_us), sizeof latency_us);
    close(fd);
    return latency_us;
}

static void processors_are_kept_awake_while_it_runs(void **state) {
    (void)state;
    static const struct load_setting settings[] = {
        {"rate", "100/s"}, {"awake", "true"}, {NULL, NULL}};
    struct sm_error err;
    struct load_run run;
    int32_t before_us = latency_us();
    if (before_us < 0) {
        assert_true(load_run_refused("null_load", settings, &err) < 0);
        assert_non_null(strstr(err.what, "/dev/cpu_dma_latency"));
        return;
    }
    open_null(&run, settings);
    assert_int_equal(latency_us(), before_us);
    load_run_start(&run);
    assert_int_equal(latency_us(), 0);
    load_run_stop(&run, 0);
    assert_int_equal(latency_us(), before_us);
    load_run_close(&run);
}

static void bad_settings_are_refused(void **state) {
    (void)state;
    static const struct load_setting bad[][4] = {
        {{NULL, NULL}},
        {{"rate", "0/s"}, {NULL, NULL}},
        {{"rate", "11M/s"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"concurrency", "3"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"burst", "0"}, {NULL, NULL}},
        {{"count", "0"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"ramp_to", "9/s"}, {NULL, NULL}},
        {{"concurrency", "5"}, {"ramp_to", "9/s"}, {"ramp_for", "3s"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"arrivals", "random"}, {NULL, NULL}},
        {{"rate", "5/s"}, {"timeout", "0s"}, {NULL, NULL}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sm_error err;
        assert_int_equal(load_run_refused("null_load", bad[i], &err), -EINVAL);
        assert_true(strlen(err.where) > 0 && strlen(err.what) > 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_every_driver),
        cmocka_unit_test(the_schedule_is_kept),
        cmocka_unit_test(a_count_is_exact),
        cmocka_unit_test(a_paused_load_offers_nothing),
        cmocka_unit_test(a_closed_loop_keeps_going),
        cmocka_unit_test(an_impossible_rate_is_slip),
        cmocka_unit_test(processors_are_kept_awake_while_it_runs),
        cmocka_unit_test(bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
