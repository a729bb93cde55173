#include "live.h"

#include <string.h>

#include "hold.h"
#include "process.h"

enum { FILTER_FULL = 255 }; /* more than it can count: stays for good */

struct smp_filter smp_filter __attribute__((aligned(4096)));

void smp_filter_reset(void) {
    memset(&smp_filter, smp_process.record_all ? FILTER_FULL : 0, sizeof smp_filter);
}

static __attribute__((noinline)) bool give_up(void) {
    __atomic_fetch_add(&smp_process.slot->unsampled_drops, 1, __ATOMIC_RELAXED);
    return false;
}

static inline bool hold(_Atomic uint32_t *head) {
    return smp_hold(head) || give_up();
}

static inline void count_add(uint8_t *count, int change) {
    uint8_t seen = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (seen != FILTER_FULL &&
           !__atomic_compare_exchange_n(count, &seen, (uint8_t)(seen + change), true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static inline void filter_add(uintptr_t address, int change) {
    if (smp_process.record_all) { /* all are full, and stay so */
        return;
    }
    count_add(&smp_filter.exact[smp_filter_exact(address)], change);
    count_add(&smp_filter.near[smp_filter_near(address)], change);
}

static __attribute__((noinline)) void drop(void) {
    __atomic_fetch_add(&smp_section(SPILLMARK_SECTION_LIVE)->dropped, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&smp_process.slot->unsampled_drops, 1, __ATOMIC_RELAXED);
}

void smp_live_prefetch(uintptr_t address) {
    __builtin_prefetch(smp_live_chain(address));
    __builtin_prefetch(&smp_filter.exact[smp_filter_exact(address)]);
    __builtin_prefetch(&smp_filter.near[smp_filter_near(address)]);
    __builtin_prefetch(&smp_home->free_regions);
}

bool smp_live_insert(const struct smp_guard *guard, uintptr_t address, uint64_t packed) {
    (void)guard;
    _Atomic uint32_t *head = smp_live_chain(address);
    if (!hold(head)) {
        return false;
    }
    uint64_t key = address >> SMP_REGION_BITS;
    struct smp_region *region = smp_region_find(head, key);
    if (__builtin_expect(region == NULL || region->left == 0, 0) &&
        (region = smp_region_make_room(head, region, key)) == NULL) {
        smp_let_go(head);
        drop();
        return false;
    }
    /* In this order there is never less room than is thought. */
    region->left--;
    region->spare++;
    smp_region_put(region->entries, region->words, smp_region_place(address) | packed);
    smp_let_go(head);
    filter_add(address, 1);
    return true;
}

/* Where the entry is that belongs into a place; NULL if there is none. */
static inline uint64_t *find_entry(const struct smp_region *region, uint64_t place) {
    uint32_t words = region->words, slot = smp_region_slot(place, words);
    for (uint32_t left = words; left > 0; left--) {
        if ((region->entries[slot] ^ place) >> (63 - SPILLMARK_LIVE_PLACE_BITS) == 0) {
            return &region->entries[slot];
        }
        slot = slot + 1 < words ? slot + 1 : 0;
    }
    return NULL;
}

uint64_t smp_live_remove(const struct smp_guard *guard, uintptr_t address) {
    (void)guard;
    _Atomic uint32_t *head = smp_live_chain(address);
    if (atomic_load_explicit(head, memory_order_relaxed) == 0 || !hold(head)) {
        return 0;
    }
    struct smp_region *region = smp_region_find(head, address >> SMP_REGION_BITS);
    uint64_t *at = region != NULL ? find_entry(region, smp_region_place(address)) : NULL;
    if (at == NULL) {
        smp_let_go(head);
        return 0;
    }
    uint64_t entry = *at;
    __atomic_store_n(at, 0, __ATOMIC_RELEASE);
    region->left++;
    if (__builtin_expect(region->spare == 0, 0)) {
        smp_region_look(head, region);
    } else {
        region->spare--;
    }
    smp_let_go(head);
    filter_add(address, -1);
    return entry;
}
