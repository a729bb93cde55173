#include "arena.h"

#include "heap.h"

unsigned char smp_arena[SMP_ARENA_BYTES] __attribute__((aligned(64)));

static size_t taken;

/* Each block has its size in the word before it, so far up that it looks like a large chunk of
 * glibc's, mapped by itself: it takes the rarer path of free, where arena blocks are told apart. */
enum { SIZE_SHIFT = 20 };
_Static_assert(1 << SIZE_SHIFT >= (int)SMP_MAPPED_LEAST_BYTES, "even of one byte");

void *smp_arena_take(size_t alignment, size_t bytes) {
    if (alignment < 16) {
        alignment = 16;
    }
    if (bytes > SMP_ARENA_BYTES || alignment > SMP_ARENA_BYTES / 2) {
        return NULL;
    }
    size_t before = __atomic_load_n(&taken, __ATOMIC_RELAXED);
    size_t start;
    do {
        uintptr_t at = (uintptr_t)smp_arena + before + sizeof(size_t) + alignment - 1;
        start = (at & ~(uintptr_t)(alignment - 1)) - (uintptr_t)smp_arena;
        if (start + bytes > SMP_ARENA_BYTES) {
            return NULL;
        }
    } while (!__atomic_compare_exchange_n(&taken, &before, start + bytes, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    *(size_t *)(smp_arena + start - sizeof(size_t)) = (bytes + 1) << SIZE_SHIFT | SMP_CHUNK_MAPPED;
    return smp_arena + start;
}

size_t smp_arena_size(const void *block) {
    return (*(const size_t *)((const unsigned char *)block - sizeof(size_t)) >> SIZE_SHIFT) - 1;
}
