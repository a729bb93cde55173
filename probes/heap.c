/* heap.c - the hooks of the malloc family. */
#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "process.h"
#include "size.h"

SMP_EXPORT void *malloc(size_t bytes) {
    return smp_allocated(smp_real.malloc(bytes));
}

SMP_EXPORT void *calloc(size_t count, size_t bytes) {
    return smp_allocated(smp_real.calloc(count, bytes));
}

SMP_EXPORT void free(void *block) {
    smp_free(block);
}

/* A block of the boot arena moves to the real heap. */
static void *leave_arena(void *block, size_t bytes) {
    void *moved = bytes != 0 ? malloc(bytes) : NULL;
    if (moved != NULL) {
        size_t old_bytes = smp_arena_size(block);
        memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    }
    return moved;
}

/* In any state of things. The free is counted first, for once the call has returned another thread
 * may have got the address; if the call fails, the object is put back. */
static __attribute__((noinline)) void *realloc_slow(void *block, size_t bytes) {
    if (smp_arena_holds(block)) {
        return leave_arena(block, bytes);
    }
    struct smp_object old;
    smp_realloc_before(&old, block);
    void *moved = smp_real.realloc(block, bytes);
    if (moved == NULL && bytes != 0) {
        smp_realloc_failed(&old);
        return NULL;
    }
    smp_realloc_after(&old);
    return smp_allocated_anyhow(moved);
}

static __attribute__((noinline)) void count_taken(size_t chunk_bytes) {
    size_t bytes = chunk_bytes - SPILLMARK_CHUNK_EXTRA_BYTES;
    smp_realloc_after(&(struct smp_object){.bytes = bytes});
}

/* Counted as the free of one object and the allocation of another. An object that was not sampled
 * needs no more than its size before; a block of the boot arena tells none here. */
SMP_EXPORT void *realloc(void *block, size_t bytes) {
    if (block == NULL) {
        return malloc(bytes);
    }
    size_t old_chunk_bytes = smp_quick_chunk_bytes(block);
    bool maybe = __builtin_expect(smp_live_maybe((uintptr_t)block), 0);
    if (__builtin_expect(old_chunk_bytes == 0 || (maybe && smp_live_likely((uintptr_t)block)), 0)) {
        return realloc_slow(block, bytes);
    }
    void *moved = smp_real.realloc(block, bytes);
    if (__builtin_expect(moved == NULL && bytes != 0, 0)) {
        return NULL;
    }
    if (__builtin_expect(!smp_freed(old_chunk_bytes), 0)) {
        count_taken(old_chunk_bytes);
    }
    return smp_allocated(moved);
}

SMP_EXPORT void *reallocarray(void *block, size_t count, size_t bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, total);
}

/* For the rarer ways to allocate, which may be another allocator's. */
static void *allocated(void *block, bool foreign) {
    return foreign ? block : smp_allocated_anyhow(block);
}

SMP_EXPORT int posix_memalign(void **ret_block, size_t alignment, size_t bytes) {
    int failed = smp_real.posix_memalign(ret_block, alignment, bytes);
    if (failed == 0) {
        allocated(*ret_block, smp_foreign.posix_memalign);
    }
    return failed;
}

SMP_EXPORT void *aligned_alloc(size_t alignment, size_t bytes) {
    return allocated(smp_real.aligned_alloc(alignment, bytes), smp_foreign.aligned_alloc);
}

SMP_EXPORT void *memalign(size_t alignment, size_t bytes) {
    return allocated(smp_real.memalign(alignment, bytes), smp_foreign.memalign);
}

SMP_EXPORT void *valloc(size_t bytes) {
    return allocated(smp_real.valloc(bytes), smp_foreign.valloc);
}

SMP_EXPORT void *pvalloc(size_t bytes) {
    return allocated(smp_real.pvalloc(bytes), smp_foreign.pvalloc);
}

static size_t usable_size(void *block) {
    return smp_arena_holds(block) ? smp_arena_size(block) : smp_real.malloc_usable_size(block);
}

SMP_TOGETHER size_t (*smp_usable_size)(void *block) = usable_size;

SMP_EXPORT size_t malloc_usable_size(void *block) {
    return smp_usable_size(block);
}

/* From now on smaller chunks may be mapped by themselves than the quick paths can tell. */
SMP_EXPORT int mallopt(int parameter, int value) {
    if (parameter == M_MMAP_THRESHOLD && value < SMP_MAPPED_LEAST_BYTES) {
        smp_process.has_small_maps = true;
        smp_here.slow_up_to = UINTPTR_MAX;
        if (smp_phase() == SMP_ON) {
            smp_self_hurry();
        }
    }
    return SMP_REAL(mallopt)(parameter, value);
}
