/* The reader of the probe's memory: right on what is right, harmless on what is torn or hostile. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_slot.h"
#include "harness/sampler_sites.h"
#include "probes/pool_layout.h"

static const struct sm_pool_options options = {
    .slot_count = 4, .sample_interval_bytes = 65536, .seed = 1, .wanted = SPILLMARK_FEATURE_HEAP};

static struct spillmark_pool *map_pool(struct sm_pool *pool, uint64_t *ret_bytes) {
    uint64_t slot_bytes = spillmark_slot_bytes(options.sample_interval_bytes);
    *ret_bytes = spillmark_pool_bytes(options.slot_count, slot_bytes);
    void *map = mmap(NULL, *ret_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, sm_pool_fd(pool), 0);
    assert_true(map != MAP_FAILED);
    return map;
}

/* A slot of a real pool, as its probe would start it. */
static struct spillmark_slot *claim(struct spillmark_pool *header, uint32_t index, uint32_t pid) {
    struct spillmark_claim *claims = (void *)((char *)header + header->claims_offset);
    struct spillmark_slot *slot =
        (void *)((char *)header + header->header_bytes + index * header->slot_bytes);
    struct spillmark_slot *model = fake_slot_new();
    memcpy(slot, model, sizeof *slot);
    free(model);
    claims[index].pid = pid;
    return slot;
}

static void test_pool_is_shared_sealed_and_recycled(void **state) {
    (void)state;
    struct sm_pool *pool;
    struct sm_slot view;
    struct sm_slot_totals totals;
    uint64_t bytes;
    assert_int_equal(sm_pool_create(&options, &pool, NULL), 0);
    struct spillmark_pool *header = map_pool(pool, &bytes);
    assert_true(header->magic == SPILLMARK_MAGIC && header->sample_interval_bytes == 65536);
    assert_int_equal(ftruncate(sm_pool_fd(pool), 4096), -1);
    assert_int_equal(sm_pool_claimed_by(pool, 2), 0);
    assert_int_equal(sm_slot_open(pool, 2, &view), -EAGAIN);
    assert_int_equal(sm_slot_open(pool, options.slot_count, &view), -EINVAL);
    struct spillmark_slot *slot = claim(header, 2, 77);
    assert_int_equal(sm_pool_claimed_by(pool, 2), 77);
    assert_int_equal(sm_slot_open(pool, 2, &view), 0);
    struct spillmark_thread *thread = fake_entry(slot, SPILLMARK_SECTION_THREADS, 0);
    thread->alloc_chunk_bytes = 124;
    thread->alloc_count = 3;
    slot->sections[SPILLMARK_SECTION_THREADS].used = 1;
    sm_slot_read_totals(&view, &totals);
    assert_int_equal(totals.alloc_bytes, 100);
    assert_true(sm_pool_memory_bytes(pool) < 1 << 20);
    assert_int_equal(sm_pool_recycle(pool, 2), 0);
    assert_int_equal(sm_pool_claimed_by(pool, 2), 0);
    assert_int_equal(sm_slot_open(pool, 2, &view), -EAGAIN);
    struct spillmark_claim *claims = (void *)((char *)header + header->claims_offset);
    assert_int_equal(claims[2].generation, 1);
    munmap(header, bytes);
    sm_pool_free(pool);
    sm_pool_free(NULL);
}

static void write_pool(const char *path, const struct spillmark_pool *header, uint64_t bytes) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    assert_int_equal(pwrite(fd, header, sizeof *header, 0), sizeof *header);
    close(fd);
}

static void test_pool_files_are_checked(void **state) {
    (void)state;
    char path[] = "/tmp/pool-test-XXXXXX";
    struct sm_pool *pool;
    struct sm_error err = {0};
    close(mkstemp(path));
    struct spillmark_pool good =
        spillmark_pool_header(2, SPILLMARK_SLOT_BYTES_MIN, 1, 1, SPILLMARK_FEATURE_HEAP);
    uint64_t bytes = spillmark_pool_bytes(2, SPILLMARK_SLOT_BYTES_MIN);
    write_pool(path, &good, bytes);
    assert_int_equal(sm_pool_open(path, &pool, &err), 0);
    assert_int_equal(sm_pool_slot_count(pool), 2);
    assert_int_equal(sm_pool_sample_interval(pool), 1);
    sm_pool_free(pool);
    write_pool(path, &good, bytes - 4096);
    assert_int_equal(sm_pool_open(path, &pool, &err), -EBADMSG);
    assert_string_equal(err.where, path);
    struct spillmark_pool bad = good;
    bad.abi_major++;
    write_pool(path, &bad, bytes);
    assert_int_equal(sm_pool_open(path, &pool, NULL), -EPROTO);
    /* Every field wrong in turn, by many seeds. */
    unsigned seed = 3;
    for (int round = 0; round < 2000; round++) {
        bad = good;
        ((unsigned char *)&bad)[rand_r(&seed) % 56] ^= (unsigned char)(1 + rand_r(&seed) % 255);
        write_pool(path, &bad, bytes);
        if (sm_pool_open(path, &pool, NULL) == 0) {
            for (uint32_t i = 0; i < sm_pool_slot_count(pool); i++)
                sm_pool_claimed_by(pool, i);
            sm_pool_free(pool);
        }
    }
    assert_int_equal(sm_pool_open("/dev/null", &pool, NULL), -EBADMSG);
    assert_int_equal(sm_pool_open("/nowhere/pool", &pool, NULL), -ENOENT);
    unlink(path);
}

static void test_totals_and_marks(void **state) {
    (void)state;
    struct spillmark_slot *slot = fake_slot_new();
    struct sm_slot view = fake_view(slot);
    struct sm_slot_totals totals;
    int64_t low, high;
    for (uint32_t i = 0; i < 8; i++) {
        struct spillmark_thread *thread = fake_entry(slot, SPILLMARK_SECTION_THREADS, i);
        thread->alloc_chunk_bytes = UINT64_C(1) << (4 * i);
        thread->free_count = i;
        thread->free_chunk_bytes = 8 * i;
        thread->read_bytes[SPILLMARK_FD_UNIX] = 10 + i;
    }
    /* The used blocks and the last one. */
    slot->sections[SPILLMARK_SECTION_THREADS].used = 2;
    sm_slot_read_totals(&view, &totals);
    assert_int_equal(totals.alloc_bytes, 0x10000011);
    assert_int_equal(totals.free_count, 0 + 1 + 7);
    assert_int_equal(totals.read_bytes[SPILLMARK_FD_UNIX], 10 + 11 + 17);
    slot->sections[SPILLMARK_SECTION_THREADS].used = 8;
    sm_slot_read_totals(&view, &totals);
    assert_int_equal(totals.alloc_bytes, 0x11111111);
    slot->sections[SPILLMARK_SECTION_THREADS].used = 4000000000;
    sm_slot_read_totals(&view, &totals);
    assert_int_equal(totals.alloc_bytes, 0x11111111);
    slot->heap_live_bytes = 50;
    slot->heap_low_bytes = 20;
    slot->heap_high_bytes = 90;
    sm_slot_take_marks(&view, &low, &high);
    assert_int_equal(low, 20);
    assert_int_equal(high, 90);
    sm_slot_take_marks(&view, &low, &high);
    assert_int_equal(low, 50);
    assert_int_equal(high, 50);
    free(slot);
}

static void test_entries_are_taken_only_when_published(void **state) {
    (void)state;
    struct spillmark_slot *slot = fake_slot_new();
    struct sm_slot view = fake_view(slot);
    struct spillmark_stack stack, *at = fake_entry(slot, SPILLMARK_SECTION_STACKS, 3);
    uint64_t frames[SPILLMARK_FRAMES_MAX];
    *at = (struct spillmark_stack){.first_frame = FAKE_FRAMES - 2};
    assert_false(sm_slot_stack(&view, 3, &stack)); /* no depth yet */
    at->depth = 3;
    assert_false(sm_slot_stack(&view, 3, &stack)); /* beyond the frames */
    at->depth = 2;
    assert_true(sm_slot_stack(&view, 3, &stack));
    *(uint64_t *)fake_entry(slot, SPILLMARK_SECTION_FRAMES, FAKE_FRAMES - 1) = 0x1234;
    assert_int_equal(sm_slot_frames(&view, &stack, frames), 2);
    assert_int_equal(frames[1], 0x1234);
    at->kind = 9;
    assert_false(sm_slot_stack(&view, 3, &stack));
    assert_false(sm_slot_stack(&view, 0, &stack));
    assert_false(sm_slot_stack(&view, FAKE_STACKS, &stack));
    struct spillmark_live live, *object = fake_entry(slot, SPILLMARK_SECTION_LIVE, 1);
    *object = (struct spillmark_live){UINT64_C(1) << 63 | FAKE_STACKS};
    assert_false(sm_slot_live(&view, 1, &live)); /* a stack that cannot be */
    object->word = UINT64_C(1) << 63 | UINT64_C(70000) << SPILLMARK_LIVE_STACK_BITS;
    assert_false(sm_slot_live(&view, 1, &live));
    object->word |= 3;
    assert_true(sm_slot_live(&view, 1, &live));
    assert_int_equal(spillmark_live_stack(live.word), 3);
    assert_int_equal(spillmark_live_born_ms(live.word), 70000);
    object->word &= ~(UINT64_C(1) << 63);
    assert_false(sm_slot_live(&view, 1, &live));
    struct spillmark_module module, *file = fake_entry(slot, SPILLMARK_SECTION_MODULES, 0);
    *file = (struct spillmark_module){.low = 10, .high = 20, .ready = 1, .build_id_bytes = 400};
    memset(file->path, 'x', sizeof file->path);
    assert_true(sm_slot_module(&view, 0, &module));
    assert_int_equal(module.build_id_bytes, 0);
    assert_int_equal(strlen(module.path), sizeof module.path - 1);
    file->high = 10;
    assert_false(sm_slot_module(&view, 0, &module));
    free(slot);
}

static void test_section_tables_are_checked(void **state) {
    (void)state;
    struct spillmark_slot *slot = fake_slot_new();
    struct sm_slot view = {.base = (uint8_t *)slot};
    struct spillmark_section *section = &slot->sections[SPILLMARK_SECTION_LIVE];
    const struct spillmark_section good = *section;
    const struct spillmark_section bad[] = {
        {.offset = UINT64_MAX - 7, .entry_bytes = good.entry_bytes, .capacity = 1},
        {.offset = FAKE_SLOT_BYTES - 8, .entry_bytes = good.entry_bytes, .capacity = 2},
        {.offset = 0, .entry_bytes = good.entry_bytes, .capacity = 1},
        {.offset = 4097, .entry_bytes = good.entry_bytes, .capacity = 1},
        {.offset = 4096, .entry_bytes = good.entry_bytes - 8, .capacity = 1},
        {.offset = 4096, .entry_bytes = UINT32_MAX - 7, .capacity = UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        *section = bad[i];
        assert_int_equal(sm_slot_check(&view, FAKE_SLOT_BYTES), -EBADMSG);
    }
    *section = good;
    assert_int_equal(sm_slot_check(&view, FAKE_SLOT_BYTES), 0);
    slot->abi_major++;
    assert_int_equal(sm_slot_check(&view, FAKE_SLOT_BYTES), -EPROTO);
    slot->magic = 0;
    assert_int_equal(sm_slot_check(&view, FAKE_SLOT_BYTES), -EAGAIN);
    free(slot);
}

/* ---- torn and hostile slots, all the way to the rows ---- */

static void fill(struct spillmark_slot *slot, unsigned *seed) {
    for (int section = 0; section < SPILLMARK_SECTIONS; section++) {
        uint32_t capacity = slot->sections[section].capacity;
        slot->sections[section].used = (uint32_t)rand_r(seed) % (capacity + 2);
        /* Small numbers look like indices, large ones like nonsense; zeros are what is not
         * written yet. */
        uint32_t *words = fake_entry(slot, (enum spillmark_section_id)section, 0);
        size_t count = (size_t)capacity * slot->sections[section].entry_bytes / sizeof *words;
        for (size_t i = 0; i < count; i++) {
            unsigned dice = (unsigned)rand_r(seed);
            words[i] = dice % 3 == 0   ? 0
                       : dice % 3 == 1 ? (uint32_t)rand_r(seed) % 80
                                       : (uint32_t)rand_r(seed) * 2654435761u;
        }
    }
}

static void test_torn_slots_do_no_harm(void **state) {
    (void)state;
    char path[] = "/tmp/pool-test-XXXXXX";
    struct sm_record *record;
    assert_non_null(mkdtemp(path));
    char db[64];
    snprintf(db, sizeof db, "%s/run.db", path);
    assert_int_equal(sm_record_create(db, &record, NULL), 0);
    for (unsigned seed = 1; seed <= 60; seed++) {
        unsigned dice = seed;
        struct spillmark_slot *slot = fake_slot_new();
        struct sm_slot view = fake_view(slot);
        struct sm_intern *intern;
        struct sm_sites *sites;
        struct sm_slot_head head;
        assert_int_equal(sm_intern_new(record, &intern), 0);
        assert_int_equal(sm_sites_new(&view, 1, &sites), 0);
        struct sm_sites_out out = {.record = record, .intern = intern, .proc_fd = -1};
        for (int round = 0; round < 4; round++) {
            fill(slot, &dice);
            memset(slot->command, 'c', sizeof slot->command);
            slot->state = (uint32_t)rand_r(&dice) % 9;
            slot->off_reason = (uint32_t)rand_r(&dice) % 12;
            sm_slot_read_head(&view, &head);
            assert_true(strlen(head.command) < sizeof head.command);
            assert_non_null(sm_off_reason_text(head.off_reason));
            out.t_ns = round * 1000;
            out.final = round == 3;
            assert_int_equal(sm_sites_sample(sites, &out, round % 2), 0);
            assert_int_equal(sm_sites_sample_frees(sites, &out, round % 2), 0);
        }
        sm_sites_free(sites);
        sm_intern_free(intern);
        free(slot);
    }
    assert_int_equal(sm_record_close(record, 1), 0);
    unlink(db);
    rmdir(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_is_shared_sealed_and_recycled),
        cmocka_unit_test(test_pool_files_are_checked),
        cmocka_unit_test(test_totals_and_marks),
        cmocka_unit_test(test_entries_are_taken_only_when_published),
        cmocka_unit_test(test_section_tables_are_checked),
        cmocka_unit_test(test_torn_slots_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
