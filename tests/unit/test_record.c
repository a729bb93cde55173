#include <errno.h>
#include <math.h>
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
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "reports/record.h"
#include "temp_dir.h"

static char path[512];

static const char *db_path(void **state) {
    snprintf(path, sizeof path, "%s/run.db", (char *)*state);
    return path;
}

static struct sm_record *create(void **state) {
    struct sm_record *record = NULL;
    struct sm_error err = {0};
    assert_int_equal(sm_record_create(db_path(state), &record, &err), 0);
    return record;
}

static struct sm_run *open_run(const char *where) {
    struct sm_run *run = NULL;
    struct sm_error err = {0};
    int r = sm_run_open(where, &run, &err);
    if (r < 0)
        print_error("%s: %s\n", err.where, err.what);
    assert_int_equal(r, 0);
    return run;
}

static void add_one_of_everything(struct sm_record *record) {
    assert_int_equal(
        sm_record_add_phase(record, &(struct sm_phase){1, "slow disk", 2, 5, -1, 0.5, 1, 0}), 0);
    assert_int_equal(sm_record_add_process(
                         record, &(struct sm_process){1, 42, 1, "prog -x", 3, -1, "", "on", 7}),
                     0);
    assert_int_equal(sm_record_add_series(record, &(struct sm_series){1, 0, "heap", SM_UNIT_BYTES}),
                     0);
    assert_int_equal(sm_record_add_sample(record, &(struct sm_sample){1, 1000, 5.5, 5.5, 8}), 0);
    assert_int_equal(sm_record_add_module(record, &(struct sm_module){1, "/bin/prog", "abcd"}), 0);
    assert_int_equal(sm_record_add_stack(record, &(struct sm_stack){1, 1}), 0);
    assert_int_equal(
        sm_record_add_frame(record, &(struct sm_frame){1, 0, 1, UINT64_C(0xffffffff81000000)}), 0);
    assert_int_equal(
        sm_record_add_symbol(record, &(struct sm_symbol){1, 0x1234, 0, "main", "main.c", 12}), 0);
    assert_int_equal(
        sm_record_add_site_sample(
            record, &(struct sm_site_sample){1, 1, SM_SITE_FD, 9, 10.4, 2.5, 1, 1, 0.25, 2}),
        0);
    assert_int_equal(
        sm_record_add_site_free(record, &(struct sm_site_free){1, 1, 2, 9, 100, 3, 0.04, 9, 10}),
        0);
    assert_int_equal(
        sm_record_add_load_interval(record, &(struct sm_load_interval){"http", 0, 10, 4, 3, 1, 0,
                                                                       99, 0.001, 0.002, 0.003,
                                                                       0.004, 0.00005, "abc", 3}),
        0);
    assert_int_equal(
        sm_record_add_load_outcome(record, &(struct sm_load_outcome){"http", "HTTP 204", 3}), 0);
    assert_int_equal(sm_record_add_fault(
                         record, &(struct sm_fault){"slow_disk", 5, -1, "{}", 1, 2, 0.5, "note"}),
                     0);
    assert_int_equal(
        sm_record_add_budget_item(record, &(struct sm_budget_item){"heap", "bounded", 1, 0}), 0);
    assert_int_equal(sm_record_add_declared_bound(record, &(struct sm_declared_bound){"heap", 8e6}),
                     0);
    assert_int_equal(sm_record_add_event(record, &(struct sm_event){1, "phase", "warm-up"}), 0);
    assert_int_equal(sm_record_set_meta(record, "scenario", "log-batcher/slow-disk"), 0);
}

static void everything_comes_back(void **state) {
    struct sm_record *record = create(state);
    add_one_of_everything(record);
    assert_int_equal(
        sm_record_set_ledger(record, &(struct sm_ledger_totals){9, 8, 1, 0, -1, 2, -1, 142}), 0);
    assert_int_equal(sm_record_close(record, 1), 0);

    struct sm_run *run = open_run(*state);
    assert_true(run->complete);
    assert_int_equal(run->phases_count, 1);
    assert_string_equal(run->phases[0].name, "slow disk");
    assert_int_equal(run->phases[0].to_ns, -1);
    assert_true(run->phases[0].load_factor == 0.5);
    assert_int_equal(run->processes[0].probe_drops, 7);
    assert_int_equal(run->series[0].unit, SM_UNIT_BYTES);
    assert_true(run->samples[0].value == 5.5 && run->samples[0].low == 5.5 &&
                run->samples[0].high == 8);
    assert_string_equal(run->modules[0].build_id, "abcd");
    assert_int_equal(run->stacks[0].truncated, 1);
    assert_true(run->frames[0].address == UINT64_C(0xffffffff81000000));
    assert_string_equal(run->symbols[0].function, "main");
    assert_int_equal(run->site_samples[0].kind, SM_SITE_FD);
    assert_true(run->site_samples[0].alloc_bytes == 10 && run->site_samples[0].alloc_count == 2.5);
    assert_float_equal(run->site_samples[0].age_p50_s, 0.25, 1e-9);
    assert_float_equal(run->site_frees[0].residence_p50_s, 0.04, 1e-9);
    assert_float_equal(run->load_intervals[0].latency_p99_s, 0.003, 1e-9);
    assert_int_equal(run->load_intervals[0].histogram_bytes, 3);
    assert_memory_equal(run->load_intervals[0].histogram, "abc", 3);
    assert_int_equal(run->load_outcomes[0].count, 3);
    assert_true(run->faults[0].delay_s == 0.5);
    assert_string_equal(run->budget_items[0].limit, "bounded");
    assert_true(run->declared_bounds[0].value == 8e6);
    assert_string_equal(run->events[0].text, "warm-up");
    assert_string_equal(sm_run_meta(run, "scenario"), "log-batcher/slow-disk");
    assert_string_equal(sm_run_meta(run, "no such key"), "");
    assert_int_equal(run->ledger.offered, 9);
    assert_int_equal(run->ledger.delivered, -1);
    assert_true(run->ledger.unit_bytes == 142);
    sm_run_free(run);
}

static void open_rows_are_completed_later(void **state) {
    struct sm_record *record = create(state);
    struct sm_phase phase = {1, "warm-up", 0, 0, -1, 1, 0, 0};
    struct sm_fault fault = {"slow_disk", 5, -1, "{}", 0, 0, 0, ""};
    struct sm_fault other = {"slow_disk", 5, -1, "{\"path\":\"/b\"}", 0, 0, 0, ""};
    sm_record_add_phase(record, &phase);
    sm_record_add_fault(record, &fault);
    sm_record_add_fault(record, &other);
    phase.to_ns = 100;
    fault.to_ns = 50;
    fault.calls = 3;
    sm_record_add_phase(record, &phase);
    sm_record_add_fault(record, &fault);
    sm_record_set_ledger(record, &(struct sm_ledger_totals){1, 1, 0, 0, 0, 0, 0, 0});
    sm_record_set_ledger(record, &(struct sm_ledger_totals){2, 2, 0, 0, 0, 0, 0, 0});
    sm_record_close(record, 1);

    struct sm_run *run = open_run(*state);
    assert_int_equal(run->phases_count, 1);
    assert_int_equal(run->phases[0].to_ns, 100);
    assert_int_equal(run->faults_count, 2);
    assert_int_equal(run->faults[0].calls + run->faults[1].calls, 3);
    assert_int_equal(run->ledger.offered, 2);
    sm_run_free(run);
}

static void samples_are_found_by_series(void **state) {
    struct sm_record *record = create(state);
    for (int id = 3; id >= 1; id--)
        sm_record_add_series(record, &(struct sm_series){id, id == 2,
                                                         id == 2   ? "heap"
                                                         : id == 1 ? "heap"
                                                                   : "rss",
                                                         SM_UNIT_BYTES});
    for (int t = 0; t < 50; t++)
        for (int id = 3; id >= 1; id--)
            sm_record_add_sample(
                record, &(struct sm_sample){id, t, id * 100 + t, id * 100 + t, id * 100 + t});
    sm_record_close(record, 1);

    struct sm_run *run = open_run(*state);
    const struct sm_series *heap = sm_run_series(run, 1, "heap");
    assert_non_null(heap);
    assert_int_equal(heap->id, 2);
    assert_null(sm_run_series(run, 1, "rss"));
    size_t count;
    const struct sm_sample *samples = sm_run_samples(run, heap->id, &count);
    assert_int_equal(count, 50);
    for (int t = 0; t < 50; t++)
        assert_true(samples[t].t_ns == t && samples[t].value == 200 + t);
    sm_run_samples(run, 99, &count);
    assert_int_equal(count, 0);
    sm_run_free(run);
}

static void an_existing_file_is_left_alone(void **state) {
    sm_record_close(create(state), 1);
    struct sm_record *record = NULL;
    struct sm_error err = {0};
    assert_int_equal(sm_record_create(db_path(state), &record, &err), -EEXIST);
    assert_null(record);
    assert_string_equal(err.where, path);
    sm_run_free(open_run(*state));
}

static void a_killed_writer_leaves_what_it_committed(void **state) {
    const char *db = db_path(state);
    pid_t pid = fork();
    if (pid == 0) {
        struct sm_record *record = NULL;
        struct sm_error err = {0};
        if (sm_record_create(db, &record, &err) < 0)
            _exit(1);
        sm_record_add_event(record, &(struct sm_event){1, "phase", "kept"});
        sm_record_commit(record);
        sm_record_add_event(record, &(struct sm_event){2, "phase", "lost"});
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    struct sm_run *run = open_run(*state);
    assert_false(run->complete);
    assert_int_equal(run->events_count, 1);
    assert_string_equal(run->events[0].text, "kept");
    sm_run_free(run);
}

static void one_file_is_left(void **state) {
    struct sm_record *record = create(state);
    add_one_of_everything(record);
    assert_int_equal(sm_record_close(record, 0), 0);
    struct stat st;
    char name[600];
    snprintf(name, sizeof name, "%s-wal", db_path(state));
    assert_int_equal(stat(name, &st), -1);
    snprintf(name, sizeof name, "%s-shm", path);
    assert_int_equal(stat(name, &st), -1);
    struct sm_run *run = open_run(path);
    assert_false(run->complete);
    sm_run_free(run);
}

static void is_readable_while_it_is_written(void **state) {
    struct sm_record *record = create(state);
    add_one_of_everything(record);
    sm_record_commit(record);
    struct sm_run *run = open_run(*state);
    assert_int_equal(run->samples_count, 1);
    sm_run_free(run);
    assert_int_equal(sm_record_close(record, 1), 0);
}

static void symbols_are_added_afterwards(void **state) {
    struct sm_record *record = create(state);
    add_one_of_everything(record);
    sm_record_close(record, 1);
    struct sm_error err = {0};
    assert_int_equal(sm_record_reopen(db_path(state), &record, &err), 0);
    sm_record_add_symbol(record, &(struct sm_symbol){1, 0x99, 0, "later", "b.c", 3});
    assert_int_equal(sm_record_close(record, 0), 0);
    struct sm_run *run = open_run(*state);
    assert_true(run->complete);
    assert_int_equal(run->symbols_count, 2);
    sm_run_free(run);
}

/* A full disk, by SQLite's own limit on pages: the same result code. */
static int limit_pages(sqlite3 *db, char **message, const void *api) {
    (void)message, (void)api;
    return sqlite3_exec(db, "PRAGMA max_page_count = 60", NULL, NULL, NULL);
}

static void a_full_disk_is_one_error_and_a_readable_record(void **state) {
    sqlite3_auto_extension((void (*)(void))limit_pages);
    struct sm_record *record = create(state);
    int r = 0;
    for (int i = 0; r == 0 && i < 100000; i++) {
        r = sm_record_add_sample(record, &(struct sm_sample){1, i, i, i, i});
        if (r == 0 && i % 100 == 99)
            r = sm_record_commit(record);
    }
    sqlite3_reset_auto_extension();
    assert_int_equal(r, -ENOSPC);
    assert_int_equal(sm_record_commit(record), -ENOSPC);
    assert_int_equal(sm_record_add_event(record, &(struct sm_event){1, "a", "b"}), -ENOSPC);
    assert_non_null(strstr(sm_record_error(record)->what, "No space left"));
    assert_true(sm_record_error(record)->todo[0] != '\0');
    assert_int_equal(sm_record_close(record, 1), -ENOSPC);
    struct sm_run *run = open_run(*state);
    assert_false(run->complete);
    assert_true(run->samples_count >= 100);
    sm_run_free(run);
}

static void not_a_number_and_no_text_are_stored_as_nothing(void **state) {
    struct sm_record *record = create(state);
    sm_record_add_sample(record, &(struct sm_sample){1, 1, NAN, 1, INFINITY});
    sm_record_add_event(record, &(struct sm_event){1, NULL, NULL});
    assert_int_equal(sm_record_close(record, 1), 0);
    struct sm_run *run = open_run(*state);
    assert_true(run->samples[0].value == 0 && run->samples[0].low == 1);
    assert_string_equal(run->events[0].text, "");
    sm_run_free(run);
}

/* A minute at 20 Hz of 120 series and a thousand sites that change every second. */
static void a_minute_is_small(void **state) {
    struct sm_record *record = create(state);
    uint32_t seed = 1;
    for (int tick = 0; tick < 1200; tick++) {
        int64_t t_ns = tick * INT64_C(50000000) + 123457;
        for (int id = 1; id <= 120; id++) {
            seed = seed * 1664525u + 1013904223u;
            double value = 1e7 + seed % 1000000;
            sm_record_add_sample(record, &(struct sm_sample){id, t_ns, value, value, value});
        }
        for (int site = 0; tick % 20 == 0 && site < 1000; site++)
            sm_record_add_site_sample(
                record, &(struct sm_site_sample){1, site, SM_SITE_HEAP, t_ns,
                                                 tick * 1e5 + site + 0.3, tick * 10.123, tick * 1e4,
                                                 tick * 3.7, 0.51234567, 3.1234567});
        if (tick % 20 == 0)
            assert_int_equal(sm_record_commit(record), 0);
    }
    assert_int_equal(sm_record_close(record, 1), 0);
    struct stat st;
    assert_int_equal(stat(db_path(state), &st), 0);
    print_message("a minute takes %lld bytes\n", (long long)st.st_size);
    assert_true(st.st_size < 10000000);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_temp_dir_make, test_temp_dir_remove)
    const struct CMUnitTest tests[] = {
        TEST(everything_comes_back),
        TEST(open_rows_are_completed_later),
        TEST(samples_are_found_by_series),
        TEST(an_existing_file_is_left_alone),
        TEST(a_killed_writer_leaves_what_it_committed),
        TEST(one_file_is_left),
        TEST(is_readable_while_it_is_written),
        TEST(symbols_are_added_afterwards),
        TEST(a_full_disk_is_one_error_and_a_readable_record),
        TEST(not_a_number_and_no_text_are_stored_as_nothing),
        TEST(a_minute_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
