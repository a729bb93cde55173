/* live.h - the sampled objects that are alive, found by address.
 *
 * Entries lie in the slot's LIVE section without gaps at its end; private chains lead to them.
 * A chain is held for a few instructions by the bit in its head; whoever finds it held too long
 * (its holder was interrupted by a signal handler that never returned) gives up and counts. */
#pragma once

#include <stdbool.h>

#include "clock.h"
#include "process.h"
#include "self.h"

/* Puts an object in. False, and counted, if there is no room. */
bool smp_live_insert(const struct smp_guard *guard, struct smp_self *self,
                     const struct spillmark_live *object);

/* Takes the object at `address` out. False if it is not there. */
bool smp_live_remove(const struct smp_guard *guard, struct smp_self *self, uintptr_t address,
                     struct spillmark_live *ret_object);

#define SMP_LIVE_HELD (UINT32_C(1) << 31) /* bit of a chain's head */

/* The head of the chain that an object is in. */
static inline _Atomic uint32_t *smp_live_chain(uintptr_t address) {
    /* Neighbours share cache lines; regions of a thousand heads are scattered. */
    uint64_t at = address >> smp_home->live_shift;
    uint64_t region = (at >> 10) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    return &smp_home->live_heads[(uint32_t)(at + region) & smp_home->live_mask];
}

/* For born_ms: never less than what it was before. */
static inline uint32_t smp_live_now_ms(void) {
    uint64_t now_ns = smp_clock_coarse_ns(), start_ns = smp_process.slot->start_ns;
    uint64_t ms = now_ns > start_ns ? (now_ns - start_ns) / 1000000 : 0;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

/* Fetches what either will touch into the cache, while there is other work. The probe is on. */
static inline void smp_live_prefetch(const struct smp_self *self, uintptr_t address) {
    __builtin_prefetch((const void *)smp_live_chain(address), 1);
    __builtin_prefetch(&smp_process.live[self->live_free], 1);
}

/* A thread that ends hands its free entries to all. */
void smp_live_give_back(const struct smp_guard *guard, struct smp_self *self);

enum { SMP_FILTER_BYTES = 4096 };

/* Counts of sampled objects by their address, without which free could not tell in a few
 * instructions; small, as it shares the processor's nearest cache with the program. Neighbours
 * share cache lines. Full of ones when every object is recorded. */
extern SMP_HIDDEN uint8_t smp_filter[SMP_FILTER_BYTES];

/* Empties the filter: at boot and in a forked child. */
void smp_filter_reset(void);

static inline uint32_t smp_filter_slot(uintptr_t address) {
    return (uint32_t)(address & (SMP_FILTER_BYTES * 16 - 1)) >> 4;
}

/* False only if no object at this address was sampled. */
static inline bool smp_live_maybe(uintptr_t address) {
    return smp_filter[smp_filter_slot(address)] != 0;
}

/* The same by a look that is right more often and costs more. The probe is on. */
static inline bool smp_live_likely(uintptr_t address) {
    return (atomic_load_explicit(smp_live_chain(address), memory_order_relaxed) & ~SMP_LIVE_HELD) !=
           0;
}
