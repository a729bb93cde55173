#include "slot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "descriptors.h"
#include "home.h"
#include "layout.h"
#include "marks.h"
#include "modules.h"
#include "pool.h"
#include "raw.h"
#include "self.h"

/* What a process held when it last called fork(). */
static struct heap_at_fork {
    uint64_t bytes, count;
    uint64_t control_bytes, control_count; /* of that, kept as the positive control */
    bool is_known;
} at_fork;

static void read_command(struct spillmark_slot *slot) {
    long length = smp_raw6(SYS_readlink, (long)"/proc/self/exe", (long)slot->executable,
                           sizeof slot->executable - 1, 0, 0, 0);
    slot->executable[length > 0 ? length : 0] = '\0';
    int fd = smp_raw_open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    long got = smp_raw_read(fd, slot->command, sizeof slot->command - 1);
    smp_raw_close(fd);
    for (long i = 0; i + 1 < got; i++) {
        if (slot->command[i] == '\0') {
            slot->command[i] = ' ';
        }
    }
    slot->command[got > 0 ? got : 0] = '\0';
}

/* Everything but `magic`. The slot is all zeros: fresh, or cleared when it was recycled. */
static void write_header(struct spillmark_slot *slot) {
    slot->abi_major = SPILLMARK_ABI_MAJOR;
    slot->abi_minor = SPILLMARK_ABI_MINOR;
    slot->pid = smp_raw_getpid();
    slot->parent_pid = smp_raw_getppid();
    slot->start_ns = smp_clock_ns();
    slot->state = SPILLMARK_STATE_BOOTING;
    slot->features = smp_process.features;
    slot->allocator = smp_process.allocator;
    smp_layout_sections(slot->sections, smp_process.slot_bytes, smp_process.sample_interval_bytes);
    read_command(slot);
}

/* What was left behind may still be written to by a thread that was stopped in the middle of a hook
 * long ago: a new slot takes its place, if it is of the same size. */
static struct spillmark_slot *left;
static uint64_t left_bytes;

static struct spillmark_slot *stand_in(struct spillmark_slot *slot) {
    if (left == NULL || left_bytes != smp_process.slot_bytes) {
        return slot;
    }
    long at = smp_raw_mremap(slot, left_bytes, left_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, left);
    return smp_raw_failed(at) ? slot : left;
}

int smp_slot_open(enum spillmark_off_reason *ret_reason) {
    int failed = smp_pool_open(ret_reason);
    if (failed < 0) {
        return failed;
    }
    failed = smp_pool_claim(&smp_process.slot_index);
    if (failed < 0) {
        *ret_reason = SPILLMARK_OFF_NO_SLOT;
        return failed;
    }
    struct spillmark_slot *slot = smp_pool_map_slot(smp_process.slot_index);
    if (slot == NULL) {
        smp_pool_release(smp_process.slot_index);
        *ret_reason = SPILLMARK_OFF_MAP;
        return -ENOMEM;
    }
    smp_process.slot = stand_in(slot);
    smp_process.has_slot = true;
    write_header(smp_process.slot);
    smp_layout_bind();
    return 0;
}

void smp_slot_ready(void) {
    struct spillmark_slot *slot = smp_process.slot;
    slot->features = smp_process.features;
    __atomic_store_n(&slot->state, SPILLMARK_STATE_ON, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->magic, SPILLMARK_MAGIC, __ATOMIC_RELEASE);
}

/* What was live, by the shared counters. */
static struct heap_at_fork sum_heap(void) {
    struct heap_at_fork heap = {.control_bytes = smp_process.slot->control_bytes,
                                .control_count = smp_process.slot->control_count,
                                .is_known = true};
    for (uint32_t i = 0; i < SPILLMARK_THREADS; i++) {
        const struct spillmark_thread *from = &smp_process.threads[i];
        heap.bytes += (uint64_t)spillmark_thread_live_bytes(from);
        heap.count += from->alloc_count - from->free_count;
    }
    return heap;
}

/* The parent goes on, and counts on, before the child claims a slot: what it held is noted in
 * private memory, of which the child gets its copy. A child that has no slot of its own yet holds
 * what its parent held: its note stays. */
void smp_slot_before_fork(void) {
    if (smp_phase() == SMP_ON && atomic_load(&smp_home->ready) == SMP_ON) {
        at_fork = sum_heap();
    }
}

void smp_slot_after_fork(void) {
    if (atomic_load(&smp_home->ready) == SMP_ON) {
        at_fork.is_known = false;
    }
}

/* A forked child starts with its parent's heap: what was live is carried over as allocated, so
 * that its frees balance. Exact when the parent had one thread and called fork(); else within what
 * it did meanwhile. */
static void inherit_heap(struct spillmark_slot *child) {
    const struct heap_at_fork heap = at_fork.is_known ? at_fork : sum_heap();
    uint64_t bytes = heap.bytes, count = heap.count;
    at_fork.is_known = false;
    child->inherited_bytes = bytes;
    bool is_known = smp_process.slot->inherited_count != SPILLMARK_COUNT_UNKNOWN;
    child->inherited_count = is_known ? count : SPILLMARK_COUNT_UNKNOWN;
    child->loaded_late = smp_process.slot->loaded_late;
    child->control_bytes = heap.control_bytes;
    child->control_count = heap.control_count;
    child->heap_live_bytes = (int64_t)bytes;
    child->heap_high_bytes = (int64_t)bytes;
    child->heap_low_bytes = (int64_t)bytes;
    struct spillmark_thread *block =
        (struct spillmark_thread *)((char *)child +
                                    child->sections[SPILLMARK_SECTION_THREADS].offset);
    block[SPILLMARK_THREADS - 1].alloc_chunk_bytes = bytes + count * SPILLMARK_CHUNK_EXTRA_BYTES;
    block[SPILLMARK_THREADS - 1].alloc_count = count;
    block[SPILLMARK_THREADS - 1].in_use = 1;
    smp_everybody.published_bytes = (int64_t)bytes;
}

/* Puts `replacement` where the parent's slot was, so that no pointer anywhere goes stale. */
static int replace_slot(void *replacement) {
    long at = smp_raw_mremap(replacement, smp_process.slot_bytes, smp_process.slot_bytes,
                             MREMAP_MAYMOVE | MREMAP_FIXED, smp_process.slot);
    return smp_raw_failed(at) ? (int)at : 0;
}

/* Without a slot of its own the child must not go on writing into its parent's. Under a limit of
 * address space even the replacement may fail: the parent's is left alone then. */
static void go_without(enum spillmark_off_reason reason) {
    smp_process.has_slot = false;
    long at = smp_raw_mmap(smp_process.slot, smp_process.slot_bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (smp_raw_failed(at)) {
        smp_process.slot = NULL;
    } else {
        smp_layout_sections(smp_process.slot->sections, smp_process.slot_bytes,
                            smp_process.sample_interval_bytes);
    }
    smp_turn_off(reason);
}

void smp_slot_leave(void) {
    left = smp_process.slot;
    left_bytes = smp_process.slot_bytes;
    smp_process.slot->end_ns = smp_clock_ns();
    go_without(SPILLMARK_OFF_NONE);
    if (smp_process.slot == NULL) {
        left = NULL;
    }
    smp_raw_munmap(smp_process.pool, smp_process.header_bytes);
    smp_process.pool = NULL;
}

void smp_slot_take_base(uint64_t bytes, uint64_t count) {
    struct spillmark_slot *slot = smp_process.slot;
    struct spillmark_thread *shared = &smp_process.threads[SPILLMARK_THREADS - 1];
    slot->inherited_bytes = bytes;
    slot->inherited_count = count;
    slot->loaded_late = 1;
    uint64_t counted = count != SPILLMARK_COUNT_UNKNOWN ? count : 0;
    uint64_t chunk_bytes = bytes + counted * SPILLMARK_CHUNK_EXTRA_BYTES;
    __atomic_fetch_add(&shared->alloc_chunk_bytes, chunk_bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&shared->alloc_count, counted, __ATOMIC_RELAXED);
    int64_t live = __atomic_add_fetch(&slot->heap_live_bytes, (int64_t)bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&smp_everybody.published_bytes, (int64_t)bytes, __ATOMIC_RELAXED);
    /* The marks so far are of another base. */
    __atomic_store_n(&slot->heap_high_bytes, live, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->heap_low_bytes, live, __ATOMIC_RELAXED);
}

void smp_slot_counted(uint64_t *ret_bytes, uint64_t *ret_count) {
    const struct heap_at_fork heap = sum_heap();
    *ret_bytes = heap.bytes;
    *ret_count = heap.count;
}

static void move_to_own_slot(void) {
    uint32_t index;
    if (smp_pool_claim(&index) < 0) {
        go_without(SPILLMARK_OFF_NO_SLOT);
        return;
    }
    struct spillmark_slot *child = smp_pool_map_slot(index);
    if (child == NULL) {
        smp_pool_release(index);
        go_without(SPILLMARK_OFF_MAP);
        return;
    }
    write_header(child);
    inherit_heap(child);
    smp_modules_inherit(child);
    smp_marks_inherit(child);
    smp_home_arrange();
    smp_descriptors_inherit(child);
    if (replace_slot(child) < 0) {
        go_without(SPILLMARK_OFF_MAP);
        return;
    }
    smp_process.slot_index = index;
    smp_slot_ready();
}

bool smp_follow_fork(void) {
    uint32_t cold = SMP_COLD;
    if (atomic_load_explicit(&smp_home->ready, memory_order_acquire) == SMP_ON) {
        return true;
    }
    if (!atomic_compare_exchange_strong(&smp_home->ready, &cold, SMP_BOOTING)) {
        return false;
    }
    move_to_own_slot();
    atomic_store_explicit(&smp_home->ready, SMP_ON, memory_order_release);
    return smp_phase() == SMP_ON;
}

bool smp_is_owner(void) {
    return smp_phase() == SMP_ON && smp_follow_fork() && smp_home->pid == smp_raw_getpid();
}

void smp_slot_exec(void) {
    if (smp_is_owner()) {
        smp_process.slot->end_ns = smp_clock_ns();
        __atomic_store_n(&smp_process.slot->state, SPILLMARK_STATE_EXEC, __ATOMIC_RELEASE);
    }
}

void smp_slot_exec_failed(void) {
    if (smp_is_owner()) {
        smp_process.slot->end_ns = 0;
        __atomic_store_n(&smp_process.slot->state, SPILLMARK_STATE_ON, __ATOMIC_RELEASE);
    }
}

void smp_slot_exit(void) {
    if (smp_is_owner()) {
        smp_process.slot->end_ns = smp_clock_ns();
        __atomic_store_n(&smp_process.slot->state, SPILLMARK_STATE_EXIT, __ATOMIC_RELEASE);
    }
}
