#include "early.h"

#include <errno.h>

#include "arena.h"
#include "process.h"

enum { PAGE = 4096 };

unsigned smp_early_calls;

static bool is_known(void) {
    return smp_real.malloc != smp_early_malloc;
}

static bool booted(void) {
    smp_early_calls++;
    smp_boot();
    return is_known();
}

/* A call from inside the boot, or from another thread meanwhile, must make do with the arena. False
 * when the real function is known by now. */
static bool in_arena(size_t alignment, size_t bytes, void **ret_block) {
    if (booted()) {
        return false;
    }
    *ret_block = smp_arena_take(alignment, bytes);
    if (*ret_block == NULL) {
        errno = ENOMEM;
        return !is_known(); /* else it was closed meanwhile */
    }
    return true;
}

void *smp_early_malloc(size_t bytes) {
    void *block;
    return in_arena(16, bytes, &block) ? block : smp_real.malloc(bytes);
}

void *smp_early_calloc(size_t count, size_t bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block;
    return in_arena(16, total, &block) ? block : smp_real.calloc(count, bytes);
}

/* Blocks of the arena are the caller's business (heap.c); here there are no others. */
void *smp_early_realloc(void *block, size_t bytes) {
    void *first;
    if (block == NULL && in_arena(16, bytes, &first)) {
        return first;
    }
    return booted() ? smp_real.realloc(block, bytes) : NULL;
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
    void *block;
    if (in_arena(alignment, bytes, &block)) {
        return block;
    }
    return smp_real.memalign != smp_early_memalign ? smp_real.memalign(alignment, bytes)
                                                   : lacking();
}

void *smp_early_aligned_alloc(size_t alignment, size_t bytes) {
    void *block;
    if (in_arena(alignment, bytes, &block)) {
        return block;
    }
    return smp_real.aligned_alloc != smp_early_aligned_alloc
               ? smp_real.aligned_alloc(alignment, bytes)
               : lacking();
}

int smp_early_posix_memalign(void **ret_block, size_t alignment, size_t bytes) {
    void *block;
    if (in_arena(alignment, bytes, &block)) {
        if (block == NULL) {
            return ENOMEM;
        }
        *ret_block = block;
        return 0;
    }
    return smp_real.posix_memalign != smp_early_posix_memalign
               ? smp_real.posix_memalign(ret_block, alignment, bytes)
               : ENOMEM;
}

void *smp_early_valloc(size_t bytes) {
    void *block;
    if (in_arena(PAGE, bytes, &block)) {
        return block;
    }
    return smp_real.valloc != smp_early_valloc ? smp_real.valloc(bytes) : lacking();
}

void *smp_early_pvalloc(size_t bytes) {
    void *block;
    if (in_arena(PAGE, (bytes + PAGE - 1) / PAGE * PAGE, &block)) {
        return block;
    }
    return smp_real.pvalloc != smp_early_pvalloc ? smp_real.pvalloc(bytes) : lacking();
}

size_t smp_early_malloc_usable_size(void *block) {
    return booted() && block != NULL ? smp_real.malloc_usable_size(block) : 0;
}
