/* arena.h - memory for allocations made while the probe boots, before the real allocator is
 * known (dlsym's own, for one). Never given back, never counted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hidden.h"

enum { SMP_ARENA_BYTES = 256 * 1024 };
extern SMP_HIDDEN unsigned char smp_arena[SMP_ARENA_BYTES];

/* NULL when it is full or closed. Zeroed. `alignment` is a power of two. Any thread. */
void *smp_arena_take(size_t alignment, size_t bytes);

/* A block is freed, or known to nobody. Its memory is not used again. */
void smp_arena_give(void);

/* Once the real allocator is known no more is taken. Under a boot only. */
void smp_arena_close(void);

/* Whether the program may have a block of the arena, once it is closed. */
extern SMP_HIDDEN bool smp_arena_is_used;

/* Usable size of a block of the arena. */
size_t smp_arena_size(const void *block);

static inline bool smp_arena_holds(const void *block) {
    return __builtin_expect((uintptr_t)block - (uintptr_t)smp_arena < SMP_ARENA_BYTES, 0);
}
