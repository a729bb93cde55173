/* live.h - the sampled objects that are alive, found by address: by chains of the heap's regions
 * (regions.h), then by the place in the region.
 *
 * A chain is held for a few instructions by the bit in its head; whoever finds it held too long
 * (its holder was interrupted by a signal handler that never returned) gives up and counts. */
#pragma once

#include <stdbool.h>

#include "clock.h"
#include "process.h"
#include "regions.h"
#include "self.h"

/* What is kept of an object beside its address: never 0. Its size its allocator knows. */
static inline uint64_t smp_live_pack(uint32_t stack, uint32_t born_ms) {
    return (uint64_t)born_ms << SPILLMARK_LIVE_STACK_BITS | stack;
}

/* Puts an object in. False, and counted, if there is no room. */
bool smp_live_insert(const struct smp_guard *guard, uintptr_t address, uint64_t packed);

/* Takes the object at `address` out: what was kept of it, or 0 if it is not there. */
uint64_t smp_live_remove(const struct smp_guard *guard, uintptr_t address);

/* Before an insert: fetches the lines it will look at first. */
void smp_live_prefetch(uintptr_t address);

/* The head of the chain that an object's region is in. */
static inline _Atomic uint32_t *smp_live_chain(uintptr_t address) {
    return smp_region_chain(address >> SMP_REGION_BITS);
}

/* For born_ms: never less than what it was before. */
static inline uint32_t smp_live_now_ms(void) {
    uint64_t now_ns = smp_clock_coarse_ns(), start_ns = smp_process.slot->start_ns;
    uint64_t ms = now_ns > start_ns ? (now_ns - start_ns) / 1000000 : 0;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

enum { SMP_FILTER_SLOTS = 4096 };

/* Counts of sampled objects, without which free could not tell in a few instructions. `near` has
 * them by the KiB they begin in: what a program frees in turn lies together, so that few of these
 * cache lines come into its way. `exact` tells the objects of a KiB apart. Full of ones when every
 * object is recorded. */
struct smp_filter {
    uint8_t near[SMP_FILTER_SLOTS], exact[SMP_FILTER_SLOTS];
};
extern SMP_HIDDEN struct smp_filter smp_filter;

/* Empties the filter: at boot and in a forked child. */
void smp_filter_reset(void);

static inline uint32_t smp_filter_near(uintptr_t address) {
    return (uint32_t)(address >> 10) % SMP_FILTER_SLOTS;
}

/* Spread, so that equal places of different pages do not meet. */
static inline uint32_t smp_filter_exact(uintptr_t address) {
    return (uint32_t)(address >> 4) * UINT32_C(0x9e3779b9) / (UINT32_MAX / SMP_FILTER_SLOTS + 1);
}

/* False only if no object at this address was sampled. */
static inline bool smp_live_maybe(uintptr_t address) {
    return smp_filter.near[smp_filter_near(address)] != 0;
}

/* The same by a look that is right more often and costs more. */
static inline bool smp_live_likely(uintptr_t address) {
    return smp_filter.exact[smp_filter_exact(address)] != 0;
}
