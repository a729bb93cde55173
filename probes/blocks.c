#include "blocks.h"

#include <sys/single_threaded.h>

#include "home.h"
#include "process.h"
#include "self.h"

/* Small blocks are taken from the section so many words at once: a multiple of theirs. */
enum { EXTENT_WORDS = 192, UNIT_WORDS = 2 };

const uint16_t smp_block_words[SMP_BLOCK_CLASSES] = {SMP_BLOCK_SIZES};

static uint32_t first_of(uint64_t range) {
    return (uint32_t)range;
}

static uint32_t end_of(uint64_t range) {
    return (uint32_t)(range >> 32);
}

static bool replace(_Atomic uint64_t *word, uint64_t *seen, uint64_t wanted) {
    if (__libc_single_threaded) { /* the guard keeps signal handlers away */
        atomic_store_explicit(word, wanted, memory_order_relaxed);
        return true;
    }
    return atomic_compare_exchange_weak_explicit(word, seen, wanted, memory_order_acq_rel,
                                                 memory_order_acquire);
}

static uint64_t tagged(uint64_t before, uint32_t block) {
    return ((before >> 32) + 1) << 32 | block;
}

/* A link lies in the lower half of the first word, which the harness takes for no object. */
static uint32_t pop(struct smp_blocks *blocks, struct smp_unit *units) {
    uint64_t top = atomic_load_explicit(&blocks->freed, memory_order_acquire);
    while (first_of(top) != 0) {
        uint64_t *link = &units[first_of(top)].words[0];
        uint64_t next = __atomic_load_n(link, __ATOMIC_RELAXED);
        if (replace(&blocks->freed, &top, tagged(top, (uint32_t)next))) {
            __atomic_store_n(link, 0, __ATOMIC_RELAXED);
            return first_of(top);
        }
    }
    return 0;
}

static uint32_t cut(struct smp_blocks *blocks, uint32_t block_units) {
    uint64_t range = atomic_load_explicit(&blocks->fresh, memory_order_relaxed);
    while (end_of(range) - first_of(range) >= block_units) {
        if (replace(&blocks->fresh, &range, range + block_units)) {
            return first_of(range);
        }
    }
    return 0;
}

uint32_t smp_blocks_take(struct smp_blocks *blocks, struct smp_unit *units, uint32_t block_units) {
    uint32_t block = pop(blocks, units);
    return block != 0 ? block : cut(blocks, block_units);
}

void smp_blocks_give(struct smp_blocks *blocks, struct smp_unit *units, uint32_t block) {
    uint64_t top = atomic_load_explicit(&blocks->freed, memory_order_relaxed);
    do {
        __atomic_store_n(&units[block].words[0], (uint64_t)first_of(top), __ATOMIC_RELAXED);
    } while (!replace(&blocks->freed, &top, tagged(top, block)));
}

/* A range of units of the section, or 0. */
static uint64_t more_of_section(uint32_t words) {
    struct spillmark_section *section = smp_section(SPILLMARK_SECTION_LIVE);
    uint32_t used = __atomic_load_n(&section->used, __ATOMIC_RELAXED), taken;
    do {
        uint32_t left = section->capacity - used;
        taken = EXTENT_WORDS > words ? EXTENT_WORDS / words * words : words;
        taken = taken <= left ? taken : left / words * words;
        if (used >= section->capacity || taken == 0) {
            return 0;
        }
    } while (!__atomic_compare_exchange_n(&section->used, &used, used + taken, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return (uint64_t)((used + taken) / UNIT_WORDS) << 32 | used / UNIT_WORDS;
}

static uint64_t part_of_larger(uint32_t class) {
    for (uint32_t larger = class + 1; larger < SMP_BLOCK_CLASSES; larger++) {
        uint32_t block = pop(&smp_home->live_blocks[larger], smp_live_units());
        if (block != 0) {
            return (uint64_t)(block + smp_block_words[larger] / UNIT_WORDS) << 32 | block;
        }
    }
    return 0;
}

/* Another thread may have brought fresh ones as well: then these are given away one by one. */
static void keep_fresh(struct smp_blocks *blocks, uint64_t range, uint32_t block_units) {
    uint64_t old = atomic_load_explicit(&blocks->fresh, memory_order_relaxed);
    if (end_of(old) - first_of(old) < block_units && replace(&blocks->fresh, &old, range)) {
        return;
    }
    for (uint32_t block = first_of(range); end_of(range) - block >= block_units;
         block += block_units) {
        smp_blocks_give(blocks, smp_live_units(), block);
    }
}

uint32_t smp_block_take(uint32_t class) {
    struct smp_blocks *blocks = &smp_home->live_blocks[class];
    uint32_t block_units = smp_block_words[class] / UNIT_WORDS;
    uint32_t block = smp_blocks_take(blocks, smp_live_units(), block_units);
    if (block != 0) {
        return block;
    }
    uint64_t range = part_of_larger(class);
    range = range != 0 ? range : more_of_section(smp_block_words[class]);
    if (range == 0) {
        return 0;
    }
    keep_fresh(blocks, range + block_units, block_units);
    return first_of(range);
}

void smp_block_give(uint32_t class, uint32_t block) {
    smp_blocks_give(&smp_home->live_blocks[class], smp_live_units(), block);
}
