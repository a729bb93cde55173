#include "frees.h"

#include "home.h"
#include "process.h"

struct pair_key {
    uint32_t alloc_stack, free_stack;
};

static int same_pair(uint32_t entry, const void *key) {
    const struct pair_key *pair = key;
    const struct spillmark_free_pair *at = &smp_process.frees[entry];
    return at->alloc_stack == pair->alloc_stack && at->free_stack == pair->free_stack;
}

static uint32_t pair_of(struct pair_key key) {
    uint64_t hash =
        ((uint64_t)key.alloc_stack << 32 | key.free_stack) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
    uint32_t entry = smp_index_find(&smp_home->free_index, hash, same_pair, &key);
    if (entry != 0) {
        return entry;
    }
    struct spillmark_section *section = smp_section(SPILLMARK_SECTION_FREES);
    if (__atomic_load_n(&section->used, __ATOMIC_RELAXED) >= section->capacity ||
        (entry = __atomic_fetch_add(&section->used, 1, __ATOMIC_RELAXED)) >= section->capacity) {
        __atomic_fetch_add(&section->dropped, 1, __ATOMIC_RELAXED);
        return 0;
    }
    struct spillmark_free_pair *pair = &smp_process.frees[entry];
    pair->free_stack = key.free_stack;
    __atomic_store_n(&pair->alloc_stack, key.alloc_stack, __ATOMIC_RELEASE);
    return smp_index_add(&smp_home->free_index, hash, entry, same_pair, &key);
}

static uint32_t residence_bucket(uint64_t microseconds) {
    uint32_t bucket = microseconds <= 1 ? 0 : 63u - (uint32_t)__builtin_clzll(microseconds);
    return bucket < SPILLMARK_RESIDENCE_BUCKETS ? bucket : SPILLMARK_RESIDENCE_BUCKETS - 1;
}

void smp_frees_add(const struct smp_guard *guard, uint32_t alloc_stack, uint32_t free_stack,
                   const struct smp_freed *freed) {
    (void)guard;
    uint32_t entry = alloc_stack != 0 && free_stack != 0
                         ? pair_of((struct pair_key){alloc_stack, free_stack})
                         : 0;
    if (entry == 0) {
        return;
    }
    uint64_t age_us = freed->age_ms * UINT64_C(1000);
    struct spillmark_free_pair *pair = &smp_process.frees[entry];
    smp_add_shared(&pair->bytes, freed->bytes);
    smp_add_shared(&pair->count_q10, freed->count_q10);
    smp_add_shared(&pair->samples, 1);
    smp_add_shared(&pair->residence_us_sum, age_us);
    __atomic_fetch_add(&pair->residence[residence_bucket(age_us)], 1, __ATOMIC_RELAXED);
}
