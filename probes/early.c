#include "early.h"

#include <errno.h>

#include "arena.h"
#include "process.h"

enum { PAGE = 4096 };

unsigned smp_early_calls;

/* True when the real function is known by now. A call from inside the boot, or from another
 * thread meanwhile, must make do with the arena. */
static bool booted(void) {
    smp_early_calls++;
    smp_boot();
    return smp_real.malloc != smp_early_malloc;
}

static void *from_arena(size_t alignment, size_t bytes) {
    void *block = smp_arena_take(alignment, bytes);
    if (block == NULL) {
        errno = ENOMEM;
    }
    return block;
}

void *smp_early_malloc(size_t bytes) {
    return booted() ? smp_real.malloc(bytes) : from_arena(16, bytes);
}

void *smp_early_calloc(size_t count, size_t bytes) {
    if (booted()) {
        return smp_real.calloc(count, bytes);
    }
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return from_arena(16, total);
}

/* Blocks of the arena are the caller's business (heap.c); here there are no others. */
void *smp_early_realloc(void *block, size_t bytes) {
    if (booted()) {
        return smp_real.realloc(block, bytes);
    }
    return block == NULL ? from_arena(16, bytes) : NULL;
}

void smp_early_free(void *block) {
    if (booted()) {
        smp_real.free(block);
    }
}

/* Once booted, a function below still leads here only if the allocator beneath lacks it. */
static void *lacking(void) {
    errno = ENOMEM;
    return NULL;
}

void *smp_early_memalign(size_t alignment, size_t bytes) {
    if (!booted()) {
        return from_arena(alignment, bytes);
    }
    return smp_real.memalign != smp_early_memalign ? smp_real.memalign(alignment, bytes)
                                                   : lacking();
}

void *smp_early_aligned_alloc(size_t alignment, size_t bytes) {
    if (!booted()) {
        return from_arena(alignment, bytes);
    }
    return smp_real.aligned_alloc != smp_early_aligned_alloc
               ? smp_real.aligned_alloc(alignment, bytes)
               : lacking();
}

int smp_early_posix_memalign(void **ret_block, size_t alignment, size_t bytes) {
    if (booted()) {
        return smp_real.posix_memalign != smp_early_posix_memalign
                   ? smp_real.posix_memalign(ret_block, alignment, bytes)
                   : ENOMEM;
    }
    void *block = smp_arena_take(alignment, bytes);
    if (block == NULL) {
        return ENOMEM;
    }
    *ret_block = block;
    return 0;
}

void *smp_early_valloc(size_t bytes) {
    if (!booted()) {
        return from_arena(PAGE, bytes);
    }
    return smp_real.valloc != smp_early_valloc ? smp_real.valloc(bytes) : lacking();
}

void *smp_early_pvalloc(size_t bytes) {
    if (!booted()) {
        return from_arena(PAGE, (bytes + PAGE - 1) / PAGE * PAGE);
    }
    return smp_real.pvalloc != smp_early_pvalloc ? smp_real.pvalloc(bytes) : lacking();
}

size_t smp_early_malloc_usable_size(void *block) {
    return booted() && block != NULL ? smp_real.malloc_usable_size(block) : 0;
}
