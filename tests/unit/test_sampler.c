/* The sampler on real processes under the real probe: figures that are known beforehand. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/clock.h"
#include "harness/keeper.h"
#include "harness/paths.h"
#include "harness/run_dir.h"
#include "harness/sampler.h"

static const int64_t patience_ns = INT64_C(20000000000);

struct bench {
    char dir[256], db[300], commands[300], answers[300];
    struct sm_keeper *keeper;
    struct sm_record *record;
    struct sm_sampler *sampler;
    int64_t start_ns;
    int command_fd, answer_fd;
    pid_t pid;
    struct sm_run *run;
};

static int64_t await_answer(struct bench *bench) {
    int64_t answer = -1;
    struct pollfd polled = {.fd = bench->answer_fd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, (int)(patience_ns / 1000000)), 1);
    assert_int_equal(read(bench->answer_fd, &answer, sizeof answer), sizeof answer);
    return answer;
}

static void send_command(struct bench *bench, const char *command) {
    char line[128] = {0};
    snprintf(line, sizeof line, "%s", command);
    assert_int_equal(write(bench->command_fd, line, sizeof line), sizeof line);
}

static int64_t tell(struct bench *bench, const char *command) {
    send_command(bench, command);
    return await_answer(bench);
}

static void make_pipes(struct bench *bench) {
    snprintf(bench->commands, sizeof bench->commands, "%s/commands", bench->dir);
    snprintf(bench->answers, sizeof bench->answers, "%s/answers", bench->dir);
    assert_int_equal(mkfifo(bench->commands, 0600), 0);
    assert_int_equal(mkfifo(bench->answers, 0600), 0);
    bench->command_fd = open(bench->commands, O_RDWR | O_CLOEXEC);
    bench->answer_fd = open(bench->answers, O_RDWR | O_CLOEXEC);
}

static void begin(struct bench *bench, const char *program, int want_probe) {
    const char *tmp = getenv("TMPDIR");
    const struct sm_sampler_options options = {
        .rate_hz = 20, .sample_interval_bytes = 1, .seed = 7, .want_probe = want_probe};
    const char *argv[] = {program, bench->commands, bench->answers, NULL};
    memset(bench, 0, sizeof *bench);
    snprintf(bench->dir, sizeof bench->dir, "%s/sampler-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(bench->dir));
    snprintf(bench->db, sizeof bench->db, "%s/run.db", bench->dir);
    make_pipes(bench);
    bench->start_ns = sm_now_ns();
    assert_int_equal(sm_keeper_start(&bench->keeper, NULL), 0);
    assert_int_equal(sm_record_create(bench->db, &bench->record, NULL), 0);
    assert_int_equal(
        sm_sampler_create(&options, bench->record, bench->start_ns, &bench->sampler, NULL), 0);
    struct sm_spawn spawn = {.argv = argv, .env = sm_sampler_environment(bench->sampler)};
    assert_int_equal(sm_keeper_spawn(bench->keeper, &spawn, &bench->pid, NULL), 0);
    sm_sampler_follow(bench->sampler, bench->pid);
    await_answer(bench);
}

static void tick(struct bench *bench) {
    assert_int_equal(sm_sampler_tick(bench->sampler, sm_now_ns()), 0);
}

static void checkpoint(struct bench *bench) {
    assert_int_equal(sm_sampler_checkpoint(bench->sampler, sm_now_ns()), 0);
}

/* Closes the record and opens it for reading. */
static void finish(struct bench *bench) {
    sm_sampler_close(bench->sampler);
    sm_keeper_stop(bench->keeper, 0.5);
    assert_int_equal(sm_record_close(bench->record, 1), 0);
    assert_int_equal(sm_run_open(bench->db, &bench->run, NULL), 0);
    close(bench->command_fd);
    close(bench->answer_fd);
}

static void clean(struct bench *bench) {
    sm_run_free(bench->run);
    assert_int_equal(sm_remove_tree(bench->dir), 0);
}

static const struct sm_sample *samples(const struct bench *bench, int process_id, const char *name,
                                       size_t *ret_count) {
    const struct sm_series *series = sm_run_series(bench->run, process_id, name);
    *ret_count = 0;
    return series ? sm_run_samples(bench->run, series->id, ret_count) : NULL;
}

/* The newest value at or before t_ns. */
static double value_at(const struct bench *bench, int process_id, const char *name, int64_t t_ns) {
    size_t count;
    const struct sm_sample *all = samples(bench, process_id, name, &count);
    double value = -1;
    for (size_t i = 0; i < count && all[i].t_ns <= t_ns; i++)
        value = all[i].value;
    return value;
}

static int64_t mark_time(struct bench *bench) {
    tick(bench);
    return sm_now_ns() - bench->start_ns;
}

static const struct sm_process *process_of(const struct bench *bench, size_t nth) {
    assert_true(nth < bench->run->processes_count);
    return &bench->run->processes[nth];
}

static void test_heap_is_exact(void **state) {
    struct bench bench;
    begin(&bench, *state, 1);
    int64_t before_ns = mark_time(&bench);
    int64_t added = tell(&bench, "keep 1000 300");
    assert_true(added >= 300000);
    int64_t held_ns = mark_time(&bench);
    int64_t removed = tell(&bench, "drop 400");
    int64_t end_ns = mark_time(&bench);
    finish(&bench);
    for (int process_id = 0; process_id < 2; process_id++) {
        double before = value_at(&bench, process_id, "heap", before_ns);
        assert_true(before >= 0);
        assert_true(value_at(&bench, process_id, "heap", held_ns) == before + (double)added);
        assert_true(value_at(&bench, process_id, "heap", end_ns) ==
                    before + (double)added - (double)removed);
        double count = value_at(&bench, process_id, "heap_count", before_ns);
        assert_true(value_at(&bench, process_id, "heap_count", held_ns) == count + 1000);
        assert_true(value_at(&bench, process_id, "heap_count", end_ns) == count + 600);
    }
    double anon = value_at(&bench, 1, "rss_anon", end_ns),
           heap = value_at(&bench, 1, "heap", end_ns);
    /* By the slot and the pages of libc, at least. */
    assert_true(anon > 0 && value_at(&bench, 1, "rss", end_ns) > anon + 1e6);
    assert_true(value_at(&bench, 1, "slack_estimate", end_ns) == (anon > heap ? anon - heap : 0));
    assert_true(value_at(&bench, 1, "threads", end_ns) == 1);
    assert_true(value_at(&bench, 1, "cpu", end_ns) > 0);
    assert_string_equal(bench.run->processes[0].probe, "on");
    assert_non_null(strstr(bench.run->processes[0].command, "commands"));
    clean(&bench);
}

static void test_water_marks_catch_what_falls_between(void **state) {
    struct bench bench;
    begin(&bench, *state, 1);
    int64_t before_ns = mark_time(&bench);
    int64_t added = tell(&bench, "keep 40 250000");
    tell(&bench, "drop 40");
    mark_time(&bench);
    finish(&bench);
    size_t count;
    double before = value_at(&bench, 0, "heap", before_ns), high = 0;
    const struct sm_sample *all = samples(&bench, 0, "heap", &count);
    for (size_t i = 0; i < count; i++)
        high = all[i].high > high ? all[i].high : high;
    /* Each thread publishes its level in steps of at most 64 KiB. */
    assert_true(high >= before + (double)added - 65536 && high <= before + (double)added + 65536);
    clean(&bench);
}

static void test_exec_of_what_loads_no_probe(void **state) {
    struct bench bench;
    begin(&bench, *state, 1);
    tell(&bench, "keep 10 1000");
    tick(&bench);
    tell(&bench, "static");
    tick(&bench);
    /* The sampler's patience, not ours. */
    for (int64_t later_ns = 0; later_ns < INT64_C(4000000000); later_ns += 500000000)
        assert_int_equal(sm_sampler_tick(bench.sampler, sm_now_ns() + later_ns), 0);
    finish(&bench);
    assert_int_equal(bench.run->processes_count, 2);
    assert_string_equal(process_of(&bench, 0)->exit, "exec");
    assert_non_null(strstr(process_of(&bench, 1)->probe, "none: static program"));
    clean(&bench);
}

/* The live bytes of the site with the most of a kind at the end; *ret_stack names it. */
static double largest_site(const struct bench *bench, enum sm_site_kind kind, int by_count,
                           const struct sm_site_sample **ret_site) {
    double largest = -1;
    for (size_t i = 0; i < bench->run->site_samples_count; i++) {
        const struct sm_site_sample *site = &bench->run->site_samples[i];
        double live =
            by_count ? site->alloc_count - site->free_count : site->alloc_bytes - site->free_bytes;
        if (site->kind == kind && live >= largest) {
            largest = live;
            *ret_site = site;
        }
    }
    return largest;
}

static int in_program(const struct bench *bench, const char *program, int32_t stack_id) {
    for (size_t i = 0; i < bench->run->frames_count; i++) {
        const struct sm_frame *frame = &bench->run->frames[i];
        for (size_t j = 0; frame->stack_id == stack_id && j < bench->run->modules_count; j++)
            if (bench->run->modules[j].id == frame->module_id &&
                strcmp(bench->run->modules[j].path, program) == 0)
                return frame->depth == 0;
    }
    return 0;
}

/* The program's own file is among those kept open. */
static void expect_module_file(struct bench *bench, const char *path) {
    struct stat st, kept_st;
    size_t count;
    int found = 0;
    assert_int_equal(stat(path, &st), 0);
    struct sm_module_file *files = sm_sampler_take_module_files(bench->sampler, &count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fstat(files[i].fd, &kept_st), 0);
        found |= kept_st.st_ino == st.st_ino && kept_st.st_dev == st.st_dev;
        close(files[i].fd);
    }
    free(files);
    assert_true(found);
}

static void test_sites_and_frees(void **state) {
    struct bench bench;
    const struct sm_site_sample *site = NULL;
    begin(&bench, *state, 1);
    int64_t added = tell(&bench, "keep 100 5000");
    tick(&bench);
    checkpoint(&bench);
    int64_t removed = tell(&bench, "drop 100");
    assert_int_equal(removed, added);
    checkpoint(&bench);
    expect_module_file(&bench, *state);
    finish(&bench);
    /* Every allocation was sampled: the estimates are the truth. */
    assert_true(largest_site(&bench, SM_SITE_HEAP, 0, &site) == (double)added);
    assert_true(in_program(&bench, *state, site->stack_id));
    assert_true(site->age_max_s >= site->age_p50_s && site->age_p50_s >= 0);
    double freed = 0;
    for (size_t i = 0; i < bench.run->site_frees_count; i++) {
        const struct sm_site_free *row = &bench.run->site_frees[i];
        if (row->alloc_stack_id != site->stack_id)
            continue;
        freed += row->bytes;
        assert_true(in_program(&bench, *state, row->free_stack_id));
        assert_true(row->residence_p50_s > 0 && row->residence_p50_s <= row->residence_p99_s &&
                    row->residence_p99_s <= row->residence_max_s);
    }
    assert_true(freed > 0 && freed < 3 * (double)added);
    clean(&bench);
}

static void test_descriptors(void **state) {
    struct bench bench;
    const struct sm_site_sample *site = NULL;
    begin(&bench, *state, 1);
    int64_t before_ns = mark_time(&bench);
    assert_int_equal(tell(&bench, "open 37"), 37);
    tick(&bench);
    checkpoint(&bench);
    int64_t end_ns = mark_time(&bench);
    finish(&bench);
    assert_true(value_at(&bench, 0, "fds", end_ns) == value_at(&bench, 0, "fds", before_ns) + 37);
    assert_true(value_at(&bench, 0, "fds:proc", end_ns) == 37);
    assert_true(value_at(&bench, 1, "fds:file", end_ns) >= 2);
    assert_true(largest_site(&bench, SM_SITE_FD, 1, &site) == 37);
    assert_true(in_program(&bench, *state, site->stack_id));
    clean(&bench);
}

static void test_mappings(void **state) {
    struct bench bench;
    const struct sm_site_sample *site = NULL;
    begin(&bench, *state, 524288);
    int64_t left = tell(&bench, "map 21 1048576");
    tick(&bench);
    checkpoint(&bench);
    int64_t end_ns = mark_time(&bench);
    finish(&bench);
    assert_int_equal(left, 11 << 20);
    assert_true(value_at(&bench, 0, "mapped", end_ns) == (double)left);
    assert_true(largest_site(&bench, SM_SITE_MAP, 0, &site) == (double)left); /* not sampled */
    assert_true(site->alloc_count == 21 && site->free_count == 10);
    assert_true(in_program(&bench, *state, site->stack_id));
    assert_int_equal(bench.run->site_frees[0].alloc_stack_id, site->stack_id);
    clean(&bench);
}

static void test_in_flight(void **state) {
    struct bench bench;
    begin(&bench, *state, 1);
    assert_int_equal(tell(&bench, "unix 1234"), 1234);
    tick(&bench);
    checkpoint(&bench);
    int64_t unix_ns = mark_time(&bench);
    assert_int_equal(tell(&bench, "tcp 4321"), 4321);
    tell(&bench, "mark 777 3");
    tick(&bench);
    checkpoint(&bench);
    int64_t end_ns = mark_time(&bench);
    finish(&bench);
    assert_true(value_at(&bench, 0, "in_flight:sockets", unix_ns) == 1234);
    assert_true(value_at(&bench, 0, "in_flight:sockets", end_ns) == 1234 + 4321);
    assert_true(value_at(&bench, 0, "in_flight:declared", end_ns) == 777);
    assert_true(value_at(&bench, 1, "mark:work", end_ns) == 777);
    assert_true(value_at(&bench, 0, "mark:work:count", end_ns) == 3);
    clean(&bench);
}

static void test_children_and_daemons(void **state) {
    struct bench bench;
    begin(&bench, *state, 1);
    assert_true(tell(&bench, "keep 1 100000") >= 100000);
    int64_t before_ns = mark_time(&bench);
    assert_true(tell(&bench, "fork 200000") > 0);
    assert_true(tell(&bench, "daemon 300000") > 0);
    checkpoint(&bench);
    int64_t end_ns = mark_time(&bench);
    finish(&bench);
    int alive = 0;
    double one = value_at(&bench, 1, "heap", before_ns), sum = 0;
    for (int process_id = 1; process_id <= (int)bench.run->processes_count; process_id++) {
        double heap = value_at(&bench, process_id, "heap", end_ns);
        if (bench.run->processes[process_id - 1].to_ns != -1)
            continue;
        /* What the child was born with is its own as well. */
        assert_true(process_id == 1 || heap >= one + 200000);
        sum += heap;
        alive++;
    }
    assert_int_equal(alive, 3);
    assert_true(value_at(&bench, 0, "heap", end_ns) == sum);
    assert_true(sum >= 3 * one + 500000);
    clean(&bench);
}

static void test_exec_starts_a_new_row(void **state) {
    struct bench bench;
    begin(&bench, *state, 1);
    int64_t added = tell(&bench, "keep 10 100000");
    int64_t before_ns = mark_time(&bench);
    tell(&bench, "exec");
    int64_t end_ns = mark_time(&bench);
    finish(&bench);
    assert_int_equal(bench.run->processes_count, 2);
    assert_string_equal(process_of(&bench, 0)->exit, "exec");
    assert_string_equal(process_of(&bench, 1)->probe, "on");
    assert_int_equal(process_of(&bench, 0)->pid, process_of(&bench, 1)->pid);
    assert_true(value_at(&bench, 0, "heap", before_ns) >= (double)added);
    assert_true(value_at(&bench, 0, "heap", end_ns) < (double)added);
    clean(&bench);
}

static void test_killed_target_is_still_read(void **state) {
    struct bench bench;
    const struct sm_site_sample *site = NULL;
    struct sm_exit ended;
    begin(&bench, *state, 1);
    tick(&bench);
    /* Not sampled between this and its death. */
    int64_t added = tell(&bench, "keep 50 7000");
    assert_int_equal(sm_keeper_signal(bench.keeper, bench.pid, SIGKILL, 0), 0);
    assert_int_equal(sm_keeper_next_exit(bench.keeper, 20, &ended), 1);
    sm_sampler_exited(bench.sampler, ended.pid, ended.status, sm_now_ns());
    int64_t end_ns = mark_time(&bench);
    finish(&bench);
    assert_string_equal(process_of(&bench, 0)->exit, "signal 9 (Killed)");
    assert_true(process_of(&bench, 0)->to_ns > 0);
    assert_true(value_at(&bench, 1, "heap", end_ns) >= (double)added);
    assert_true(largest_site(&bench, SM_SITE_HEAP, 0, &site) == (double)added);
    assert_true(in_program(&bench, *state, site->stack_id));
    clean(&bench);
}

static void test_slots_come_round_again(void **state) {
    struct bench bench;
    begin(&bench, *state, 1);
    int64_t deadline_ns = sm_now_ns() + patience_ns;
    /* More processes than the pool has slots, and each seen. */
    size_t sent = 0;
    while (sent < 600 && sm_now_ns() < deadline_ns) {
        assert_int_equal(tell(&bench, "brief 20"), 20);
        sent += 20;
        /* Time passes for the sampler only: the dead are kept for a while. */
        assert_int_equal(sm_sampler_tick(bench.sampler, sm_now_ns() + (int64_t)sent * 1000000000),
                         0);
    }
    checkpoint(&bench);
    finish(&bench);
    size_t seen = 0;
    for (size_t i = 0; i < bench.run->processes_count; i++)
        seen += strcmp(bench.run->processes[i].probe, "on") == 0;
    assert_int_equal(seen, sent + 1);
    clean(&bench);
}

static void test_from_outside(void **state) {
    struct bench bench;
    begin(&bench, *state, 0);
    tell(&bench, "open 5");
    tick(&bench);
    checkpoint(&bench);
    int64_t end_ns = mark_time(&bench);
    finish(&bench);
    size_t count;
    assert_null(samples(&bench, 1, "heap", &count));
    assert_true(value_at(&bench, 0, "rss", end_ns) > 0);
    assert_true(value_at(&bench, 0, "fds:proc", end_ns) == 5);
    clean(&bench);
}

/* No harness at all: the probe's own pool, read afterwards. */
static void test_pool_left_behind(void **state) {
    struct bench bench;
    const char *tmp = getenv("TMPDIR");
    const struct sm_site_sample *site = NULL;
    struct sm_error err = {0};
    char out[320], preload[4200], pool[400];
    memset(&bench, 0, sizeof bench);
    snprintf(bench.dir, sizeof bench.dir, "%s/sampler-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(bench.dir));
    snprintf(bench.db, sizeof bench.db, "%s/run.db", bench.dir);
    make_pipes(&bench);
    snprintf(out, sizeof out, "SPILLMARK_OUT=%s", bench.dir);
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", sm_path_probe());
    const char *argv[] = {*state, bench.commands, bench.answers, NULL};
    const char *env[] = {out, preload, "SPILLMARK_SAMPLE_BYTES=1", NULL};
    struct sm_spawn spawn = {.argv = argv, .env = env};
    struct sm_exit ended;
    assert_int_equal(sm_keeper_start(&bench.keeper, NULL), 0);
    assert_int_equal(sm_keeper_spawn(bench.keeper, &spawn, &bench.pid, NULL), 0);
    await_answer(&bench);
    int64_t added = tell(&bench, "keep 30 4000");
    assert_int_equal(sm_keeper_signal(bench.keeper, bench.pid, SIGKILL, 0), 0);
    assert_int_equal(sm_keeper_next_exit(bench.keeper, 20, &ended), 1);
    assert_int_equal(sm_record_create(bench.db, &bench.record, NULL), 0);
    assert_int_equal(sm_sampler_import(bench.db, bench.record, &err), -EBADMSG);
    snprintf(pool, sizeof pool, "%s/spillmark-probe.%d.pool", bench.dir, (int)bench.pid);
    assert_int_equal(sm_sampler_import(pool, bench.record, NULL), 0);
    finish(&bench);
    assert_int_equal(bench.run->processes_count, 1);
    assert_int_equal(process_of(&bench, 0)->pid, bench.pid);
    assert_true(value_at(&bench, 0, "heap", INT64_MAX) >= (double)added);
    assert_true(largest_site(&bench, SM_SITE_HEAP, 0, &site) == (double)added);
    assert_true(in_program(&bench, *state, site->stack_id));
    clean(&bench);
}

static char program[4096];
static int set_program(void **state) {
    *state = program;
    return 0;
}

int main(void) {
    if (!realpath("/proc/self/exe", program))
        return 1;
    char *slash = strrchr(program, '/');
    snprintf(slash, sizeof program - (size_t)(slash - program), "/sampled-program");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_heap_is_exact, set_program),
        cmocka_unit_test_setup(test_water_marks_catch_what_falls_between, set_program),
        cmocka_unit_test_setup(test_exec_of_what_loads_no_probe, set_program),
        cmocka_unit_test_setup(test_sites_and_frees, set_program),
        cmocka_unit_test_setup(test_descriptors, set_program),
        cmocka_unit_test_setup(test_mappings, set_program),
        cmocka_unit_test_setup(test_in_flight, set_program),
        cmocka_unit_test_setup(test_children_and_daemons, set_program),
        cmocka_unit_test_setup(test_exec_starts_a_new_row, set_program),
        cmocka_unit_test_setup(test_killed_target_is_still_read, set_program),
        cmocka_unit_test_setup(test_slots_come_round_again, set_program),
        cmocka_unit_test_setup(test_from_outside, set_program),
        cmocka_unit_test_setup(test_pool_left_behind, set_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
