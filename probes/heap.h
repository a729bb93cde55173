/* heap.h - counting what is allocated and freed: the path every call takes.
 *
 * Exact totals are counted always, inside the probe's own work too; only sampling is guarded
 * against re-entrance. A block is counted after the real allocation and before the real free.
 *
 * The path below is for glibc and an attached thread: a dozen instructions, one test for all that
 * is rare, and what is rare is left by a tail call, so that no register need be saved. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live.h"
#include "real.h"
#include "self.h"

/* glibc keeps the size of a chunk in the word before it. The lowest bits are flags; bit 1 says
 * that the chunk was mapped by itself. Blocks of the boot arena carry it too (arena.c). */
enum { SMP_CHUNK_MAPPED = 2 };

/* Counts a block in any state of things, and gives it back. `requested_bytes` is what malloc was
 * asked for, 0 where it was another function. */
void *smp_alloc_slow(void *block, size_t requested_bytes);

/* After counting: publishes, takes a sample. Gives the block back. */
void *smp_alloc_event(struct smp_self *self, void *block, size_t chunk_bytes);

/* Counts a block that is about to be freed, in any state of things. */
void smp_count_free(void *block);

/* The same, and frees it. */
void smp_free_slow(void *block);

/* After counting: publishes, ends the record of a block that was sampled, and frees the block. */
__attribute__((noinline)) void smp_free_event(void *block, struct smp_self *self);

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

/* Adds a chunk to the counters of an attached thread, its own. True when an event is due. */
static inline __attribute__((always_inline)) bool
smp_count_chunk(struct smp_self *self, struct spillmark_thread *counters, size_t chunk_bytes) {
    smp_add(&counters->alloc_chunk_bytes, chunk_bytes);
    smp_count(&counters->alloc_count);
    return smp_count_down(&self->alloc_countdown, chunk_bytes);
}

/* The same of one that is freed. */
static inline __attribute__((always_inline)) bool
smp_count_freed_chunk(struct smp_self *self, struct spillmark_thread *counters,
                      size_t chunk_bytes) {
    smp_add(&counters->free_chunk_bytes, chunk_bytes);
    smp_count(&counters->free_count);
    return smp_count_down(&self->free_countdown, chunk_bytes);
}

/* After a malloc that may have failed. */
static inline __attribute__((always_inline)) void *smp_malloced(void *block,
                                                                size_t requested_bytes) {
    struct smp_self *self = smp_tls;
    struct spillmark_thread *counters = self->quick;
    if (__builtin_expect(block == NULL, 0)) {
        return NULL;
    }
    if (__builtin_expect(counters == NULL, 0)) {
        return smp_alloc_slow(block, requested_bytes);
    }
    size_t word = ((const size_t *)block)[-1];
    if (__builtin_expect((word & SMP_CHUNK_MAPPED) != 0, 0)) {
        return smp_alloc_slow(block, requested_bytes);
    }
    size_t chunk_bytes = word & ~(size_t)7;
    if (__builtin_expect(smp_count_chunk(self, counters, chunk_bytes), 0)) {
        return smp_alloc_event(self, block, chunk_bytes);
    }
    return block;
}

/* After another function of the family. */
static inline __attribute__((always_inline)) void *smp_allocated(void *block) {
    return smp_malloced(block, 0);
}

/* A chunk's size if the paths here can count it, else 0. */
static inline __attribute__((always_inline)) size_t smp_quick_chunk_bytes(const void *block) {
    size_t word = smp_tls->quick != NULL ? ((const size_t *)block)[-1] : SMP_CHUNK_MAPPED;
    return (word & SMP_CHUNK_MAPPED) != 0 ? 0 : word & ~(size_t)7;
}

/* Counts what realloc took. Events that are due wait for the next free. False if it is to be
 * counted in another way: the process may have forked meanwhile. */
static inline __attribute__((always_inline)) bool smp_freed(size_t chunk_bytes) {
    struct smp_self *self = smp_tls;
    struct spillmark_thread *counters = self->quick;
    if (__builtin_expect(counters == NULL, 0)) {
        return false;
    }
    smp_count_freed_chunk(self, counters, chunk_bytes);
    return true;
}

static inline __attribute__((always_inline)) void smp_free(void *block) {
    struct smp_self *self = smp_tls;
    struct spillmark_thread *counters = self->quick;
    if (__builtin_expect(block == NULL, 0)) {
        return;
    }
    if (__builtin_expect(counters == NULL, 0)) {
        smp_free_slow(block);
        return;
    }
    size_t word = ((const size_t *)block)[-1];
    if (__builtin_expect((word & SMP_CHUNK_MAPPED) != 0, 0)) {
        smp_free_slow(block);
        return;
    }
    size_t chunk_bytes = word & ~(size_t)7;
    bool due = smp_count_freed_chunk(self, counters, chunk_bytes);
    if (__builtin_expect(due || smp_live_maybe((uintptr_t)block), 0)) {
        smp_free_event(block, self);
        return;
    }
    smp_real.free(block);
}
