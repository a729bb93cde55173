/* sample.c - the rarer turns of counting: attaching, publishing, taking a sample, meeting one
 * again when it is freed. */
#include "heap.h"
#include "clock.h"
#include "math.h"
#include "stacks.h"

/* Recording every allocation, freeing stacks are still taken on a sample of the freed bytes. */
enum { FREE_STACK_INTERVAL_BYTES = 64 * 1024 };

static bool shared_block(void) {
    return smp_tls == &smp_everybody && smp_phase() == SMP_ON;
}

/* Threads without a block of their own. */
static void count_shared(uint64_t *total_bytes, uint64_t *count, size_t bytes, int64_t change) {
    __atomic_fetch_add(total_bytes, bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&smp_everybody.unpublished_bytes, change, __ATOMIC_RELAXED);
}

void smp_alloc_unattached(void *block, size_t bytes) {
    struct smp_self *self = smp_attach();
    if (self != NULL) {
        smp_count_alloc(block, bytes);
    } else if (shared_block()) {
        struct spillmark_thread *counters = &smp_process.threads[SPILLMARK_THREADS - 1];
        count_shared(&counters->alloc_bytes, &counters->alloc_count, bytes, (int64_t)bytes);
        if (__atomic_sub_fetch(&smp_everybody.countdown_bytes, (int64_t)bytes,
                               __ATOMIC_RELAXED) < 0 ||
            smp_must_publish(&smp_everybody)) {
            smp_alloc_event(&smp_everybody, block, bytes);
        }
    }
}

void smp_free_unattached(void *block, size_t bytes) {
    struct smp_self *self = smp_attach();
    if (self != NULL) {
        smp_count_free(block, bytes);
    } else if (shared_block()) {
        struct spillmark_thread *counters = &smp_process.threads[SPILLMARK_THREADS - 1];
        count_shared(&counters->free_bytes, &counters->free_count, bytes, -(int64_t)bytes);
        if (smp_live_maybe((uintptr_t)block) || smp_must_publish(&smp_everybody)) {
            smp_free_event(&smp_everybody, block, bytes);
        }
    }
}

static void add(uint64_t *counter, uint64_t value) {
    __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
}

static void drop(void) { add(&smp_process.slot->unsampled_drops, 1); }

static uint64_t estimate(const struct spillmark_live *live) {
    return live->bytes * live->weight_q10 >> 10;
}

static void sample_alloc(const struct smp_guard *guard, struct smp_self *self, void *block,
                         size_t bytes) {
    struct spillmark_live live = {
        .address = (uintptr_t)block,
        .bytes = bytes,
        .weight_q10 = smp_weight_q10(bytes, smp_process.sample_interval_bytes),
        .born_ns = smp_clock_coarse_ns(),
        .stack = smp_stack_here(guard, SPILLMARK_KIND_HEAP),
    };
    if (live.stack == 0) {
        drop();
        return;
    }
    if (!smp_live_insert(guard, self, &live)) {
        return; /* counted there */
    }
    struct spillmark_stack *stack = &smp_process.stacks[live.stack];
    add(&stack->samples, 1);
    add(&stack->alloc_bytes, estimate(&live));
    add(&stack->alloc_count_q10, live.weight_q10);
}

void smp_alloc_event(struct smp_self *self, void *block, size_t bytes) {
    struct smp_guard guard;
    if (!smp_guard_enter(&guard)) {
        if (smp_process.sample_interval_bytes == 1) {
            drop();
        }
        return; /* the next allocation outside takes the sample */
    }
    if (smp_must_publish(self)) {
        smp_publish(self);
    }
    if (self->countdown_bytes < 0 && smp_phase() == SMP_ON) {
        sample_alloc(&guard, self, block, bytes);
        self->countdown_bytes = smp_draw_countdown(self);
    }
    smp_guard_leave(&guard);
}

struct pair_key {
    uint32_t alloc_stack, free_stack;
};

static int same_pair(uint32_t entry, const void *key) {
    const struct pair_key *pair = key;
    const struct spillmark_free_pair *at = &smp_process.frees[entry];
    return at->alloc_stack == pair->alloc_stack && at->free_stack == pair->free_stack;
}

static uint32_t pair_of(struct pair_key key) {
    uint64_t hash = ((uint64_t)key.alloc_stack << 32 | key.free_stack) *
                    UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
    uint32_t entry = smp_index_find(&smp_home->free_index, hash, same_pair, &key);
    if (entry != 0) {
        return entry;
    }
    struct spillmark_section *section = smp_section(SPILLMARK_SECTION_FREES);
    if (__atomic_load_n(&section->used, __ATOMIC_RELAXED) >= section->capacity ||
        (entry = __atomic_fetch_add(&section->used, 1, __ATOMIC_RELAXED)) >= section->capacity) {
        __atomic_fetch_add(&section->dropped, 1, __ATOMIC_RELAXED);
        return 0;
    }
    struct spillmark_free_pair *pair = &smp_process.frees[entry];
    pair->free_stack = key.free_stack;
    __atomic_store_n(&pair->alloc_stack, key.alloc_stack, __ATOMIC_RELEASE);
    return smp_index_add(&smp_home->free_index, hash, entry, same_pair, &key);
}

/* In 1/1024: how many sampled frees this one stands for; 0 = its stack is not taken. */
static uint64_t free_weight_q10(struct smp_self *self, uint64_t bytes) {
    if (smp_process.sample_interval_bytes != 1) {
        return 1024;
    }
    self->free_countdown_bytes -= (int64_t)bytes;
    if (self->free_countdown_bytes >= 0) {
        return 0;
    }
    self->free_countdown_bytes = smp_draw(self, FREE_STACK_INTERVAL_BYTES);
    return smp_weight_q10(bytes, FREE_STACK_INTERVAL_BYTES);
}

static uint32_t residence_bucket(uint64_t microseconds) {
    uint32_t bucket = microseconds <= 1 ? 0 : 63u - (uint32_t)__builtin_clzll(microseconds);
    return bucket < SPILLMARK_RESIDENCE_BUCKETS ? bucket : SPILLMARK_RESIDENCE_BUCKETS - 1;
}

static void record_free(const struct smp_guard *guard, struct smp_self *self,
                        const struct spillmark_live *live) {
    struct spillmark_stack *stack = &smp_process.stacks[live->stack];
    add(&stack->free_bytes, estimate(live));
    add(&stack->free_count_q10, live->weight_q10);
    uint64_t weight_q10 = free_weight_q10(self, live->bytes);
    if (weight_q10 == 0) {
        return;
    }
    uint32_t free_stack = smp_stack_here(guard, SPILLMARK_KIND_HEAP);
    uint32_t entry = free_stack != 0 ? pair_of((struct pair_key){live->stack, free_stack}) : 0;
    if (entry == 0) {
        return;
    }
    uint64_t now_ns = smp_clock_coarse_ns();
    uint64_t age_us = now_ns > live->born_ns ? (now_ns - live->born_ns) / 1000 : 0;
    struct spillmark_free_pair *pair = &smp_process.frees[entry];
    add(&pair->bytes, estimate(live) * weight_q10 >> 10);
    add(&pair->count_q10, live->weight_q10 * weight_q10 >> 10);
    add(&pair->samples, 1);
    add(&pair->residence_us_sum, age_us);
    __atomic_fetch_add(&pair->residence[residence_bucket(age_us)], 1, __ATOMIC_RELAXED);
}

void smp_free_event(struct smp_self *self, void *block, size_t bytes) {
    (void)bytes;
    struct smp_guard guard;
    if (!smp_guard_enter(&guard)) {
        return;
    }
    if (smp_must_publish(self)) {
        smp_publish(self);
    }
    struct spillmark_live live;
    if (smp_phase() == SMP_ON &&
        smp_live_remove(&guard, self, (uintptr_t)block, &live)) {
        record_free(&guard, self, &live);
    }
    smp_guard_leave(&guard);
}

/* The thread's own self, or the shared one; NULL when nothing is counted. */
static struct smp_self *counting_self(void) {
    struct smp_self *self = smp_tls->block != NULL ? smp_tls : smp_attach();
    return self != NULL ? self : shared_block() ? &smp_everybody : NULL;
}

void smp_realloc_before(struct smp_object *object, void *block, size_t bytes) {
    object->bytes = bytes;
    object->sampled = false;
    struct smp_self *self = smp_live_maybe((uintptr_t)block) ? counting_self() : NULL;
    struct smp_guard guard;
    if (self != NULL && smp_phase() == SMP_ON && smp_guard_enter(&guard)) {
        object->sampled = smp_live_remove(&guard, self, (uintptr_t)block, &object->live);
        smp_guard_leave(&guard);
    }
}

void smp_realloc_failed(struct smp_object *object) {
    struct smp_self *self = object->sampled ? counting_self() : NULL;
    struct smp_guard guard;
    if (self != NULL && smp_guard_enter(&guard)) {
        smp_live_insert(&guard, self, &object->live);
        smp_guard_leave(&guard);
    }
}

void smp_realloc_after(struct smp_object *object) {
    struct smp_self *self = counting_self();
    if (self == NULL) {
        return;
    }
    if (self->block != NULL) {
        smp_add(&self->block->free_bytes, object->bytes);
        smp_add(&self->block->free_count, 1);
        smp_add_signed(&self->unpublished_bytes, -(int64_t)object->bytes);
    } else {
        struct spillmark_thread *counters = &smp_process.threads[SPILLMARK_THREADS - 1];
        count_shared(&counters->free_bytes, &counters->free_count, object->bytes,
                     -(int64_t)object->bytes);
    }
    struct smp_guard guard;
    if (object->sampled && smp_guard_enter(&guard)) {
        record_free(&guard, self, &object->live);
        smp_guard_leave(&guard);
    }
}
