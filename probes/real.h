/* real.h - the functions beneath the hooks.
 *
 * The malloc family's pointers lead to early.c until the boot has found it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hidden.h"

#define SMP_REAL_HEAP_TABLE(X)                                                                     \
    X(malloc, void *, (size_t))                                                                    \
    X(calloc, void *, (size_t, size_t))                                                            \
    X(realloc, void *, (void *, size_t))                                                           \
    X(free, void, (void *))                                                                        \
    X(posix_memalign, int, (void **, size_t, size_t))                                              \
    X(aligned_alloc, void *, (size_t, size_t))                                                     \
    X(memalign, void *, (size_t, size_t))                                                          \
    X(valloc, void *, (size_t))                                                                    \
    X(pvalloc, void *, (size_t))                                                                   \
    X(malloc_usable_size, size_t, (void *))

struct smp_real_heap {
#define X(name, result, parameters) result(*name) parameters;
    SMP_REAL_HEAP_TABLE(X)
#undef X
};

extern SMP_HIDDEN struct smp_real_heap smp_real;

/* Functions whose blocks are not of malloc's heap: jemalloc, for one, leaves pvalloc to libc. Such
 * blocks are not counted, for free cannot take them, nor can their size be asked. */
struct smp_foreign {
#define X(name, result, parameters) bool name;
    SMP_REAL_HEAP_TABLE(X)
#undef X
};

extern SMP_HIDDEN struct smp_foreign smp_foreign;

/* Fills it, when an allocator with a heap of its own lies beneath. Under the boot only. */
void smp_real_find_foreign(const struct smp_real_heap *heap);

/* The function that the program would call by this name without the probe. NULL if there is none.
 * Under a boot, or where dlsym may be called. */
void *smp_real_lookup(const char *name);

/* Looks the malloc family up. False if malloc or free is missing. Under the boot only. */
bool smp_real_find(struct smp_real_heap *ret_heap);

/* A function beneath a hook. All of them lie in one linker section, so that the boot can find them
 * together: dlsym takes the loader's lock, which a hook had better not wait for later on. */
struct smp_real_slot {
    void *function; /* NULL until found */
    const char *name;
    bool by_itself; /* an operator of C++ that does not pass through malloc or free */
    bool plain;     /* an operator of the C++ library: malloc or free, and what to do on failure */
};

/* Looks up every slot. Under the boot only. */
void smp_real_find_all(void);

/* From now on no operator is plain: what the C++ library calls malloc is another allocator's than
 * smp_real's. Under the boot only. */
void smp_real_no_plain(void);

/* The slot of a hook, or NULL. Under the boot only. */
struct smp_real_slot *smp_real_slot_of(const char *name);

/* Looks one up: a hook that was called before the boot. NULL if there is no such function. */
void *smp_real_slow(struct smp_real_slot *slot);

#define SMP_REAL_SLOT(text)                                                                        \
    static struct smp_real_slot real_slot                                                          \
        __attribute__((section("smp_real_slots"), used, aligned(8))) = {NULL, text, false, false}

/* The real function behind the hook `hook`, typed like it; NULL if nothing defines it. */
#define SMP_REAL(hook)                                                                             \
    ({                                                                                             \
        SMP_REAL_SLOT(#hook);                                                                      \
        void *real_found = __atomic_load_n(&real_slot.function, __ATOMIC_RELAXED);                 \
        if (__builtin_expect(real_found == NULL, 0)) {                                             \
            real_found = smp_real_slow(&real_slot);                                                \
        }                                                                                          \
        (__typeof__(&hook))real_found;                                                             \
    })

/* Marks what the export map lets out. */
#define SMP_EXPORT __attribute__((visibility("default")))
