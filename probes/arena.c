#include "arena.h"

#include "heap.h"

unsigned char smp_arena[SMP_ARENA_BYTES] __attribute__((aligned(64)));

enum { CLOSED = SMP_ARENA_BYTES + 1 }; /* more than all: nothing fits behind it */

static size_t taken, blocks;
bool smp_arena_is_used;

/* Each block has its size in the word before it, so far up that it looks like a large chunk of
 * glibc's, mapped by itself: it takes the rarer path of free, where arena blocks are told apart. */
enum { SIZE_SHIFT = 20 };
_Static_assert(1 << SIZE_SHIFT >= (int)SMP_MAPPED_LEAST_BYTES, "even of one byte");

/* Where a block begins that fits behind what is taken. */
static size_t start_behind(size_t before, size_t alignment) {
    uintptr_t at = (uintptr_t)smp_arena + before + sizeof(size_t) + alignment - 1;
    return (at & ~(uintptr_t)(alignment - 1)) - (uintptr_t)smp_arena;
}

void *smp_arena_take(size_t alignment, size_t bytes) {
    if (alignment < 16) {
        alignment = 16;
    }
    if (bytes > SMP_ARENA_BYTES || alignment > SMP_ARENA_BYTES / 2) {
        return NULL;
    }
    /* Before it is there: whoever closes sees it. */
    __atomic_fetch_add(&blocks, 1, __ATOMIC_SEQ_CST);
    size_t before = __atomic_load_n(&taken, __ATOMIC_RELAXED);
    size_t start;
    do {
        start = start_behind(before, alignment);
        if (start + bytes > SMP_ARENA_BYTES) {
            smp_arena_give();
            return NULL;
        }
    } while (!__atomic_compare_exchange_n(&taken, &before, start + bytes, true, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    *(size_t *)(smp_arena + start - sizeof(size_t)) = (bytes + 1) << SIZE_SHIFT | SMP_CHUNK_MAPPED;
    return smp_arena + start;
}

void smp_arena_give(void) {
    __atomic_fetch_sub(&blocks, 1, __ATOMIC_SEQ_CST);
}

size_t smp_arena_size(const void *block) {
    return (*(const size_t *)((const unsigned char *)block - sizeof(size_t)) >> SIZE_SHIFT) - 1;
}

void smp_arena_close(void) {
    if (__atomic_exchange_n(&taken, CLOSED, __ATOMIC_SEQ_CST) != CLOSED) {
        smp_arena_is_used = __atomic_load_n(&blocks, __ATOMIC_SEQ_CST) != 0;
    }
}
