/* sample.c - the rarer turns of counting: attaching, publishing, taking a sample, meeting one
 * again when it is freed. */
#include "allocator.h"
#include "exponential.h"
#include "frees.h"
#include "heap.h"
#include "inject.h"
#include "size.h"
#include "stacks.h"

/* Recording every allocation, freeing stacks are still taken on a sample of the freed bytes. */
enum { FREE_STACK_INTERVAL_BYTES = 64 * 1024 };

static bool shared_block(void) {
    return smp_tls == &smp_everybody && smp_phase() == SMP_ON;
}

/* The thread's own self; the shared one; NULL when nothing is counted. */
static inline struct smp_self *counting_self(void) {
    if (__builtin_expect(smp_is_attached(smp_tls), 1)) {
        return smp_tls;
    }
    struct smp_self *self = smp_attach();
    return self != NULL ? self : shared_block() ? &smp_everybody : NULL;
}

static void count(struct smp_self *self, bool freed, size_t chunk_bytes) {
    struct spillmark_thread *block = self->block;
    if (block != NULL) {
        smp_add(freed ? &block->free_chunk_bytes : &block->alloc_chunk_bytes, chunk_bytes);
        smp_count(freed ? &block->free_count : &block->alloc_count);
        return;
    }
    block = &smp_process.threads[SPILLMARK_THREADS - 1];
    __atomic_fetch_add(freed ? &block->free_chunk_bytes : &block->alloc_chunk_bytes, chunk_bytes,
                       __ATOMIC_RELAXED);
    __atomic_fetch_add(freed ? &block->free_count : &block->alloc_count, 1, __ATOMIC_RELAXED);
}

static void drop(void) {
    smp_add_shared(&smp_process.slot->unsampled_drops, 1);
}

/* Of an object of so many usable bytes: samples are drawn by chunks. */
static inline uint64_t weight_of(uint64_t bytes) {
    return smp_process.record_all ? 1024
                                  : smp_weight_q10(bytes + SPILLMARK_CHUNK_EXTRA_BYTES,
                                                   smp_process.sample_interval_bytes);
}

static void sample_alloc(const struct smp_guard *guard, struct smp_self *self,
                         const struct smp_origin *origin, void *block, size_t bytes) {
    uint32_t entry = smp_stack_of(guard, self, origin, SPILLMARK_KIND_HEAP);
    if (entry == 0) {
        drop();
        return;
    }
    if (!smp_live_insert(guard, (uintptr_t)block, smp_live_pack(entry, smp_live_now_ms()))) {
        return; /* counted there */
    }
    struct spillmark_stack *stack = &smp_process.stacks[entry];
    uint64_t weight_q10 = weight_of(bytes);
    smp_add_shared(&stack->samples, 1);
    smp_add_shared(&stack->alloc_bytes, bytes * weight_q10 >> 10);
    smp_add_shared(&stack->alloc_count_q10, weight_q10);
}

/* True when a sample was due and the probe was busy: recording every object, one is lost; sampling,
 * the next allocation takes it. */
static bool busy(struct smp_guard *guard) {
    if (smp_guard_enter(guard)) {
        return false;
    }
    if (smp_process.record_all) {
        drop();
    }
    return true;
}

void *smp_alloc_event(struct smp_self *self, void *block, size_t chunk_bytes) {
    struct smp_guard guard;
    struct smp_origin origin = SMP_ORIGIN();
    if (busy(&guard)) {
        return block;
    }
    /* Recording all, the countdown stays below zero. */
    bool due = smp_process.record_all || smp_rearm(self);
    smp_publish_step(self);
    if (due && smp_phase() == SMP_ON) {
        sample_alloc(&guard, self, &origin, block, chunk_bytes - SPILLMARK_CHUNK_EXTRA_BYTES);
    }
    smp_guard_leave(&guard);
    smp_allocator_answer_allocated();
    smp_keeper_look();
    return block;
}

/* True if it falls below zero. What is a thread's own needs no lock. */
static bool count_down(const struct smp_self *self, int64_t *countdown, size_t chunk_bytes) {
    return self->block != NULL
               ? smp_count_down(countdown, chunk_bytes)
               : __atomic_sub_fetch(countdown, (int64_t)chunk_bytes, __ATOMIC_RELAXED) < 0;
}

static inline void *count_new(struct smp_self *self, void *block, size_t bytes) {
    size_t chunk_bytes = bytes + SPILLMARK_CHUNK_EXTRA_BYTES;
    self->asked = NULL;
    count(self, false, chunk_bytes);
    if (count_down(self, &self->alloc_countdown, chunk_bytes)) {
        return smp_alloc_event(self, block, chunk_bytes);
    }
    return block;
}

/* What jemalloc's malloc gives for so many times eight bytes, as chunks are counted, as far as it
 * was asked: it depends on nothing else, and asking costs more than all the rest. 0 = not known. */
enum { KNOWN_UNITS = 512 };
static uint16_t known_chunk_bytes[KNOWN_UNITS + 1];

/* No requested bytes are no units. */
static inline size_t units_of(size_t requested_bytes) {
    return (requested_bytes + 7) / 8;
}

static __attribute__((noinline)) void *alloc_asking(void *block, size_t requested_bytes) {
    struct smp_self *self = smp_arena_holds(block) ? NULL : counting_self();
    if (self == NULL) {
        return block;
    }
    size_t bytes = smp_size_of(block), units = units_of(requested_bytes);
    if (smp_process.allocator == SPILLMARK_ALLOCATOR_JEMALLOC && units - 1 < KNOWN_UNITS) {
        __atomic_store_n(&known_chunk_bytes[units], (uint16_t)(bytes + SPILLMARK_CHUNK_EXTRA_BYTES),
                         __ATOMIC_RELAXED);
    }
    return count_new(self, block, bytes);
}

void *smp_alloc_slow(void *block, size_t requested_bytes) {
    struct smp_self *self = smp_tls;
    struct spillmark_thread *counters = self->asking;
    size_t units = units_of(requested_bytes), chunk_bytes = 0;
    if (__builtin_expect(counters != NULL && units <= KNOWN_UNITS, 1)) {
        chunk_bytes = __atomic_load_n(&known_chunk_bytes[units], __ATOMIC_RELAXED);
    }
    if (__builtin_expect(chunk_bytes == 0, 0)) {
        return alloc_asking(block, requested_bytes);
    }
    self->asked = NULL;
    if (__builtin_expect(smp_count_chunk(self, counters, chunk_bytes), 0)) {
        return smp_alloc_event(self, block, chunk_bytes);
    }
    return block;
}

/* In 1/1024: how many sampled frees this one stands for; 0 = its stack is not taken. */
static uint64_t free_weight_q10(struct smp_self *self, uint64_t bytes) {
    if (!smp_process.record_all) {
        return 1024;
    }
    self->free_stack_bytes -= (int64_t)bytes;
    if (self->free_stack_bytes >= 0) {
        return 0;
    }
    self->free_stack_bytes = smp_draw(self, FREE_STACK_INTERVAL_BYTES);
    return smp_weight_q10(bytes, FREE_STACK_INTERVAL_BYTES);
}

static __attribute__((noinline)) void record_free_stack(const struct smp_guard *guard,
                                                        struct smp_self *self,
                                                        const struct smp_origin *origin,
                                                        uint64_t live, size_t bytes,
                                                        uint64_t weight_q10) {
    uint32_t free_stack = smp_stack_of(guard, self, origin, SPILLMARK_KIND_HEAP);
    uint64_t count_q10 = weight_of(bytes);
    const struct smp_freed freed = {
        .bytes = (bytes * count_q10 >> 10) * weight_q10 >> 10,
        .count_q10 = count_q10 * weight_q10 >> 10,
        .age_ms = smp_live_now_ms() - spillmark_live_born_ms(live),
    };
    smp_frees_add(guard, spillmark_live_stack(live), free_stack, &freed);
}

/* Part of its caller, whose frame is the origin. */
static inline __attribute__((always_inline)) void
record_free(const struct smp_guard *guard, struct smp_self *self, uint64_t live, size_t bytes) {
    struct spillmark_stack *stack = &smp_process.stacks[spillmark_live_stack(live)];
    uint64_t count_q10 = weight_of(bytes);
    smp_add_shared(&stack->free_bytes, bytes * count_q10 >> 10);
    smp_add_shared(&stack->free_count_q10, count_q10);
    uint64_t weight_q10 = free_weight_q10(self, bytes);
    if (__builtin_expect(weight_q10 != 0, 0)) {
        struct smp_origin origin = SMP_ORIGIN();
        record_free_stack(guard, self, &origin, live, bytes, weight_q10);
    }
}

static inline __attribute__((always_inline)) void forget(struct smp_self *self, void *block) {
    struct smp_guard guard;
    if (busy(&guard)) {
        return;
    }
    if (self->free_countdown < 0) {
        self->free_countdown = SMP_EVENT_BYTES;
    }
    smp_publish_step(self);
    bool likely = smp_process.record_all || smp_live_likely((uintptr_t)block);
    uint64_t live = likely && smp_phase() == SMP_ON ? smp_live_remove(&guard, (uintptr_t)block) : 0;
    if (live != 0) {
        record_free(&guard, self, live, smp_size_of(block));
    }
    smp_guard_leave(&guard);
    smp_allocator_answer();
    smp_keeper_look();
}

static __attribute__((noinline)) void free_noted(void *block, struct smp_self *self) {
    forget(self, block);
    smp_real.free(block);
}

/* Most of what a first look takes for sampled is not. */
void smp_free_event(void *block, struct smp_self *self) {
    if (!smp_process.record_all && self->free_countdown >= 0 &&
        !smp_live_likely((uintptr_t)block)) {
        smp_real.free(block);
        return;
    }
    free_noted(block, self);
}

static inline size_t chunk_to_free(struct smp_self *self, void *block) {
    bool is_known = self->asked == block;
    self->asked = NULL;
    return is_known ? self->asked_chunk_bytes : smp_size_of(block) + SPILLMARK_CHUNK_EXTRA_BYTES;
}

/* True if its free is an event. */
static inline __attribute__((always_inline)) bool count_freed(struct smp_self *self, void *block) {
    size_t chunk_bytes = chunk_to_free(self, block);
    count(self, true, chunk_bytes);
    bool due = count_down(self, &self->free_countdown, chunk_bytes);
    return due || smp_live_maybe((uintptr_t)block);
}

void smp_count_free(void *block) {
    struct smp_self *self = counting_self();
    if (self != NULL && count_freed(self, block)) {
        forget(self, block);
    }
}

static __attribute__((noinline)) void free_asking(void *block) {
    if (smp_arena_holds(block)) {
        return;
    }
    struct smp_self *self = counting_self();
    if (self != NULL && count_freed(self, block)) {
        smp_free_event(block, self);
        return;
    }
    smp_real.free(block);
}

void smp_free_slow(void *block) {
    struct smp_self *self = smp_tls;
    struct spillmark_thread *counters = self->asking;
    if (__builtin_expect(counters == NULL || self->asked != block, 0)) {
        free_asking(block);
        return;
    }
    self->asked = NULL;
    bool due = smp_count_freed_chunk(self, counters, self->asked_chunk_bytes);
    if (__builtin_expect(due || smp_live_maybe((uintptr_t)block), 0)) {
        smp_free_event(block, self);
        return;
    }
    smp_real.free(block);
}

void smp_realloc_before(struct smp_object *object, void *block) {
    object->block = block;
    object->bytes = chunk_to_free(smp_tls, block) - SPILLMARK_CHUNK_EXTRA_BYTES;
    object->live = 0;
    struct smp_self *self = smp_live_likely((uintptr_t)block) ? counting_self() : NULL;
    struct smp_guard guard;
    if (self != NULL && smp_phase() == SMP_ON && !busy(&guard)) {
        object->live = smp_live_remove(&guard, (uintptr_t)block);
        smp_guard_leave(&guard);
    }
}

void smp_realloc_failed(struct smp_object *object) {
    struct smp_self *self = object->live != 0 ? counting_self() : NULL;
    struct smp_guard guard;
    if (self != NULL && !busy(&guard)) {
        smp_live_insert(&guard, (uintptr_t)object->block, object->live);
        smp_guard_leave(&guard);
    }
}

void smp_realloc_after(struct smp_object *object) {
    struct smp_self *self = counting_self();
    struct smp_guard guard;
    if (self == NULL) {
        return;
    }
    count(self, true, object->bytes + SPILLMARK_CHUNK_EXTRA_BYTES);
    if (object->live != 0 && !busy(&guard)) {
        record_free(&guard, self, object->live, object->bytes);
        smp_guard_leave(&guard);
    }
}
