/* blocks.h - memory for the live table: blocks of a few sizes, cut from the LIVE section.
 *
 * Free ones are kept in a list for each size, without locks. One that is wanted of a size that has
 * none is cut off a larger one that is free, before the section is asked for more; blocks are never
 * joined again. Whoever gives one back has emptied it, so that each is found empty. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hidden.h"
#include "process.h"

/* What memory is counted in: a number of one is small enough to go with a tag. */
struct smp_unit {
    uint64_t words[2];
};

/* Words of the blocks, in rising order. */
#define SMP_BLOCK_SIZES                                                                            \
    2, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 320, 384, 512, 768, 1024, 1536, 2048
enum { SMP_BLOCK_CLASSES = 18 };
extern SMP_HIDDEN const uint16_t smp_block_words[SMP_BLOCK_CLASSES];

/* Blocks of one size. Their numbers are those of their first units; 0 = none. */
struct smp_blocks {
    _Atomic uint64_t freed; /* the first of a list, tagged against ABA in the upper half */
    _Atomic uint64_t fresh; /* what was not used yet: from this one to that in the upper half */
};

/* From the free ones, then from the fresh ones; 0 if there is neither. Any thread. */
uint32_t smp_blocks_take(struct smp_blocks *blocks, struct smp_unit *units, uint32_t block_units);
void smp_blocks_give(struct smp_blocks *blocks, struct smp_unit *units, uint32_t block);

static inline struct smp_unit *smp_live_units(void) {
    return (struct smp_unit *)smp_process.live;
}

/* The same in the LIVE section. 0 if it is full. */
uint32_t smp_block_take(uint32_t class);
void smp_block_give(uint32_t class, uint32_t block);
