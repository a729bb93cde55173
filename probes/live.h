/* live.h - the sampled objects that are alive, found by address.
 *
 * Entries lie in the slot's LIVE section without gaps at its end; private chains lead to them.
 * A chain is held for a few instructions by the bit in its head; whoever finds it held too long
 * (its holder was interrupted by a signal handler that never returned) gives up and counts. */
#pragma once

#include <stdbool.h>

#include "self.h"

/* Puts an object in. False, and counted, if there is no room. */
bool smp_live_insert(const struct smp_guard *guard, struct smp_self *self,
                     const struct spillmark_live *object);

/* Takes the object at `address` out. False if it is not there. */
bool smp_live_remove(const struct smp_guard *guard, struct smp_self *self, uintptr_t address,
                     struct spillmark_live *ret_object);

/* Fetches what either will touch into the cache, while there is other work. */
void smp_live_prefetch(const struct smp_self *self, uintptr_t address);

/* A thread that ends hands its free entries to all. */
void smp_live_give_back(const struct smp_guard *guard, struct smp_self *self);

enum { SMP_FILTER_BYTES = 16384 };

/* Counts of sampled objects by their address, without which free could not tell in a few
 * instructions. Neighbours share cache lines. Full of ones when every object is recorded. */
extern uint8_t smp_filter[SMP_FILTER_BYTES];

/* Empties the filter: at boot and in a forked child. */
void smp_filter_reset(void);

static inline uint32_t smp_filter_slot(uintptr_t address) {
    return (uint32_t)(address >> 4) & (SMP_FILTER_BYTES - 1);
}

/* False only if no object at this address was sampled. */
static inline bool smp_live_maybe(uintptr_t address) {
    return smp_filter[smp_filter_slot(address)] != 0;
}
