/* size.h - how large a live block is, as the allocator rounds it. */
#pragma once

#include "arena.h"
#include "heap.h"
#include "process.h"

/* By glibc's chunk header: what its malloc_usable_size computes. */
static inline size_t smp_chunk_bytes(const void *block) {
    size_t word = ((const size_t *)block)[-1];
    return (word & ~(size_t)7) - ((word & SMP_CHUNK_MAPPED) != 0 ? 16 : 8);
}

static inline size_t smp_size_of(void *block) {
    return smp_process.chunk_headers ? smp_chunk_bytes(block) : smp_real.malloc_usable_size(block);
}
