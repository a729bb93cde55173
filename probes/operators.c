/* Where an operator lives is not enough: jemalloc's operator new allocates by itself, while its
 * operator delete calls free. So each is called once and watched. */
#include "operators.h"

#include <dlfcn.h>
#include <stdint.h>

#include "early.h"

enum { BYTES = 64, ALIGNMENT = 64 };

/* An operator new, an operator delete that fits, and what follows their first arguments. */
struct pair {
    const char *make, *drop;
    uintptr_t make_second, drop_second;
    uintptr_t drop_third;
};

static const char tag;

#define TAG ((uintptr_t)&tag)

static const void *base_of(const void *function) {
    Dl_info info;
    return function != NULL && dladdr(function, &info) != 0 ? info.dli_fbase : NULL;
}

/* On x86-64 arguments that a function does not take are passed in vain. */
static void try_pair(const struct pair *pair, const void *allocator) {
    struct smp_real_slot *make = smp_real_slot_of(pair->make);
    struct smp_real_slot *drop = smp_real_slot_of(pair->drop);
    if (make == NULL || drop == NULL || base_of(make->function) != allocator ||
        base_of(drop->function) != allocator) {
        return;
    }
    void *(*make_it)(uintptr_t, uintptr_t, uintptr_t) =
        (void *(*)(uintptr_t, uintptr_t, uintptr_t))make->function;
    void (*drop_it)(void *, uintptr_t, uintptr_t) =
        (void (*)(void *, uintptr_t, uintptr_t))drop->function;
    unsigned before = smp_early_calls;
    void *block = make_it(BYTES, pair->make_second, TAG);
    make->by_itself = smp_early_calls == before;
    before = smp_early_calls;
    drop_it(block, pair->drop_second, pair->drop_third);
    drop->by_itself = smp_early_calls == before;
}

void smp_operators_try(const struct smp_real_heap *heap) {
    const struct pair pairs[] = {
        {"_Znwm", "_ZdlPv", 0, 0, 0},
        {"_Znam", "_ZdaPv", 0, 0, 0},
        {"_Znwm", "_ZdlPvm", 0, BYTES, 0},
        {"_Znam", "_ZdaPvm", 0, BYTES, 0},
        {"_ZnwmRKSt9nothrow_t", "_ZdlPvRKSt9nothrow_t", TAG, TAG, 0},
        {"_ZnamRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t", TAG, TAG, 0},
        {"_ZnwmSt11align_val_t", "_ZdlPvSt11align_val_t", ALIGNMENT, ALIGNMENT, 0},
        {"_ZnamSt11align_val_t", "_ZdaPvSt11align_val_t", ALIGNMENT, ALIGNMENT, 0},
        {"_ZnwmSt11align_val_t", "_ZdlPvmSt11align_val_t", ALIGNMENT, BYTES, ALIGNMENT},
        {"_ZnamSt11align_val_t", "_ZdaPvmSt11align_val_t", ALIGNMENT, BYTES, ALIGNMENT},
        {"_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZdlPvSt11align_val_tRKSt9nothrow_t", ALIGNMENT,
         ALIGNMENT, TAG},
        {"_ZnamSt11align_val_tRKSt9nothrow_t", "_ZdaPvSt11align_val_tRKSt9nothrow_t", ALIGNMENT,
         ALIGNMENT, TAG},
    };
    const void *allocator = base_of((const void *)heap->malloc);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        try_pair(&pairs[i], allocator);
    }
}
