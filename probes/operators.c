/* Where an operator lives is not enough: jemalloc's operator new allocates by itself, while its
 * operator delete calls free. So each is called once and watched. */
#include "operators.h"

#include <stdint.h>

#include "arena.h"
#include "early.h"
#include "object.h"
#include "process.h"

enum { BYTES = 64, ALIGNMENT = 64 };

/* What follows the first argument; on x86-64 arguments that are not taken are passed in vain. */
struct operator_case {
    const char *name;
    uintptr_t second, third;
};

static const char tag;

#define TAG ((uintptr_t)&tag)

/* The slot, if what is in it comes with the allocator. */
static struct smp_real_slot *slot_beside(const char *name, const struct smp_real_heap *heap) {
    struct smp_real_slot *slot = smp_real_slot_of(name);
    return slot != NULL && slot->function != NULL &&
                   smp_library_of(slot->function) == smp_library_of((const void *)heap->malloc)
               ? slot
               : NULL;
}

static void assume(struct smp_real_slot *slot) {
    if (slot != NULL && smp_process.is_late) {
        slot->by_itself = true;
    }
}

static void try_new(const struct operator_case *op, const struct smp_real_heap *heap) {
    struct smp_real_slot *slot = slot_beside(op->name, heap);
    if (slot == NULL || smp_process.is_late) {
        assume(slot);
        return;
    }
    void *(*make)(uintptr_t, uintptr_t, uintptr_t) =
        (void *(*)(uintptr_t, uintptr_t, uintptr_t))slot->function;
    unsigned before = smp_early_calls;
    void *block = make(BYTES, op->second, op->third);
    slot->by_itself = smp_early_calls == before;
    if (slot->by_itself) {
        heap->free(block);
    } else if (smp_arena_holds(block)) {
        smp_arena_give();
    }
}

/* The block must be a real one: an operator that frees by itself knows nothing of the arena. One
 * that calls free leaves it allocated, for the hook cannot free yet. */
static void try_delete(const struct operator_case *op, const struct smp_real_heap *heap) {
    struct smp_real_slot *slot = slot_beside(op->name, heap);
    void *block = NULL;
    if (slot == NULL || smp_process.is_late ||
        heap->posix_memalign(&block, ALIGNMENT, BYTES) != 0) {
        assume(slot);
        return;
    }
    void (*drop)(void *, uintptr_t, uintptr_t) =
        (void (*)(void *, uintptr_t, uintptr_t))slot->function;
    unsigned before = smp_early_calls;
    drop(block, op->second, op->third);
    slot->by_itself = smp_early_calls == before;
}

void smp_operators_find(const struct smp_real_heap *heap) {
    const struct operator_case news[] = {
        {"_Znwm", 0, 0},
        {"_Znam", 0, 0},
        {"_ZnwmRKSt9nothrow_t", TAG, 0},
        {"_ZnamRKSt9nothrow_t", TAG, 0},
        {"_ZnwmSt11align_val_t", ALIGNMENT, 0},
        {"_ZnamSt11align_val_t", ALIGNMENT, 0},
        {"_ZnwmSt11align_val_tRKSt9nothrow_t", ALIGNMENT, TAG},
        {"_ZnamSt11align_val_tRKSt9nothrow_t", ALIGNMENT, TAG},
    };
    const struct operator_case deletes[] = {
        {"_ZdlPv", 0, 0},
        {"_ZdaPv", 0, 0},
        {"_ZdlPvm", BYTES, 0},
        {"_ZdaPvm", BYTES, 0},
        {"_ZdlPvRKSt9nothrow_t", TAG, 0},
        {"_ZdaPvRKSt9nothrow_t", TAG, 0},
        {"_ZdlPvSt11align_val_t", ALIGNMENT, 0},
        {"_ZdaPvSt11align_val_t", ALIGNMENT, 0},
        {"_ZdlPvmSt11align_val_t", BYTES, ALIGNMENT},
        {"_ZdaPvmSt11align_val_t", BYTES, ALIGNMENT},
        {"_ZdlPvSt11align_val_tRKSt9nothrow_t", ALIGNMENT, TAG},
        {"_ZdaPvSt11align_val_tRKSt9nothrow_t", ALIGNMENT, TAG},
    };
    for (size_t i = 0; i < sizeof news / sizeof news[0]; i++) {
        try_new(&news[i], heap);
    }
    for (size_t i = 0; i < sizeof deletes / sizeof deletes[0]; i++) {
        try_delete(&deletes[i], heap);
    }
}
