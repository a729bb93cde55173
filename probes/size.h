/* size.h - how large a live block is, as the allocator rounds it. */
#pragma once

#include "arena.h"
#include "heap.h"
#include "process.h"

/* By glibc's chunk header: what its malloc_usable_size computes. */
static inline size_t smp_chunk_bytes(const void *block) {
    return smp_chunk_of(block) - (smp_is_mapped(block) ? 16 : 8);
}

static inline size_t smp_size_of(void *block) {
    return smp_process.chunk_headers ? smp_chunk_bytes(block) : smp_real.malloc_usable_size(block);
}
