/* heap.h - counting what is allocated and freed: the path every call takes.
 *
 * Exact totals are counted always, inside the probe's own work too; only sampling is guarded
 * against re-entrance. A block is counted after the real allocation and before the real free.
 *
 * The path below is for glibc and an attached thread: a dozen instructions, tests of one
 * address and one countdown for all that is rare, which is left by a tail call, so that no register
 * need be saved. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live.h"
#include "real.h"
#include "self.h"

/* glibc keeps the size of a chunk in the word before it. The lowest bits are flags; bit 1 says
 * that the chunk was mapped by itself, and then it has a word less to use. What malloc and calloc
 * map is larger than any countdown, so that the path of allocations need not look at the flag: each
 * is an event; where the program wants smaller ones mapped, all takes the slow path. Realloc and
 * large alignments leave small ones. Blocks of the boot arena have the flag, too (arena.c). */
enum { SMP_CHUNK_MAPPED = 2, SMP_MAPPED_LEAST_BYTES = 128 * 1024 };
_Static_assert((int)SMP_MAPPED_LEAST_BYTES > (int)SMP_EVENT_BYTES, "a mapped chunk is an event");

static inline size_t smp_chunk_of(const void *block) {
    return ((const size_t *)block)[-1] & ~(size_t)7;
}

static inline bool smp_is_mapped(const void *block) {
    return (((const size_t *)block)[-1] & SMP_CHUNK_MAPPED) != 0;
}

/* Counts a block, or NULL, in any state of things, and gives it back. */
void *smp_alloc_slow(void *block);

/* The same of one whose chunk made the countdown fall below zero. */
void *smp_alloc_due(struct smp_self *self, void *block);

/* After counting: publishes, takes a sample. Gives the block back. */
void *smp_alloc_event(struct smp_self *self, void *block, size_t chunk_bytes);

/* Counts a block that is about to be freed, in any state of things. */
void smp_count_free(void *block);

/* The same, or of NULL, and frees it. */
void smp_free_slow(void *block);

/* The same of one whose chunk made the countdown fall below zero. */
void smp_free_due(void *block, struct smp_self *self);

/* After counting: publishes, ends the record of a block that was sampled, and frees the block. */
__attribute__((noinline)) void smp_free_event(void *block, struct smp_self *self);

/* Of any block; the allocator's own function where no block of the boot arena can come. */
extern SMP_HIDDEN size_t (*smp_usable_size)(void *block);

/* An object that realloc is about to take. */
struct smp_object {
    void *block;
    size_t bytes;
    uint64_t live; /* what the live table had of it; 0 = not sampled */
};

/* Around the real realloc: takes a sampled object out of the live table; counts it as freed; or
 * puts it back. */
void smp_realloc_before(struct smp_object *object, void *block);
void smp_realloc_after(struct smp_object *object);
void smp_realloc_failed(struct smp_object *object);

/* Adds a chunk to the counters of an attached thread, its own. */
static inline __attribute__((always_inline)) void smp_add_chunk(struct spillmark_thread *counters,
                                                                size_t chunk_bytes) {
    smp_add(&counters->alloc_chunk_bytes, chunk_bytes);
    smp_count(&counters->alloc_count);
}

/* The same of one that is freed. */
static inline __attribute__((always_inline)) void
smp_add_freed_chunk(struct spillmark_thread *counters, size_t chunk_bytes) {
    smp_add(&counters->free_chunk_bytes, chunk_bytes);
    smp_count(&counters->free_count);
}

/* To be read before the countdown: what a fork has wiped since is zero, an event. */
static inline __attribute__((always_inline)) struct spillmark_thread *
smp_counters_of(struct smp_self *self) {
    struct spillmark_thread *counters = __atomic_load_n(&self->counters, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return counters;
}

/* After an allocation that may have failed. */
static inline __attribute__((always_inline)) void *smp_allocated(void *block) {
    if (__builtin_expect((uintptr_t)block <= smp_here.slow_up_to, 0)) {
        return smp_alloc_slow(block);
    }
    struct smp_self *self = smp_here.self;
    struct spillmark_thread *counters = smp_counters_of(self);
    size_t chunk_bytes = smp_chunk_of(block);
    if (__builtin_expect(smp_count_down(&self->alloc_countdown, chunk_bytes), 0)) {
        return smp_alloc_due(self, block);
    }
    smp_add_chunk(counters, chunk_bytes);
    return block;
}

/* Whether its chunk can be counted by the paths here. */
static inline __attribute__((always_inline)) bool smp_is_quick_block(const void *block) {
    return (uintptr_t)block > smp_here.slow_up_to && !smp_is_mapped(block);
}

/* After an allocation by other ways than malloc and calloc. */
static inline __attribute__((always_inline)) void *smp_allocated_anyhow(void *block) {
    return __builtin_expect(smp_is_quick_block(block), 1) ? smp_allocated(block)
                                                          : smp_alloc_slow(block);
}

/* A chunk's size if the path here can count it, else 0. */
static inline __attribute__((always_inline)) size_t smp_quick_chunk_bytes(const void *block) {
    return smp_is_quick_block(block) ? smp_chunk_of(block) : 0;
}

/* Counts what realloc took. Events that are due wait for the next free. False if it is to be
 * counted in another way: the process may have forked meanwhile. */
static inline __attribute__((always_inline)) bool smp_freed(size_t chunk_bytes) {
    struct smp_self *self = smp_here.self;
    struct spillmark_thread *counters = smp_counters_of(self);
    if (__builtin_expect(counters == NULL, 0)) {
        return false;
    }
    smp_count_down(&self->free_countdown, chunk_bytes);
    smp_add_freed_chunk(counters, chunk_bytes);
    return true;
}

static inline __attribute__((always_inline)) void smp_free(void *block) {
    if (__builtin_expect((uintptr_t)block <= smp_here.slow_up_to, 0)) {
        smp_free_slow(block);
        return;
    }
    /* Once, into a register: tests of memory take more of the processor. */
    size_t word = __atomic_load_n((const size_t *)block - 1, __ATOMIC_RELAXED);
    if (__builtin_expect((word & SMP_CHUNK_MAPPED) != 0, 0)) {
        smp_free_slow(block);
        return;
    }
    struct smp_self *self = smp_here.self;
    struct spillmark_thread *counters = smp_counters_of(self);
    size_t chunk_bytes = word & ~(size_t)7;
    if (__builtin_expect(smp_count_down(&self->free_countdown, chunk_bytes), 0)) {
        smp_free_due(block, self);
        return;
    }
    smp_add_freed_chunk(counters, chunk_bytes);
    if (__builtin_expect(smp_live_maybe((uintptr_t)block), 0)) {
        smp_free_event(block, self);
        return;
    }
    smp_real.free(block);
}
