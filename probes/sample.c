/* sample.c - the rarer turns of counting: attaching, publishing, taking a sample, meeting one
 * again when it is freed. */
#include "allocator.h"
#include "exponential.h"
#include "frees.h"
#include "heap.h"
#include "inject.h"
#include "size.h"
#include "stacks.h"

/* Recording every allocation, freeing stacks are still taken on a sample of the freed bytes. Where
 * the allocator counts, frees are published in steps. */
enum { FREE_STACK_INTERVAL_BYTES = 64 * 1024, FREE_STEP_BYTES = 32 * 1024 };

static bool shared_block(void) {
    return smp_here.self == &smp_everybody && smp_phase() == SMP_ON;
}

/* The thread's own self; the shared one; NULL when nothing is counted. */
static inline struct smp_self *counting_self(void) {
    struct smp_self *self = smp_attached();
    return self != NULL ? self : shared_block() ? &smp_everybody : NULL;
}

static void count(struct smp_self *self, bool freed, size_t chunk_bytes) {
    struct spillmark_thread *block = self->block;
    if (block != NULL) {
        freed ? smp_add_freed_chunk(block, chunk_bytes) : smp_add_chunk(block, chunk_bytes);
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

/* Of an object of so many usable bytes. */
static inline uint64_t weight_of(uint64_t bytes) {
    return smp_process.record_all
               ? 1024
               : smp_weight_q10(bytes + smp_process.extra_bytes, smp_process.sample_interval_bytes);
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

/* What a sample needs next lies in lines that the program has driven out of the caches since the
 * last one: on their way while the next is drawn. */
static inline void look_ahead(const struct smp_self *self, const struct smp_origin *origin,
                              const void *block) {
    smp_memo_prefetch(self, origin);
    smp_live_prefetch((uintptr_t)block);
    __builtin_prefetch(&smp_process.slot->asked);
}

/* Whether the block is one to be sampled. Recording all, the countdown stays below zero. */
static inline bool is_sample(struct smp_self *self, const struct smp_origin *origin,
                             const void *block) {
    if (smp_process.record_all) {
        return true;
    }
    bool due = smp_is_due(self);
    if (due) {
        look_ahead(self, origin, block);
    }
    smp_rearm(self, due);
    return due;
}

void *smp_alloc_event(struct smp_self *self, void *block, size_t chunk_bytes) {
    struct smp_guard guard;
    struct smp_origin origin = SMP_ORIGIN();
    if (busy(&guard)) {
        return block;
    }
    bool due = is_sample(self, &origin, block);
    smp_publish_step(self);
    if (due && smp_phase() == SMP_ON) {
        sample_alloc(&guard, self, &origin, block, chunk_bytes - SPILLMARK_CHUNK_EXTRA_BYTES);
    }
    smp_guard_leave(&guard);
    smp_allocator_answer_allocated();
    smp_keeper_look();
    return block;
}

/* ---- where the allocator counts a thread's bytes ----
 *
 * Then nothing need be asked of blocks: the counter block's bytes are the allocator's, and what it
 * held before the allocator was asked. They are stored as a whole, so that a handler that allocates
 * in between loses nothing. `block` and what is to be added are read before the pointer that a fork
 * wipes: where it is there, they were. */

static inline const uint64_t *told(const uint64_t *const *at) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static inline uint64_t store_told(uint64_t *chunk_bytes, uint64_t bytes, uint64_t *count) {
    smp_count(count);
    uint64_t sum = bytes + SPILLMARK_CHUNK_EXTRA_BYTES * __atomic_load_n(count, __ATOMIC_RELAXED);
    __atomic_store_n(chunk_bytes, sum, __ATOMIC_RELAXED);
    return sum;
}

/* From now on, if the allocator will: it has counted `bytes` that the counter block has not. */
static bool learn(struct smp_self *self, size_t bytes) {
    const uint64_t *alloc, *freed;
    struct spillmark_thread *block = self->block;
    if (smp_process.extra_bytes != 0 || smp_arena_is_used || block == NULL ||
        smp_phase() != SMP_ON || !smp_allocator_told(&alloc, &freed)) {
        return false;
    }
    uint64_t alloc_now, freed_now;
    do { /* a handler may allocate, too */
        alloc_now = __atomic_load_n(alloc, __ATOMIC_RELAXED);
        freed_now = __atomic_load_n(freed, __ATOMIC_RELAXED);
        self->alloc_offset = bytes - alloc_now +
                             spillmark_usable_bytes(block->alloc_chunk_bytes, block->alloc_count);
        self->free_offset =
            spillmark_usable_bytes(block->free_chunk_bytes, block->free_count) - freed_now;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    } while (alloc_now != __atomic_load_n(alloc, __ATOMIC_RELAXED) ||
             freed_now != __atomic_load_n(freed, __ATOMIC_RELAXED));
    int64_t left = self->alloc_countdown;
    self->told_free = freed;
    __atomic_store_n(&self->told_alloc, alloc, __ATOMIC_RELEASE);
    self->told_event = alloc_now - bytes + (uint64_t)left;
    return true;
}

static __attribute__((noinline)) void *alloc_asking(void *block);

static __attribute__((noinline)) void *told_event(struct smp_self *self, void *block) {
    size_t bytes = smp_size_of(block);
    return smp_is_attached(self) ? smp_alloc_event(self, block, bytes + SPILLMARK_CHUNK_EXTRA_BYTES)
                                 : alloc_asking(block);
}

void *smp_alloc_slow(void *block) {
    struct smp_self *self = smp_here.self;
    struct spillmark_thread *counters = self->block;
    uint64_t offset = self->alloc_offset;
    const uint64_t *alloc = told(&self->told_alloc);
    if (block == NULL) {
        return NULL;
    }
    if (__builtin_expect(alloc == NULL, 0)) {
        return alloc_asking(block);
    }
    uint64_t now = *alloc;
    store_told(&counters->alloc_chunk_bytes, now + offset, &counters->alloc_count);
    return __builtin_expect((int64_t)(self->told_event - now) < 0, 0) ? told_event(self, block)
                                                                      : block;
}

/* Counts an object's bytes down, as they are drawn for samples. True if it falls below zero. What
 * is a thread's own needs no lock. */
static bool count_down(const struct smp_self *self, int64_t *countdown, size_t bytes) {
    size_t drawn = bytes + smp_process.extra_bytes;
    return self->block != NULL
               ? smp_count_down(countdown, drawn)
               : __atomic_sub_fetch(countdown, (int64_t)drawn, __ATOMIC_RELAXED) < 0;
}

static __attribute__((noinline)) void *alloc_asking(void *block) {
    struct smp_self *self = smp_arena_holds(block) ? NULL : counting_self();
    if (self == NULL) {
        return block;
    }
    size_t bytes = smp_size_of(block);
    if (learn(self, bytes)) {
        return smp_alloc_slow(block);
    }
    count(self, false, bytes + SPILLMARK_CHUNK_EXTRA_BYTES);
    if (count_down(self, &self->alloc_countdown, bytes)) {
        return smp_alloc_event(self, block, bytes + SPILLMARK_CHUNK_EXTRA_BYTES);
    }
    return block;
}

/* Whether the thread still is what the quick paths count for. */
static bool is_quick(const struct smp_self *self) {
    return smp_is_attached(self) && self->counters == self->block && smp_phase() == SMP_ON &&
           !smp_process.has_small_maps;
}

void *smp_alloc_due(struct smp_self *self, void *block) {
    if (__builtin_expect(!is_quick(self), 0)) {
        smp_here.slow_up_to = UINTPTR_MAX;
        return alloc_asking(block);
    }
    /* A mapped one has a word less to use: it counts as if it were smaller. */
    size_t chunk_bytes = smp_chunk_bytes(block) + SPILLMARK_CHUNK_EXTRA_BYTES;
    self->alloc_countdown += (int64_t)(smp_chunk_of(block) - chunk_bytes);
    smp_add_chunk(self->counters, chunk_bytes);
    return smp_alloc_event(self, block, chunk_bytes);
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
                                                        uint64_t live, uint64_t bytes,
                                                        uint64_t count_q10) {
    uint32_t free_stack = smp_stack_of(guard, self, origin, SPILLMARK_KIND_HEAP);
    const struct smp_freed freed = {
        .bytes = bytes,
        .count_q10 = count_q10,
        .age_ms = smp_live_now_ms() - spillmark_live_born_ms(live),
    };
    smp_frees_add(guard, spillmark_live_stack(live), free_stack, &freed);
}

/* Part of its caller, whose frame is the origin. */
static inline __attribute__((always_inline)) void
record_free(const struct smp_guard *guard, struct smp_self *self, uint64_t live, size_t bytes) {
    struct spillmark_stack *stack = &smp_process.stacks[spillmark_live_stack(live)];
    uint64_t count_q10 = weight_of(bytes), weighted_bytes = bytes * count_q10 >> 10;
    smp_add_shared(&stack->free_bytes, weighted_bytes);
    smp_add_shared(&stack->free_count_q10, count_q10);
    uint64_t weight_q10 = free_weight_q10(self, bytes);
    if (__builtin_expect(weight_q10 != 0, 0)) {
        struct smp_origin origin = SMP_ORIGIN();
        record_free_stack(guard, self, &origin, live, weighted_bytes * weight_q10 >> 10,
                          count_q10 * weight_q10 >> 10);
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

/* To be asked before a block's size is counted: whether its allocator counts by itself. */
static inline bool is_told(struct smp_self *self) {
    return self->told_free != NULL || learn(self, 0);
}

/* True if its free is an event. */
static inline __attribute__((always_inline)) bool count_freed(struct smp_self *self, void *block) {
    size_t bytes = smp_size_of(block);
    count(self, true, bytes + SPILLMARK_CHUNK_EXTRA_BYTES);
    bool due = count_down(self, &self->free_countdown, bytes);
    return due || smp_live_maybe((uintptr_t)block);
}

void smp_count_free(void *block) {
    struct smp_self *self = counting_self();
    if (self == NULL) {
        return;
    }
    is_told(self);
    if (count_freed(self, block)) {
        forget(self, block);
    }
}

static __attribute__((noinline)) void free_asking(void *block) {
    if (smp_arena_holds(block)) {
        smp_arena_give();
        return;
    }
    struct smp_self *self = counting_self();
    if (self != NULL && is_told(self)) {
        smp_free_slow(block);
        return;
    }
    if (self != NULL && count_freed(self, block)) {
        smp_free_event(block, self);
        return;
    }
    smp_real.free(block);
}

void smp_free_due(void *block, struct smp_self *self) {
    if (__builtin_expect(!is_quick(self), 0)) {
        smp_here.slow_up_to = UINTPTR_MAX;
        free_asking(block);
        return;
    }
    smp_add_freed_chunk(self->counters, smp_chunk_of(block));
    smp_free_event(block, self);
}

static __attribute__((noinline)) void publish_freed(struct smp_self *self) {
    struct smp_guard guard;
    if (!smp_guard_enter(&guard)) {
        return;
    }
    smp_publish_step(self);
    smp_guard_leave(&guard);
    smp_allocator_answer();
    smp_keeper_look();
}

/* What the allocator has freed by now. True when so much that it is to be published. */
static inline bool count_told_free(struct smp_self *self) {
    struct spillmark_thread *counters = self->block;
    uint64_t offset = self->free_offset;
    const uint64_t *freed = told(&self->told_free);
    if (__builtin_expect(freed == NULL, 0)) { /* forked meanwhile */
        return false;
    }
    uint64_t before = counters->free_chunk_bytes;
    uint64_t now = store_told(&counters->free_chunk_bytes, *freed + offset, &counters->free_count);
    return (now ^ before) >= FREE_STEP_BYTES;
}

/* The calling thread's own is asked for again: to keep it over the call would take longer. */
static inline __attribute__((always_inline)) void free_told(void *block) {
    smp_real.free(block);
    struct smp_self *self = smp_here.self;
    if (__builtin_expect(count_told_free(self), 0)) {
        publish_freed(self);
    }
}

static __attribute__((noinline)) void free_told_noted(void *block, struct smp_self *self) {
    if (smp_process.record_all || smp_live_likely((uintptr_t)block)) {
        forget(self, block);
    }
    free_told(block);
}

void smp_free_slow(void *block) {
    struct smp_self *self = smp_here.self;
    if (block == NULL) {
        return;
    }
    if (__builtin_expect(told(&self->told_free) == NULL, 0)) {
        free_asking(block);
    } else if (__builtin_expect(smp_live_maybe((uintptr_t)block), 0)) {
        free_told_noted(block, self);
    } else {
        free_told(block);
    }
}

void smp_realloc_before(struct smp_object *object, void *block) {
    object->block = block;
    object->bytes = smp_size_of(block);
    object->live = 0;
    struct smp_self *self = counting_self();
    struct smp_guard guard;
    if (self == NULL) {
        return;
    }
    is_told(self);
    if (smp_live_likely((uintptr_t)block) && smp_phase() == SMP_ON && !busy(&guard)) {
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
