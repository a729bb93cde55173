/* Parts of the sampler apart: what a link of a descriptor means, how series are thinned, how
 * stacks are joined. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_slot.h"
#include "harness/proc.h"
#include "harness/run_dir.h"
#include "harness/sampler_fds.h"
#include "harness/sampler_series.h"
#include "harness/sampler_sites.h"

static char dir[256], db[300];

static int make_dir(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/sampler-parts-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return -1;
    snprintf(db, sizeof db, "%s/run.db", dir);
    return 0;
}

static int remove_dir(void **state) {
    (void)state;
    return sm_remove_tree(dir);
}

static void test_descriptor_kinds(void **state) {
    (void)state;
    static const struct {
        const char *link;
        enum sm_fds_kind kind;
        uint64_t inode;
    } cases[] = {
        {"socket:[4711]", SM_FDS_SOCKET, 4711},
        {"pipe:[12]", SM_FDS_PIPE, 0},
        {"anon_inode:[eventpoll]", SM_FDS_EPOLL, 0},
        {"anon_inode:[eventfd]", SM_FDS_EVENT, 0},
        {"anon_inode:[eventfd:3]", SM_FDS_EVENT, 0},
        {"anon_inode:[timerfd]", SM_FDS_EVENT, 0},
        {"anon_inode:inotify", SM_FDS_EVENT, 0},
        {"anon_inode:[perf_event]", SM_FDS_OTHER, 0},
        {"/memfd:spillmark-pool (deleted)", SM_FDS_MEMORY, 0},
        {"/dev/null", SM_FDS_DEVICE, 0},
        {"/dev/shm/region", SM_FDS_MEMORY, 0},
        {"/proc/12/stat", SM_FDS_PROC, 0},
        {"/proc/12/stat (deleted)", SM_FDS_PROC, 0},
        {"/var/log/x (deleted)", SM_FDS_DELETED, 0},
        {" (deleted)", SM_FDS_OTHER, 0},
        {"/processes", SM_FDS_FILE, 0},
        {"/", SM_FDS_FILE, 0},
        {"", SM_FDS_OTHER, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t inode = 0;
        if (sm_fds_kind_of(cases[i].link, &inode) != cases[i].kind)
            fail_msg("\"%s\"", cases[i].link);
        assert_int_equal(inode, cases[i].inode);
    }
}

static void test_process_lines(void **state) {
    (void)state;
    struct sm_proc_stat stat;
    assert_int_equal(
        sm_proc_stat_parse("7 (a) b (c) S 3 4 5 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 99 5", &stat), 0);
    assert_int_equal(stat.state, 'S');
    assert_int_equal(stat.parent, 3);
    assert_int_equal(stat.group, 4);
    static const char *const wrong[] = {"", "7", "7 (a", "7 )a( S 1 2 3", "7 (a) S 3"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_true(sm_proc_stat_parse(wrong[i], &stat) < 0);
}

static const int64_t second_ns = 1000000000;

/* A level that stands still is written once a second, and again right before it moves. */
static void test_series_are_thinned(void **state) {
    (void)state;
    struct sm_run *run;
    struct sm_record *record;
    assert_int_equal(sm_record_create(db, &record, NULL), 0);
    struct sm_series_writer writer = {.record = record};
    struct sm_series_set set = {.process_id = 3};
    for (int tick = 0; tick < 25; tick++) {
        double value = tick < 20 ? 5 : 6 + tick;
        sm_series_add(&writer, &set, SM_SERIES_FDS, tick * second_ns / 10, value, value, value, 0);
    }
    /* Extremes are news although the value is not; held ones join the next. */
    sm_series_add(&writer, &set, SM_SERIES_HEAP, 0, 10, 10, 10, 0);
    sm_series_add(&writer, &set, SM_SERIES_HEAP, 1, 10, 4, 12, 1);
    sm_series_add(&writer, &set, SM_SERIES_HEAP, 2, 10, 9, 11, 1);
    sm_series_add(&writer, &set, SM_SERIES_HEAP, 3, 10, 10, 10, 0);
    sm_series_add_named(&writer, &set, "gauge:x", SM_UNIT_COUNT, 7, 1, 1);
    sm_series_add_named(&writer, &set, "gauge:x", SM_UNIT_COUNT, 8, 1, 1);
    sm_series_finish(&writer, &set);
    assert_int_equal(writer.failed, 0);
    assert_int_equal(sm_record_close(record, 1), 0);
    assert_int_equal(sm_run_open(db, &run, NULL), 0);
    size_t count;
    const struct sm_sample *fds = sm_run_samples(run, sm_run_series(run, 3, "fds")->id, &count);
    static const int64_t tenths[] = {0, 10, 19, 20, 21, 22, 23, 24};
    assert_int_equal(count, sizeof tenths / sizeof *tenths);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fds[i].t_ns, tenths[i] * second_ns / 10);
    assert_true(fds[2].value == 5 && fds[3].value == 26);
    const struct sm_sample *heap = sm_run_samples(run, sm_run_series(run, 3, "heap")->id, &count);
    assert_int_equal(count, 2);
    assert_int_equal(heap[1].t_ns, 3);
    assert_true(heap[1].low == 4 && heap[1].high == 12);
    sm_run_samples(run, sm_run_series(run, 3, "gauge:x")->id, &count);
    assert_int_equal(count, 2);
    sm_run_free(run);
    unlink(db);
}

static void add_stack(struct spillmark_slot *slot, uint32_t index, uint32_t first,
                      const uint64_t *frames, uint32_t depth, uint64_t alloc_bytes) {
    struct spillmark_stack *stack = fake_entry(slot, SPILLMARK_SECTION_STACKS, index);
    for (uint32_t i = 0; i < depth; i++)
        *(uint64_t *)fake_entry(slot, SPILLMARK_SECTION_FRAMES, first + i) = frames[i];
    *stack = (struct spillmark_stack){.first_frame = first,
                                      .depth = depth,
                                      .samples = 1,
                                      .alloc_bytes = alloc_bytes,
                                      .alloc_count_q10 = 1024};
    if (slot->sections[SPILLMARK_SECTION_STACKS].used <= index)
        slot->sections[SPILLMARK_SECTION_STACKS].used = index + 1;
}

static void add_module(struct spillmark_slot *slot, uint32_t index, uint64_t low, uint64_t bias,
                       const char *path) {
    struct spillmark_module *module = fake_entry(slot, SPILLMARK_SECTION_MODULES, index);
    *module = (struct spillmark_module){.low = low, .high = low + 0x1000, .bias = bias, .ready = 1};
    snprintf(module->path, sizeof module->path, "%s", path);
    slot->sections[SPILLMARK_SECTION_MODULES].used = index + 1;
}

/* One library at two addresses in two processes; the same stack twice in one slot; a stack whose
 * library is listed only later; code that belongs to no file. */
static void test_stacks_join_across_processes(void **state) {
    (void)state;
    static const uint64_t near[] = {0x10100, 0x10200}, far[] = {0x70100, 0x70200},
                          late[] = {0x90100}, nowhere[] = {0xabcdef};
    struct sm_record *record;
    struct sm_intern *intern;
    struct sm_sites *sites[2];
    struct sm_run *run;
    assert_int_equal(sm_record_create(db, &record, NULL), 0);
    assert_int_equal(sm_intern_new(record, &intern), 0);
    struct spillmark_slot *one = fake_slot_new(), *two = fake_slot_new();
    struct sm_slot views[] = {fake_view(one), fake_view(two)};
    struct sm_sites_out out = {.record = record, .intern = intern, .proc_fd = -1};
    add_module(one, 0, 0x10000, 0x10000, "/lib/same.so");
    add_module(two, 0, 0x70000, 0x70000, "/lib/same.so");
    add_stack(one, 1, 0, near, 2, 100);
    add_stack(one, 2, 2, near, 2, 20);
    add_stack(two, 1, 0, far, 2, 3);
    add_stack(two, 2, 2, late, 1, 7);
    add_stack(two, 3, 4, nowhere, 1, 9);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sm_sites_new(&views[i], i + 1, &sites[i]), 0);
        assert_int_equal(sm_sites_sample(sites[i], &out, 1), 0);
    }
    add_module(two, 1, 0x90000, 0x90000, "/lib/late.so");
    out.t_ns = 1;
    out.final = 1;
    assert_int_equal(sm_sites_sample(sites[1], &out, 1), 0);
    for (int i = 0; i < 2; i++)
        sm_sites_free(sites[i]);
    sm_intern_free(intern);
    free(one);
    free(two);
    assert_int_equal(sm_record_close(record, 1), 0);
    assert_int_equal(sm_run_open(db, &run, NULL), 0);
    assert_int_equal(run->stacks_count, 3);
    assert_int_equal(run->modules_count, 2);
    assert_int_equal(run->site_samples_count, 4);
    assert_int_equal(run->site_samples[0].stack_id, run->site_samples[1].stack_id);
    assert_true(run->site_samples[0].alloc_bytes == 120 && run->site_samples[1].alloc_bytes == 3);
    int joined = 0;
    for (size_t i = 0; i < run->frames_count; i++) {
        const struct sm_frame *frame = &run->frames[i];
        joined += frame->module_id == 1 && frame->address == (frame->depth ? 0x200u : 0x100u);
        joined += frame->module_id == 2 && frame->address == 0x100;
        joined += frame->module_id == 0 && frame->address == 0xabcdef;
    }
    assert_int_equal(joined, 4);
    sm_run_free(run);
    unlink(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptor_kinds),
        cmocka_unit_test(test_process_lines),
        cmocka_unit_test(test_series_are_thinned),
        cmocka_unit_test(test_stacks_join_across_processes),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
