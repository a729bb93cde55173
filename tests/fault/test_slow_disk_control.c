/* A fault that begins, holds calls back and ends while the program is at work. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervised.h"

enum { BIG = 1 << 20, SMALL = 500, MS = 1000 * 1000 };

static void deactivate(struct supervised *run) {
    __atomic_store_n(&run->rule->active, 0, __ATOMIC_RELEASE);
}

static void start_writer(struct supervised *run, const char *way) {
    supervised_start(run, (const char *[]){static_writer_program(), way, NULL});
}

static off_t size_of(const struct supervised *run, const char *name) {
    char path[256];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", run->dir, name);
    return stat(path, &status) ? -1 : status.st_size;
}

/* 1 MB at 64 KB/s would take 16 s: it is let go when the fault ends, and all of it arrives. */
static void a_big_write_is_let_go_at_the_end(void **state) {
    struct supervised *run = *state;
    run->rule->bytes_per_s = 64000;
    supervised_activate(run);
    start_writer(run, "big");
    wait_for_waiting(run->rule, 1);
    assert_int_equal(size_of(run, "watched/f"), 0);
    wait_for_counter(&run->rule->delay_ns, 50 * MS); /* told while it lasts */
    deactivate(run);
    assert_int_equal(supervised_finish(run), 0);
    assert_int_equal(size_of(run, "watched/f"), BIG);
    assert_int_equal(run->rule->calls, 1);
    assert_int_equal(run->rule->bytes, BIG);
    assert_int_equal(run->rule->waiting, 0);
    assert_true(run->rule->delay_ns < UINT64_C(16) * 1000 * MS);
}

static void a_big_write_takes_its_time(void **state) {
    struct supervised *run = *state;
    run->rule->bytes_per_s = 2 * BIG;
    supervised_activate(run);
    start_writer(run, "big");
    assert_int_equal(supervised_finish(run), 0);
    assert_throttled(run->rule, BIG);
}

static void a_killed_program_goes_in_mid_delay(void **state) {
    struct supervised *run = *state;
    run->rule->stall_until_ns = SM_STALL_FOR_EVER;
    supervised_activate(run);
    start_writer(run, "threads");
    wait_for_waiting(run->rule, 4);
    kill(run->pid, SIGKILL);
    int status = supervised_finish(run); /* the supervisor goes, too, with the fault still on */
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(run->rule->calls, 4);
}

static void an_unhandled_sigterm_ends_it_too(void **state) {
    struct supervised *run = *state;
    run->rule->stall_until_ns = SM_STALL_FOR_EVER;
    supervised_activate(run);
    start_writer(run, "without-end");
    wait_for_waiting(run->rule, 1);
    kill(run->pid, SIGTERM);
    int status = supervised_finish(run);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void nothing_passes_a_stall_until_it_is_cleared(void **state) {
    struct supervised *run = *state;
    run->rule->stall_until_ns = SM_STALL_FOR_EVER;
    supervised_activate(run);
    start_writer(run, "threads");
    wait_for_waiting(run->rule, 4);
    assert_int_equal(size_of(run, "watched/a"), 0);
    __atomic_store_n(&run->rule->stall_until_ns, 0, __ATOMIC_RELEASE);
    assert_int_equal(supervised_finish(run), 0);
    assert_int_equal(run->rule->calls, 40);
    assert_int_equal(size_of(run, "watched/d"), 10 * SMALL);
}

static void a_stall_of_some_time_ends_by_itself(void **state) {
    struct supervised *run = *state;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    run->rule->stall_until_ns = (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec + 700 * MS;
    supervised_activate(run);
    start_writer(run, "stdio");
    assert_int_equal(supervised_finish(run), 0);
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_true((uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec >
                run->rule->stall_until_ns);
}

/* A timer faster than the delay restarts the call for ever where signals can break it off. */
static void a_timer_does_not_keep_a_delayed_call_from_ending(void **state) {
    struct supervised *run = *state;
    run->rule->latency_ns = 100 * MS;
    supervised_activate(run);
    start_writer(run, "timer");
    assert_int_equal(supervised_finish(run), 0);
    assert_int_equal(run->rule->calls, 5);
    assert_true(run->rule->delay_ns >= UINT64_C(5) * 100 * MS);
}

/* All threads and children write to the same disk. */
static void threads_share_one_bandwidth(void **state) {
    struct supervised *run = *state;
    struct timespec before, after;
    run->rule->bytes_per_s = 40000; /* 20 000 bytes: half a second on the clock of the wall */
    supervised_activate(run);
    clock_gettime(CLOCK_MONOTONIC, &before);
    start_writer(run, "threads");
    assert_int_equal(supervised_finish(run), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    double took_s =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    assert_throttled(run->rule, 20000);
    assert_true(took_s >= 0.5 - 0.02);
}

static void wait_for_growth(const struct supervised *run) {
    off_t before = size_of(run, "watched/f");
    while (size_of(run, "watched/f") < before + 100 * SMALL)
        usleep(1000);
}

/* 500 bytes each at 1 MB/s: what passes while the fault is off is not in the receipt. */
static void it_begins_and_ends_in_mid_run(void **state) {
    struct supervised *run = *state;
    run->rule->bytes_per_s = 1000000;
    start_writer(run, "without-end");
    wait_for_growth(run);
    assert_int_equal(run->rule->calls, 0);
    supervised_activate(run);
    wait_for_counter(&run->rule->calls, 50);
    deactivate(run);
    wait_for_growth(run);
    uint64_t calls = run->rule->calls;
    wait_for_growth(run);
    assert_int_equal(run->rule->calls, calls);
    assert_throttled(run->rule, calls * SMALL);
    kill(run->pid, SIGKILL);
    supervised_finish(run);
}

static void an_inherited_descriptor_makes_every_write_trapped(void **state) {
    struct supervised *run = *state;
    char path[256];
    snprintf(path, sizeof path, "%s/watched/inherited", run->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0 && dup3(fd, 5, O_CLOEXEC) == 5);
    run->rule->latency_ns = 5 * MS;
    run->inherited_fd = 5;
    supervised_activate(run);
    start_writer(run, "five");
    assert_int_equal(supervised_finish(run), 0);
    assert_int_equal(run->shared->way, SM_WAY_ALL_WRITES);
    assert_int_equal(run->rule->calls, 2);
    assert_int_equal(run->rule->bytes, 2000);
    assert_int_equal(run->shared->escaped, 0);
    close(fd);
    close(5);
}

/* Two rules on one path, as two phases with different disks have them. */
static void only_the_rule_at_work_counts(void **state) {
    struct supervised *run = *state;
    struct sm_disk_rule *second = &run->shared->rules[1];
    snprintf(second->path, sizeof second->path, "%s", run->rule->path);
    second->latency_ns = 3 * MS;
    second->used = second->active = 1;
    run->rule->stall_until_ns = SM_STALL_FOR_EVER; /* but not active */
    start_writer(run, "stdio");
    assert_int_equal(supervised_finish(run), 0);
    assert_int_equal(run->rule->calls, 0);
    assert_int_equal(second->calls, 5);
}

static void a_rule_may_name_one_file(void **state) {
    struct supervised *run = *state;
    memcpy(run->rule->path + strlen(run->rule->path), "/b",
           3); /* not watched/b-more, nor a, c, d */
    run->rule->latency_ns = MS;
    supervised_activate(run);
    start_writer(run, "threads");
    assert_int_equal(supervised_finish(run), 0);
    assert_int_equal(run->rule->calls, 10);
}

static void wait_until_served(const struct supervised *run) {
    while (__atomic_load_n(&run->shared->serving, __ATOMIC_ACQUIRE) == 0)
        usleep(100);
}

/* Whatever the supervisor is just doing for it. */
static void a_program_may_be_killed_at_any_moment(void **state) {
    struct supervised *run = *state;
    srand(11);
    run->rule->latency_ns = MS / 4;
    supervised_activate(run);
    for (int i = 0; i < 60; i++) {
        uint64_t calls = __atomic_load_n(&run->rule->calls, __ATOMIC_ACQUIRE);
        start_writer(run, "turmoil");
        wait_until_served(run);
        wait_for_counter(&run->rule->calls, calls + (uint64_t)(rand() % 5));
        usleep((useconds_t)(rand() % 3000));
        kill(run->pid, SIGKILL);
        int status = supervised_finish(run);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_int_equal(run->rule->waiting, 0);
    }
    assert_int_equal(run->shared->escaped, 0);
}

static void a_supervisor_that_died_is_noticed(void **state) {
    struct supervised *run = *state;
    start_writer(run, "without-end");
    wait_until_served(run);
    assert_int_equal(run->shared->serving, run->supervisor.pid);
    kill(run->supervisor.pid, SIGKILL);
    int status;
    assert_int_equal(waitpid(run->pid, &status, 0), run->pid); /* its next write: ENOSYS */
    run->pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_int_equal(waitpid(run->supervisor.pid, &status, 0), run->supervisor.pid);
    assert_int_not_equal(run->shared->serving, 0);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, supervised_setup, supervised_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_big_write_is_let_go_at_the_end),
        TEST(a_big_write_takes_its_time),
        TEST(a_killed_program_goes_in_mid_delay),
        TEST(an_unhandled_sigterm_ends_it_too),
        TEST(nothing_passes_a_stall_until_it_is_cleared),
        TEST(a_stall_of_some_time_ends_by_itself),
        TEST(a_timer_does_not_keep_a_delayed_call_from_ending),
        TEST(threads_share_one_bandwidth),
        TEST(it_begins_and_ends_in_mid_run),
        TEST(an_inherited_descriptor_makes_every_write_trapped),
        TEST(only_the_rule_at_work_counts),
        TEST(a_rule_may_name_one_file),
        TEST(a_program_may_be_killed_at_any_moment),
        TEST(a_supervisor_that_died_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
