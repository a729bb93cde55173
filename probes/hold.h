/* hold.h - holding a word of private memory for a few instructions.
 *
 * Two bits of the word say so; the others are its owner's. Whoever finds it held too long (its
 * holder was interrupted by a signal handler that never returned) gives up, and nobody waits from
 * then on until it is let go: nothing here can wait for ever. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "self.h"

#define SMP_HELD          (UINT32_C(1) << 31)
#define SMP_HELD_GIVEN_UP (UINT32_C(1) << 30) /* was held for too long */
#define SMP_HELD_BITS     (SMP_HELD | SMP_HELD_GIVEN_UP)

/* The rest of smp_hold. */
bool smp_hold_patiently(_Atomic uint32_t *word);

/* Under a guard. False if it was given up. */
static inline bool smp_hold(_Atomic uint32_t *word) {
    uint32_t seen = atomic_load_explicit(word, memory_order_relaxed) & ~SMP_HELD_BITS;
    /* With one thread the guard is enough: it keeps signal handlers away. */
    return __libc_single_threaded ||
           atomic_compare_exchange_strong_explicit(word, &seen, seen | SMP_HELD,
                                                   memory_order_acquire, memory_order_relaxed) ||
           smp_hold_patiently(word);
}

static inline void smp_let_go(_Atomic uint32_t *word) {
    uint32_t seen = atomic_load_explicit(word, memory_order_relaxed) & ~SMP_HELD_BITS;
    atomic_store_explicit(word, seen, memory_order_release);
}
