#include "regions.h"

#include <string.h>

#include "process.h"

/* Smaller blocks are not exchanged for still smaller ones; larger ones when so small a part of them
 * is in use. */
enum { SPARSE_WORDS = 32, SPARSE_PART = 6 };

enum { REGION_UNITS = sizeof(struct smp_region) / sizeof(struct smp_unit) };

/* So that searches stay short, but for the largest, which what fits into a region fits into. */
static uint32_t room_in(uint32_t class) {
    uint32_t words = smp_block_words[class];
    return class + 1 == SMP_BLOCK_CLASSES ? words : words - words / 4;
}

static uint32_t class_for(uint32_t objects) {
    uint32_t class = 0;
    while (class + 1 < SMP_BLOCK_CLASSES && room_in(class) < objects) {
        class += 1;
    }
    return class;
}

/* Never less than there are, and more only after calls that were interrupted for good. */
static uint32_t count_of(const struct smp_region *region) {
    return room_in(region->class) - region->left;
}

static void set_counts(struct smp_region *region, uint32_t count) {
    uint32_t room = room_in(region->class),
             low = region->words >= SPARSE_WORDS ? region->words / SPARSE_PART : 1;
    region->left = (uint16_t)(count < room ? room - count : 0);
    region->spare = (uint16_t)(count > low ? count - low : 0);
}

static void empty_block(uint64_t *entries, uint32_t class) {
    memset(entries, 0, smp_block_words[class] * sizeof *entries);
    smp_block_give(class, (uint32_t)((struct smp_unit *)entries - smp_live_units()));
}

/* Interrupted for good at any point, a region must not reach beyond its block. */
static void set_block(struct smp_region *region, uint64_t *entries, uint32_t class) {
    bool is_larger = class > region->class;
    for (int step = 0; step < 2; step++) {
        if ((step == 0) == is_larger) {
            region->entries = entries;
        } else {
            region->words = smp_block_words[class];
        }
        __asm__ volatile("" ::: "memory");
    }
    region->class = (uint16_t) class;
}

/* Whoever reads the slot meanwhile may meet an object twice, but misses none. */
static bool exchange(struct smp_region *region, uint32_t class) {
    uint32_t block = class != region->class ? smp_block_take(class) : 0;
    if (block == 0) {
        return false;
    }
    uint32_t old_class = region->class;
    uint64_t *old = region->entries, *entries = smp_live_units()[block].words;
    for (uint32_t i = 0; i < region->words; i++) {
        if (spillmark_live_is_object(old[i])) {
            smp_region_put(entries, smp_block_words[class], old[i]);
        }
    }
    set_block(region, entries, class);
    empty_block(old, old_class);
    return true;
}

/* So many are soon exceeded, and steps are long. */
enum { SMALL_COUNT = 48 };

static uint32_t first_of(_Atomic uint32_t *head) {
    return atomic_load_explicit(head, memory_order_relaxed) & SMP_CHAIN_FIRST;
}

static void set_first(_Atomic uint32_t *head, uint32_t number) {
    uint32_t bits = atomic_load_explicit(head, memory_order_relaxed) & SMP_HELD_BITS;
    atomic_store_explicit(head, bits | number, memory_order_relaxed);
}

/* Where every object is recorded there will be more than one, and mostly as many as in the region
 * below, which a heap that grows has filled by now: what is read of it without holding its chain is
 * only a guess. */
static uint32_t first_class(uint64_t key) {
    enum { FIRST_CLASS = 0, FIRST_CLASS_OF_ALL = 1 };
    if (!smp_process.record_all) {
        return FIRST_CLASS;
    }
    const struct smp_region *below = smp_region_at(first_of(smp_region_chain(key - 1)));
    uint32_t class = below->key == key - 1 ? class_for(count_of(below)) : FIRST_CLASS_OF_ALL;
    return class > FIRST_CLASS_OF_ALL ? class : FIRST_CLASS_OF_ALL;
}

static struct smp_region *begin(_Atomic uint32_t *head, uint64_t key) {
    struct smp_home *home = smp_home;
    uint32_t class = first_class(key);
    uint32_t number = smp_blocks_take(&home->free_regions, home->live_regions, REGION_UNITS);
    uint32_t block = number != 0 ? smp_block_take(class) : 0;
    if (block == 0) {
        if (number != 0) {
            smp_blocks_give(&home->free_regions, home->live_regions, number);
        }
        return NULL;
    }
    struct smp_region *region = smp_region_at(number);
    *region = (struct smp_region){.key = key,
                                  .entries = smp_live_units()[block].words,
                                  .next = first_of(head),
                                  .class = (uint16_t) class,
                                  .words = smp_block_words[class]};
    set_counts(region, 0);
    set_first(head, number);
    return region;
}

static void end(_Atomic uint32_t *head, struct smp_region *region) {
    uint32_t number = (uint32_t)((struct smp_unit *)region - smp_home->live_regions);
    if (first_of(head) == number) {
        set_first(head, region->next);
    } else {
        struct smp_region *before = smp_region_at(first_of(head));
        while (before->next != number) {
            before = smp_region_at(before->next);
        }
        before->next = region->next;
    }
    empty_block(region->entries, region->class);
    smp_blocks_give(&smp_home->free_regions, smp_home->live_regions, number);
}

struct smp_region *smp_region_make_room(_Atomic uint32_t *head, struct smp_region *region,
                                        uint64_t key) {
    if (region == NULL) {
        return begin(head, key);
    }
    uint32_t count = count_of(region);
    exchange(region, class_for(count + (count < SMALL_COUNT ? count / 2 : count / 4) + 1));
    set_counts(region, count);
    return region->left != 0 ? region : NULL;
}

void smp_region_look(_Atomic uint32_t *head, struct smp_region *region) {
    uint32_t count = count_of(region);
    if (count == 0) {
        end(head, region);
        return;
    }
    uint32_t class = class_for(count + count / 2);
    if (class < region->class) {
        exchange(region, class);
    }
    set_counts(region, count);
}
