/* regions.h - parts of the heap, and where the live table has the entries of their objects.
 *
 * A region of 16 KiB in which an object is known has one block (blocks.h), an open table whose
 * entries stand where their addresses lead to. The block is exchanged for a larger or a smaller one
 * as objects come and go, and given back with the last one. All calls are made while the region's
 * chain is held (live.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hold.h"
#include "home.h"

enum { SMP_REGION_BITS = 14, SMP_REGIONS_MAX = 1 << 22 };

/* Private; `next`, as the chains, names a region by its first unit (blocks.h). */
struct smp_region {
    uint64_t key; /* address >> SMP_REGION_BITS */
    uint64_t *entries;
    uint32_t next;
    uint16_t class, words; /* of the block */
    uint16_t left;         /* objects that may come, or */
    uint16_t spare;        /* go, before there is more to do */
    uint32_t reserved;
};
_Static_assert(sizeof(struct smp_region) == 2 * sizeof(struct smp_unit), "a number of units");

static inline struct smp_region *smp_region_at(uint32_t number) {
    return (struct smp_region *)&smp_home->live_regions[number];
}

/* Of a chain's head, which may be held (hold.h): what names the first region. */
#define SMP_CHAIN_FIRST (~SMP_HELD_BITS)

/* The head of the chain that a region is in: most heaps are far smaller than what all the heads
 * stand for, and lie in one piece. */
static inline _Atomic uint32_t *smp_region_chain(uint64_t key) {
    return &smp_home->live_heads[key & smp_home->live_mask];
}

/* The one of that key in a chain, or NULL. */
static inline struct smp_region *smp_region_find(_Atomic uint32_t *head, uint64_t key) {
    uint32_t number = atomic_load_explicit(head, memory_order_relaxed) & SMP_CHAIN_FIRST;
    while (number != 0) {
        struct smp_region *region = smp_region_at(number);
        if (region->key == key) {
            return region;
        }
        number = region->next;
    }
    return NULL;
}

/* Of an entry's twelve highest bits, the first says that there is an object, the others where it
 * begins in its region, spread so that regular distances fill a block evenly. */
static inline uint64_t smp_region_place(uintptr_t address) {
    enum { SPREAD = 1265 };
    return (address / 8 * SPREAD) << (63 - SPILLMARK_LIVE_PLACE_BITS) | UINT64_C(1) << 63;
}

/* Where an entry is looked for first. */
static inline uint32_t smp_region_slot(uint64_t entry, uint32_t words) {
    uint32_t place = (uint32_t)(entry << 1 >> (64 - SPILLMARK_LIVE_PLACE_BITS));
    return place * words >> SPILLMARK_LIVE_PLACE_BITS;
}

/* Puts an entry into a block that has room. */
static inline void smp_region_put(uint64_t *entries, uint32_t words, uint64_t entry) {
    uint32_t slot = smp_region_slot(entry, words);
    while (__builtin_expect(spillmark_live_is_object(entries[slot]), 0)) {
        slot = slot + 1 < words ? slot + 1 : 0;
    }
    __atomic_store_n(&entries[slot], entry, __ATOMIC_RELEASE);
}

/* A region in which one more fits: the given one (whose `left` is 0), or for NULL a new one at the
 * head of the chain. NULL if there is no room. */
struct smp_region *smp_region_make_room(_Atomic uint32_t *head, struct smp_region *region,
                                        uint64_t key);

/* After an object has gone that was not `spare`. The region may end. */
void smp_region_look(_Atomic uint32_t *head, struct smp_region *region);
