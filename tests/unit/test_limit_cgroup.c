/* Control groups of both versions, on a made-up tree: where our own is, what is written to which
 * file, what is read; and which rules the limit on disks can do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/limit_cgroup.h"
#include "harness/limit_disk.h"
#include "harness/throttle.h"
#include "temp_dir.h"

static const char *in(void **state, const char *path) {
    static char paths[4][512];
    static size_t next;
    char *whole = paths[next++ % 4];
    snprintf(whole, sizeof paths[0], "%s/%s", (const char *)*state, path);
    return whole;
}

/* Writes a file and makes the directories above it. */
static void put(void **state, const char *path, const char *text) {
    char whole[512];
    snprintf(whole, sizeof whole, "%s", in(state, path));
    for (char *slash = whole + 1; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_file(void **state, const char *path, const char *text) {
    char found[64] = "";
    FILE *file = fopen(in(state, path), "r");
    assert_non_null(file);
    assert_true(fgets(found, sizeof found, file) || text[0] == '\0');
    fclose(file);
    assert_string_equal(found, text);
}

static void our_own_is_found(void **state) {
    struct sm_cgroup group;
    put(state, "v1/sys/fs/cgroup/memory/a/cgroup.procs", "");
    put(state, "v1/self", "9:cpu,memory:/a\n4:freezer:/b\n0::/c\n");
    assert_int_equal(
        sm_cgroup_find(SM_CGROUP_MEMORY, in(state, "v1/self"), in(state, "v1"), &group), 0);
    assert_int_equal(group.version, 1);
    assert_string_equal(group.dir, in(state, "v1/sys/fs/cgroup/memory/a"));
    put(state, "v2/sys/fs/cgroup/user.slice/x.scope/cgroup.procs", "");
    put(state, "v2/self", "0::/user.slice/x.scope\n");
    assert_int_equal(
        sm_cgroup_find(SM_CGROUP_MEMORY, in(state, "v2/self"), in(state, "v2"), &group), 0);
    assert_int_equal(group.version, 2);
    assert_string_equal(group.dir, in(state, "v2/sys/fs/cgroup/user.slice/x.scope"));
    /* Both mounted, as systemd's hybrid: memory is where version 1 has it. */
    put(state, "both/sys/fs/cgroup/memory/cgroup.procs", "");
    put(state, "both/sys/fs/cgroup/unified/cgroup.procs", "");
    put(state, "both/self", "0::/\n3:memory:/\n");
    assert_int_equal(
        sm_cgroup_find(SM_CGROUP_MEMORY, in(state, "both/self"), in(state, "both"), &group), 0);
    assert_int_equal(group.version, 1);
    put(state, "unified/sys/fs/cgroup/unified/cgroup.procs", "");
    put(state, "unified/self", "1:name=systemd:/\n0::/\n");
    assert_int_equal(
        sm_cgroup_find(SM_CGROUP_MEMORY, in(state, "unified/self"), in(state, "unified"), &group),
        0);
    assert_int_equal(group.version, 2);
    put(state, "two/sys/fs/cgroup/memory/m/cgroup.procs", "");
    put(state, "two/sys/fs/cgroup/blkio/d/cgroup.procs", "");
    put(state, "two/self", "4:memory:/m\n7:blkio:/d\n");
    assert_int_equal(
        sm_cgroup_find(SM_CGROUP_DISK, in(state, "two/self"), in(state, "two"), &group), 0);
    assert_string_equal(group.dir, in(state, "two/sys/fs/cgroup/blkio/d"));
    put(state, "none/self", "1:name=systemd:/\n");
    assert_int_equal(
        sm_cgroup_find(SM_CGROUP_MEMORY, in(state, "none/self"), in(state, "none"), &group),
        -ENOENT);
}

static struct sm_cgroup group_at(void **state, const char *path, int version) {
    struct sm_cgroup group = {.version = version};
    snprintf(group.dir, sizeof group.dir, "%s", in(state, path));
    return group;
}

static void version_2(void **state) {
    struct sm_cgroup_counts counts;
    put(state, "g/memory.max", "max");
    put(state, "g/memory.swap.max", "max");
    put(state, "g/cgroup.procs", "");
    put(state, "g/memory.peak", "123456\n");
    put(state, "g/memory.events", "low 0\nhigh 7\nmax 9\noom 4\noom_kill 3\noom_group_kill 0\n");
    struct sm_cgroup group = group_at(state, "g", 2);
    assert_int_equal(sm_cgroup_set_limit(&group, 64 << 20), 0);
    assert_file(state, "g/memory.max", "67108864");
    assert_file(state, "g/memory.swap.max",
                "0ax"); /* written over, as the kernel would not keep it */
    assert_int_equal(sm_cgroup_enter(group.dir), 0);
    assert_file(state, "g/cgroup.procs", "0");
    assert_int_equal(sm_cgroup_read(&group, &counts), 0);
    assert_int_equal(counts.kills, 3);
    assert_int_equal(counts.peak_bytes, 123456);
    unlink(in(state, "g/memory.peak")); /* before Linux 5.19 */
    unlink(in(state, "g/memory.swap.max"));
    assert_int_equal(sm_cgroup_set_limit(&group, 1 << 20), 0);
    assert_int_equal(sm_cgroup_read(&group, &counts), 0);
    assert_int_equal(counts.peak_bytes, 0);
    unlink(in(state, "g/memory.max"));
    assert_int_equal(sm_cgroup_set_limit(&group, 1 << 20), -ENOENT);
}

static void version_1(void **state) {
    struct sm_cgroup_counts counts;
    put(state, "g/memory.limit_in_bytes", "");
    put(state, "g/memory.memsw.limit_in_bytes", "");
    put(state, "g/memory.max_usage_in_bytes", "5000\n");
    put(state, "g/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    struct sm_cgroup group = group_at(state, "g", 1);
    assert_int_equal(sm_cgroup_set_limit(&group, 8 << 20), 0);
    assert_file(state, "g/memory.limit_in_bytes", "8388608");
    assert_file(state, "g/memory.memsw.limit_in_bytes", "8388608");
    assert_int_equal(sm_cgroup_read(&group, &counts), 0);
    assert_int_equal(counts.kills, 2);
    assert_int_equal(counts.peak_bytes, 5000);
}

static void disks_version_1(void **state) {
    const struct sm_disk disk = {8, 16};
    struct sm_disk_counts counts;
    put(state, "g/blkio.throttle.write_bps_device", "");
    put(state, "g/blkio.throttle.io_service_bytes",
        "8:1 Write 77\n8:16 Read 61440\n8:16 Write 6311936\n8:16 Sync 9\nTotal 10571776\n");
    put(state, "g/blkio.throttle.io_serviced", "8:16 Read 8\n8:16 Write 40\nTotal 55\n");
    struct sm_cgroup group = group_at(state, "g", 1);
    assert_true(sm_cgroup_has(&group, SM_CGROUP_DISK));
    assert_false(sm_cgroup_has(&group, SM_CGROUP_MEMORY));
    assert_int_equal(sm_disk_set_limit(&group, &disk, 65536), 0);
    assert_file(state, "g/blkio.throttle.write_bps_device", "8:16 65536");
    assert_int_equal(sm_disk_read(&group, &disk, &counts), 0);
    assert_int_equal(counts.bytes, 6311936);
    assert_int_equal(counts.writes, 40);
    sm_disk_lift_all(group.dir); /* the file is written over, as the kernel would not keep it */
    assert_file(state, "g/blkio.throttle.write_bps_device", "8:16 05536");
    const struct sm_disk unused = {8, 32};
    assert_int_equal(sm_disk_read(&group, &unused, &counts), 0);
    assert_int_equal(counts.bytes + counts.writes, 0);
}

static void disks_version_2(void **state) {
    const struct sm_disk disk = {254, 0};
    struct sm_disk_counts counts;
    put(state, "g/io.max", "");
    put(state, "g/io.stat",
        "253:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"
        "254:0 rbytes=10 wbytes=4096 rios=30 wios=2 dbytes=50 dios=60\n");
    struct sm_cgroup group = group_at(state, "g", 2);
    assert_true(sm_cgroup_has(&group, SM_CGROUP_DISK));
    assert_int_equal(sm_disk_set_limit(&group, &disk, 65536), 0);
    assert_file(state, "g/io.max", "254:0 wbps=65536");
    assert_int_equal(sm_disk_read(&group, &disk, &counts), 0);
    assert_int_equal(counts.bytes, 4096);
    assert_int_equal(counts.writes, 2);
    sm_disk_lift_all(group.dir);
    assert_file(state, "g/io.max", "254:0 wbps=max36");
    unlink(in(state, "g/io.max"));
    assert_int_equal(sm_disk_set_limit(&group, &disk, 1), -ENOENT);
}

static void a_disk_is_found(void **state) {
    struct sm_disk disk, parent;
    assert_int_equal(sm_disk_below("/proc/self/stat", &disk), -ENODEV);
    assert_int_equal(sm_disk_below(in(state, "no/such/directory"), &disk), -ENOENT);
    int rc = sm_disk_below(in(state, "."), &parent);
    assert_int_equal(sm_disk_below(in(state, "not-yet"), &disk), rc);
    if (rc == 0) /* else the tests' own directory lies on no disk */
        assert_true(disk.major == parent.major && disk.minor == parent.minor);
}

static void only_rates_suit(void **state) {
    (void)state;
    struct sm_supervisor_shared *shared = sm_supervisor_share();
    assert_non_null(shared);
    shared->rules[0] = (struct sm_disk_rule){.used = 1, .bytes_per_s = 1000};
    assert_true(sm_throttle_suits(shared));
    shared->rules[1] = (struct sm_disk_rule){.used = 1, .bytes_per_s = 1000, .latency_ns = 1};
    assert_false(sm_throttle_suits(shared));
    shared->rules[1] = (struct sm_disk_rule){.used = 1, .bytes_per_s = 1000, .will_stall = 1};
    assert_false(sm_throttle_suits(shared));
    shared->rules[1] = (struct sm_disk_rule){.used = 1, .fail_on = SM_CALL_SYNC};
    assert_false(sm_throttle_suits(shared));
    sm_supervisor_unshare(shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(our_own_is_found, test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(version_2, test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(version_1, test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(disks_version_1, test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(disks_version_2, test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_disk_is_found, test_temp_dir_make, test_temp_dir_remove),
        cmocka_unit_test(only_rates_suit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
