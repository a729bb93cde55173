/* heap.h - counting what is allocated and freed: the path every call takes.
 *
 * Exact totals are counted always, inside the probe's own work too; only sampling is guarded
 * against re-entrance. A block is counted after the real allocation and before the real free. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "live.h"
#include "process.h"
#include "real.h"
#include "self.h"

/* How far a thread's live bytes may run ahead of what the slot shows. */
enum { SMP_PUBLISH_BYTES = 64 * 1024 };

/* The rarer turns of the path (sample.c): the thread is not attached; a sample or a publication
 * is due; the freed object may have been sampled. */
void smp_alloc_unattached(void *block, size_t bytes);
void smp_alloc_event(struct smp_self *self, void *block, size_t bytes);
void smp_free_unattached(void *block, size_t bytes);
void smp_free_event(struct smp_self *self, void *block, size_t bytes);

/* An object that realloc is about to take. */
struct smp_object {
    size_t bytes;
    bool sampled;
    struct spillmark_live live; /* if sampled */
};

/* Around the real realloc: takes a sampled object out of the live table; counts it as freed; or
 * puts it back. */
void smp_realloc_before(struct smp_object *object, void *block, size_t bytes);
void smp_realloc_after(struct smp_object *object);
void smp_realloc_failed(struct smp_object *object);

/* Bytes of a live block as the allocator rounds them. glibc keeps the size of a chunk in the
 * word before it; its lowest bits are flags, bit 1 says that the chunk was mapped by itself. */
static inline size_t smp_size_of(void *block) {
    if (__builtin_expect(smp_process.chunk_headers, 1)) {
        size_t word = ((const size_t *)block)[-1];
        return (word & ~(size_t)7) - 8 - ((word & 2) << 2);
    }
    return smp_real.malloc_usable_size(block);
}

static inline bool smp_must_publish(const struct smp_self *self) {
    return (uint64_t)(self->unpublished_bytes + SMP_PUBLISH_BYTES) > 2u * SMP_PUBLISH_BYTES;
}

static inline void smp_count_alloc(void *block, size_t bytes) {
    struct smp_self *self = smp_tls;
    struct spillmark_thread *counters = self->block;
    if (__builtin_expect(counters == NULL, 0)) {
        smp_alloc_unattached(block, bytes);
        return;
    }
    smp_add(&counters->alloc_bytes, bytes);
    smp_add(&counters->alloc_count, 1);
    smp_add_signed(&self->unpublished_bytes, (int64_t)bytes);
    smp_add_signed(&self->countdown_bytes, -(int64_t)bytes);
    if (__builtin_expect(self->countdown_bytes < 0 || smp_must_publish(self), 0)) {
        smp_alloc_event(self, block, bytes);
    }
}

static inline void smp_count_free(void *block, size_t bytes) {
    struct smp_self *self = smp_tls;
    struct spillmark_thread *counters = self->block;
    if (__builtin_expect(counters == NULL, 0)) {
        smp_free_unattached(block, bytes);
        return;
    }
    smp_add(&counters->free_bytes, bytes);
    smp_add(&counters->free_count, 1);
    smp_add_signed(&self->unpublished_bytes, -(int64_t)bytes);
    if (__builtin_expect(smp_live_maybe((uintptr_t)block) || smp_must_publish(self), 0)) {
        smp_free_event(self, block, bytes);
    }
}

/* After an allocation that may have failed. */
static inline void *smp_allocated(void *block) {
    if (__builtin_expect(block != NULL, 1) && !smp_arena_holds(block)) {
        smp_count_alloc(block, smp_size_of(block));
    }
    return block;
}
