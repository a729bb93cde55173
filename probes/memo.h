/* memo.h - walks that were made before.
 *
 * A walk is a function of where it starts, of the return addresses it meets and of the saved rbp
 * values it goes by. If all these words are still the same, so is the stack: comparing them is
 * several times quicker than walking, the more so where the program has used the caches since:
 * these words lie together, the rules of a walk do not. Kept per thread, in memory that fork wipes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "unwind.h"

/* Words are compared by fours. What is never used takes no memory; samples, which are of all of a
 * program's walks, are not worth as much of it as keeping them all would take: at the most 480 KB
 * for each of the first 16 threads, which most programs have, 120 KB for those up to 64. */
enum { SMP_MEMO_WORDS = 92, SMP_MEMO_STEP = 4, SMP_MEMO_WAYS = 4 };
enum { SMP_MEMO_SETS_BITS = 8, SMP_MEMO_FIRST_SETS_BITS = 7, SMP_MEMO_OTHER_SETS_BITS = 5 };
enum { SMP_MEMO_FIRST_THREADS = 16, SMP_MEMO_SAMPLING_THREADS = 64 };
enum { SMP_MEMO_SETS = 1 << SMP_MEMO_SETS_BITS };

struct smp_memo {
    struct smp_origin origin; /* without pc while nothing is kept */
    uint64_t epoch;           /* of the rules and of the self */
    uint32_t stack;
    uint16_t count;
    bool overflow;                    /* the walk cannot be told by so few words */
    bool by_bp;                       /* rests on the rbp it started with */
    uint16_t offsets[SMP_MEMO_WORDS]; /* from the start's sp, in words */
    uint64_t values[SMP_MEMO_WORDS];
};

/* Walks are numbered in the order in which room was first needed, so that few of them take few
 * pages; a walk is looked at only where its tag is the same. */
struct smp_memo_way {
    uint32_t tag; /* of the origin; 0 = there was none yet */
    uint32_t number;
};

/* Of a thread. */
struct smp_memos {
    struct smp_memo_way ways[SMP_MEMO_SETS][SMP_MEMO_WAYS];
    struct smp_memo walks[SMP_MEMO_SETS * SMP_MEMO_WAYS];
    uint32_t used;
};

/* The stack, if the walk from this origin is kept, or 0. */
uint32_t smp_memo_match(const struct smp_self *self, const struct smp_origin *origin);

/* Before that: fetches what tells walks apart. */
void smp_memo_prefetch(const struct smp_self *self, const struct smp_origin *origin);

/* What a walk that is not kept is to be written into; NULL without memory for it. The same
 * function is reached at the same depth by several ways: SMP_MEMO_WAYS of them are kept. */
struct smp_memo *smp_memo_begin(struct smp_self *self, const struct smp_origin *origin);

/* During a walk: it rests on the word at `address`. */
static inline void smp_memo_note(struct smp_memo *memo, uint64_t address, uint64_t value) {
    uint64_t offset = (address - memo->origin.sp) / sizeof value;
    if (address < memo->origin.sp || offset > UINT16_MAX || memo->count == SMP_MEMO_WORDS) {
        memo->overflow = true;
        return;
    }
    memo->offsets[memo->count] = (uint16_t)offset;
    memo->values[memo->count++] = value;
}

/* After a walk from this origin. */
void smp_memo_keep(struct smp_memo *memo, const struct smp_origin *origin, uint32_t stack);
