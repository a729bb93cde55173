/* heap_cxx.c - the hooks of C++'s operators new and delete, by their mangled names.
 *
 * libstdc++'s go through malloc and free, and are counted as these would be; most of tcmalloc's,
 * jemalloc's and mimalloc's do not, and are counted here (operators.c finds out). */
#include <stdlib.h>

#include "arena.h"
#include "heap.h"
#include "process.h"

/* An operator called before the boot is resolved after it: only then is the real malloc known. */
static void *find(struct smp_real_slot *slot) {
    void *function = __atomic_load_n(&slot->function, __ATOMIC_ACQUIRE);
    if (__builtin_expect(function == NULL, 0)) {
        smp_boot();
        function = smp_real_slow(slot);
    }
    return function;
}

/* Without a C++ library there is nobody to throw bad_alloc: malloc's NULL has to do. */
#define PASS_NEW(name, parameters, arguments)                                                      \
    void *(*function)parameters = (void *(*)parameters)find(&real_slot);                           \
    if (__builtin_expect(function == NULL, 0)) {                                                   \
        return malloc(bytes);                                                                      \
    }                                                                                              \
    if (!real_slot.by_itself) {                                                                    \
        return function arguments;                                                                 \
    }                                                                                              \
    return smp_allocated(function arguments);

/* What the C++ library's operator does is done here, so that the probe's cost is set off by the
 * call that is saved. When memory has run out, or malloc gives nothing for 0 bytes, it is called
 * all the same. */
#define NEW(name, parameters, arguments)                                                           \
    SMP_EXPORT void *name parameters;                                                              \
    SMP_EXPORT void *name parameters {                                                             \
        SMP_REAL_SLOT(#name);                                                                      \
        if (__builtin_expect(real_slot.plain, 1)) {                                                \
            void *block = smp_real.malloc(bytes);                                                  \
            if (__builtin_expect(block != NULL, 1)) {                                              \
                return smp_allocated(block);                                                       \
            }                                                                                      \
        }                                                                                          \
        PASS_NEW(name, parameters, arguments)                                                      \
    }

#define NEW_ALIGNED(name, parameters, arguments)                                                   \
    SMP_EXPORT void *name parameters;                                                              \
    SMP_EXPORT void *name parameters {                                                             \
        SMP_REAL_SLOT(#name);                                                                      \
        PASS_NEW(name, parameters, arguments)                                                      \
    }

#define DELETE(name, parameters, arguments)                                                        \
    SMP_EXPORT void name parameters;                                                               \
    SMP_EXPORT void name parameters {                                                              \
        SMP_REAL_SLOT(#name);                                                                      \
        if (__builtin_expect(real_slot.plain, 1)) {                                                \
            smp_free(block);                                                                       \
            return;                                                                                \
        }                                                                                          \
        void(*function) parameters = (void(*) parameters)find(&real_slot);                         \
        if (__builtin_expect(function == NULL || smp_arena_holds(block), 0)) {                     \
            free(block);                                                                           \
            return;                                                                                \
        }                                                                                          \
        if (real_slot.by_itself && block != NULL) {                                                \
            smp_count_free(block);                                                                 \
        }                                                                                          \
        function arguments;                                                                        \
    }

/* nothrow_t goes by reference, align_val_t as a size. */
NEW(_Znwm, (size_t bytes), (bytes))
NEW(_Znam, (size_t bytes), (bytes))
NEW(_ZnwmRKSt9nothrow_t, (size_t bytes, const void *tag), (bytes, tag))
NEW(_ZnamRKSt9nothrow_t, (size_t bytes, const void *tag), (bytes, tag))
NEW_ALIGNED(_ZnwmSt11align_val_t, (size_t bytes, size_t alignment), (bytes, alignment))
NEW_ALIGNED(_ZnamSt11align_val_t, (size_t bytes, size_t alignment), (bytes, alignment))
NEW_ALIGNED(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t bytes, size_t alignment, const void *tag),
            (bytes, alignment, tag))
NEW_ALIGNED(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t bytes, size_t alignment, const void *tag),
            (bytes, alignment, tag))

DELETE(_ZdlPv, (void *block), (block))
DELETE(_ZdaPv, (void *block), (block))
DELETE(_ZdlPvm, (void *block, size_t bytes), (block, bytes))
DELETE(_ZdaPvm, (void *block, size_t bytes), (block, bytes))
DELETE(_ZdlPvRKSt9nothrow_t, (void *block, const void *tag), (block, tag))
DELETE(_ZdaPvRKSt9nothrow_t, (void *block, const void *tag), (block, tag))
DELETE(_ZdlPvSt11align_val_t, (void *block, size_t alignment), (block, alignment))
DELETE(_ZdaPvSt11align_val_t, (void *block, size_t alignment), (block, alignment))
DELETE(_ZdlPvmSt11align_val_t, (void *block, size_t bytes, size_t alignment),
       (block, bytes, alignment))
DELETE(_ZdaPvmSt11align_val_t, (void *block, size_t bytes, size_t alignment),
       (block, bytes, alignment))
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *tag),
       (block, alignment, tag))
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *tag),
       (block, alignment, tag))
