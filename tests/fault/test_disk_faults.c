/* The faults on files as a scenario writes them, on programs that meet them. */
#include <errno.h>
#include <setjmp.h>
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

#include "harness/fault.h"
#include "harness/scenario.h"
#include "supervised.h"

/* A run with one fault of a scenario. */
struct faulty {
    struct supervised *run;
    struct sm_scenario *scenario;
    const struct sm_fault_ops *ops;
    void *fault;
};

static const struct sm_fault_ops *find_ops(const char *name) {
    const struct sm_fault_ops *const *ops = sm_fault_table;
    while (*ops && strcmp((*ops)->name, name) != 0)
        ops++;
    assert_non_null(*ops);
    return *ops;
}

static struct sm_scenario *load(const struct supervised *run, const char *fault) {
    const struct sm_scenario_dirs dirs = {.bin = "/b", .run = run->dir, .data = run->dir};
    struct sm_scenario *scenario = NULL;
    struct sm_error err = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/t.lua", run->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "return scenario { title = 't', target = program { 'true' },\n"
            "phases = { phase { 'p', '1s', faults = { %s } } } }\n",
            fault);
    assert_int_equal(fclose(file), 0);
    if (sm_scenario_load(path, &dirs, NULL, 0, 1, &scenario, &err))
        fail_msg("%s: %s", err.where, err.what);
    return scenario;
}

static int try_open(struct faulty *faulty, struct supervised *run, const char *text,
                    struct sm_error *err) {
    *faulty = (struct faulty){.run = run, .scenario = load(run, text)};
    const struct sm_block *block = faulty->scenario->phases[0].faults[0];
    struct sm_fault_env env = {.supervisor = run->shared};
    faulty->ops = find_ops(block->type);
    int rc = faulty->ops->open(block, &env, &faulty->fault, err);
    assert_true(rc || env.needs_supervisor);
    return rc;
}

static void close_fault(struct faulty *faulty) {
    faulty->ops->close(faulty->fault);
    sm_scenario_free(faulty->scenario);
}

static void begin(struct faulty *faulty) {
    struct sm_error err = {0};
    if (faulty->ops->begin(faulty->fault, &err))
        fail_msg("%s: %s", err.where, err.what);
}

static struct sm_receipt end(struct faulty *faulty) {
    struct sm_error err = {0};
    struct sm_receipt receipt;
    assert_int_equal(faulty->ops->end(faulty->fault, &err), 0);
    faulty->ops->receipt(faulty->fault, &receipt);
    return receipt;
}

/* Runs a Python script from beginning to end under the fault; fails unless it ends with 0. The
 * script waits for a line: the fault can begin only once the program has its supervisor. */
static struct sm_receipt run_python(struct supervised *run, const char *text, const char *script) {
    struct faulty faulty;
    struct sm_error err = {0};
    char whole[2048];
    if (try_open(&faulty, run, text, &err))
        fail_msg("%s: %s", err.where, err.what);
    snprintf(whole, sizeof whole,
             "import os, errno\n"
             "w = os.open('watched/f', os.O_RDWR | os.O_CREAT)\n"
             "def fails(call, *args):\n"
             "    try: call(*args)\n"
             "    except OSError as e: return errno.errorcode[e.errno]\n"
             "open('beside/ready', 'w').close()\n"
             "while not os.path.exists('beside/go'): pass\n%s",
             script);
    supervised_start(run, (const char *[]){"python3", "-c", whole, NULL});
    char ready[128], go[128];
    snprintf(ready, sizeof ready, "%s/beside/ready", run->dir);
    snprintf(go, sizeof go, "%s/beside/go", run->dir);
    while (access(ready, F_OK))
        usleep(1000);
    begin(&faulty);
    assert_int_equal(mkdir(go, 0700), 0);
    assert_int_equal(supervised_finish(run), 0);
    struct sm_receipt receipt = end(&faulty);
    close_fault(&faulty);
    return receipt;
}

static void slow_disk_delays_and_tells(void **state) {
    struct sm_receipt receipt =
        run_python(*state, "slow_disk { path = '${data}/watched', rate = '100KB/s' }",
                   "for i in range(10): os.write(w, b'x' * 2000)\n"
                   "open('beside/f', 'wb').write(b'x' * 100000)\n");
    assert_int_equal(receipt.calls, 10);
    assert_int_equal(receipt.bytes, 20000);
    assert_true(receipt.delay_s >= 0.2 - 0.02);
    assert_string_equal(receipt.note, "seccomp notification on watched descriptors");
}

static void slow_disk_stalls_for_a_time(void **state) {
    struct sm_receipt receipt =
        run_python(*state, "slow_disk { path = '${data}/watched', stall_for = '300ms' }",
                   "os.write(w, b'x'); os.write(w, b'x')\n");
    assert_int_equal(receipt.calls, 2);
}

static void the_note_tells_what_was_not_seen(void **state) {
    struct sm_receipt receipt =
        run_python(*state, "slow_disk { path = '${data}/watched', latency = '1ms' }",
                   "import mmap; os.ftruncate(w, 4096); m = mmap.mmap(w, 4096)\n"
                   "os.dup2(w, 40); os.write(40, b'x')\n");
    assert_int_equal(receipt.calls, 1);
    assert_non_null(strstr(receipt.note, "1 shared mappings not seen"));
    assert_non_null(strstr(receipt.note, "1 descriptors out of its sight"));
}

static void a_full_disk_fails_writes(void **state) {
    struct sm_receipt receipt =
        run_python(*state, "disk_error { path = '${data}/watched', error = 'ENOSPC' }",
                   "assert fails(os.write, w, b'x' * 100) == 'ENOSPC'\n"
                   "assert fails(os.pwrite, w, b'x' * 100, 0) == 'ENOSPC'\n"
                   "assert fails(os.writev, w, [b'x' * 50, b'y' * 50]) == 'ENOSPC'\n"
                   "assert os.fstat(w).st_size == 0\n"
                   "os.fsync(w); os.close(os.open('watched/g', os.O_WRONLY | os.O_CREAT))\n"
                   "b = os.open('beside/f', os.O_WRONLY | os.O_CREAT); os.write(b, b'x')\n");
    assert_int_equal(receipt.calls, 3);
    assert_int_equal(receipt.bytes, 300);
    assert_true(receipt.delay_s == 0);
}

static void a_disk_fills_up(void **state) {
    struct sm_receipt receipt = run_python(
        *state, "disk_error { path = '${data}/watched', error = 'EDQUOT', after_bytes = '10KB' }",
        "n = 0\n"
        "while not fails(os.write, w, b'x' * 1000): n += 1\n"
        "assert n == 10 and os.fstat(w).st_size == 10000\n"
        "assert fails(os.write, w, b'x') == 'EDQUOT'\n");
    assert_int_equal(receipt.calls, 2);
    assert_non_null(strstr(receipt.note, "10 such calls went through"));
}

static void errors_come_after_so_many_calls_and_so_many_times(void **state) {
    struct sm_receipt receipt =
        run_python(*state, "disk_error { path = '${data}/watched', after = 4, count = 3 }",
                   "got = [fails(os.write, w, b'x') for i in range(10)]\n"
                   "assert got == [None] * 4 + ['EIO'] * 3 + [None] * 3, got\n");
    assert_int_equal(receipt.calls, 3);
}

static void errors_come_by_chance(void **state) {
    struct sm_receipt receipt =
        run_python(*state, "disk_error { path = '${data}/watched', probability = 0.25, seed = 3 }",
                   "got = [fails(os.write, w, b'x') for i in range(2000)]\n"
                   "assert 400 < got.count('EIO') < 600\n");
    assert_true(receipt.calls > 400 && receipt.calls < 600);
}

static void syncs_and_opens_fail_when_named(void **state) {
    struct sm_receipt receipt = run_python(
        *state, "disk_error { path = '${data}/watched', on = { 'sync', 'open', 'truncate' } }",
        "os.write(w, b'x')\n"
        "assert fails(os.fsync, w) == 'EIO' and fails(os.fdatasync, w) == 'EIO'\n"
        "assert fails(os.ftruncate, w, 0) == 'EIO'\n"
        "assert fails(os.open, 'watched/g', os.O_WRONLY | os.O_CREAT) == 'EIO'\n"
        "assert not os.path.exists('watched/g')\n"
        "open('watched/f', 'rb').read()\n");
    assert_int_equal(receipt.calls, 4);
}

/* What a short write leaves out must be written by the caller's next one, in the right place. */
static void short_writes_lose_nothing(void **state) {
    struct sm_receipt receipt =
        run_python(*state, "disk_error { path = '${data}/watched', error = 'short' }",
                   "data = os.urandom(300000)\n"
                   "assert os.write(w, data[:100]) == 50\n"
                   "assert os.pwrite(w, data[50:70], 50) == 10\n"
                   "assert os.writev(w, [data[50:60], data[60:100]]) == 10\n"
                   "assert os.lseek(w, 0, os.SEEK_CUR) == 60\n"
                   "f = os.fdopen(w, 'wb'); f.write(data[60:]); f.close()\n"
                   "assert open('watched/f', 'rb').read() == data\n");
    assert_true(receipt.calls > 10);
}

static void sqlite_reports_a_full_disk(void **state) {
    struct sm_receipt receipt = run_python(
        *state, "disk_error { path = '${data}/watched', error = 'ENOSPC', after_bytes = '64KiB' }",
        "import sqlite3\n"
        "c = sqlite3.connect('watched/t.db')\n"
        "c.execute('create table t(x)'); c.commit()\n"
        "try:\n"
        "    for i in range(1000): c.execute('insert into t values(randomblob(1000))')\n"
        "    c.commit(); raise SystemExit('it fitted')\n"
        "except sqlite3.OperationalError as e: assert 'full' in str(e), e\n");
    assert_true(receipt.calls > 0);
}

static void an_outage_ends_and_all_goes_on(void **state) {
    struct faulty faulty;
    struct supervised *run = *state;
    struct sm_error err = {0};
    assert_int_equal(
        try_open(&faulty, run, "disk_error { path = '${data}/watched', error = 'EIO' }", &err), 0);
    supervised_start(run, (const char *[]){"sh", "-c",
                                           "until dd if=/dev/zero of=watched/f bs=100 count=10 "
                                           "status=none 2>/dev/null && [ -e beside/over ]; "
                                           "do :; done",
                                           NULL});
    while (run->shared->way == SM_WAY_NONE)
        usleep(1000);
    begin(&faulty);
    struct sm_receipt receipt = {0};
    while (receipt.calls < 3)
        faulty.ops->receipt(faulty.fault, &receipt);
    end(&faulty);
    char over[128];
    snprintf(over, sizeof over, "%s/beside/over", run->dir);
    assert_int_equal(mkdir(over, 0700), 0);
    assert_int_equal(supervised_finish(run), 0);
    close_fault(&faulty);
}

static void assert_refused(struct supervised *run, const char *text, int code, const char *word) {
    struct faulty faulty;
    struct sm_error err = {0};
    assert_int_equal(try_open(&faulty, run, text, &err), code);
    assert_int_equal(err.status, SM_STATUS_USAGE);
    assert_non_null(strstr(err.what, word));
    assert_non_null(strstr(err.where, "t.lua:2"));
    assert_null(faulty.fault);
    close_fault(&faulty);
}

static void what_makes_no_sense_is_refused(void **state) {
    struct supervised *run = *state;
    char text[1024], deep[600];
    assert_refused(run, "slow_disk { path = '${data}' }", -EINVAL, "slow nothing");
    assert_refused(run, "slow_disk { path = '${data}', stall = true, stall_for = '1s' }", -EINVAL,
                   "both");
    assert_refused(run, "slow_disk { path = '/no/such/place', rate = '1KB/s' }", -ENOENT,
                   "/no/such/place");
    assert_refused(run, "disk_error { path = '${data}', on = { 'wirte' } }", -EINVAL, "\"write\"");
    assert_refused(run, "disk_error { path = '${data}', error = 'short', on = { 'sync' } }",
                   -EINVAL, "only writes");
    memset(deep, 'a', sizeof deep);
    for (size_t i = 0; i < sizeof deep; i += 100)
        deep[i] = '/';
    deep[sizeof deep - 1] = '\0';
    char command[1500];
    snprintf(command, sizeof command, "mkdir -p '%s%s'", run->dir, deep);
    assert_int_equal(system(command), 0);
    snprintf(text, sizeof text, "slow_disk { path = '${data}%s', rate = '1KB/s' }", deep);
    assert_refused(run, text, -ENAMETOOLONG, "bytes");
}

static void there_is_a_bound_on_rules(void **state) {
    struct supervised *run = *state;
    for (int i = 0; i < SM_SUPERVISOR_RULES; i++)
        run->shared->rules[i].path[0] = '/';
    assert_refused(run, "slow_disk { path = '${data}', rate = '1KB/s' }", -ENOSPC, "more than 32");
}

static void a_file_to_come_can_be_named(void **state) {
    struct faulty faulty;
    struct supervised *run = *state;
    struct sm_error err = {0};
    char expected[128];
    assert_int_equal(try_open(&faulty, run,
                              "slow_disk { path = '${data}/beside/../watched/new', stall = true }",
                              &err),
                     0);
    snprintf(expected, sizeof expected, "%s/watched/new", run->dir);
    assert_string_equal(run->shared->rules[1].path, expected);
    close_fault(&faulty);
}

static void without_a_supervisor_it_cannot_begin(void **state) {
    struct faulty faulty;
    struct supervised *run = *state;
    struct sm_error err = {0};
    assert_int_equal(try_open(&faulty, run, "slow_disk { path = '${data}', stall = true }", &err),
                     0);
    assert_int_equal(faulty.ops->begin(faulty.fault, &err), -ENOTCONN);
    err = (struct sm_error){0};
    run->shared->failed = EIO;
    assert_int_equal(faulty.ops->begin(faulty.fault, &err), -EIO);
    assert_int_equal(run->shared->rules[1].active, 0);
    close_fault(&faulty);
    run->shared->failed = 0;
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, supervised_setup, supervised_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(slow_disk_delays_and_tells),
        TEST(slow_disk_stalls_for_a_time),
        TEST(the_note_tells_what_was_not_seen),
        TEST(a_full_disk_fails_writes),
        TEST(a_disk_fills_up),
        TEST(errors_come_after_so_many_calls_and_so_many_times),
        TEST(errors_come_by_chance),
        TEST(syncs_and_opens_fail_when_named),
        TEST(short_writes_lose_nothing),
        TEST(sqlite_reports_a_full_disk),
        TEST(an_outage_ends_and_all_goes_on),
        TEST(what_makes_no_sense_is_refused),
        TEST(there_is_a_bound_on_rules),
        TEST(a_file_to_come_can_be_named),
        TEST(without_a_supervisor_it_cannot_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
