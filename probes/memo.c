#include "memo.h"

#include <sys/mman.h>

#include "process.h"
#include "raw.h"
#include "rules.h"

/* By index of self; mapped when first needed, then left to the next thread of that index. */
static struct smp_memos *mapped[SPILLMARK_THREADS];

enum { MAP_BYTES = sizeof(struct smp_memos) };

static inline int sets_bits(const struct smp_self *self) {
    return smp_process.record_all                 ? SMP_MEMO_SETS_BITS
           : self->index < SMP_MEMO_FIRST_THREADS ? SMP_MEMO_FIRST_SETS_BITS
                                                  : SMP_MEMO_OTHER_SETS_BITS;
}

/* With the first walk: a thread may end without one. */
static bool make_memos(struct smp_self *self) {
    bool is_one_of_many = !smp_process.record_all && self->index >= SMP_MEMO_SAMPLING_THREADS;
    if (self->block == NULL || is_one_of_many) { /* without a block it is shared by threads */
        return false;
    }
    if (mapped[self->index] == NULL) {
        long at = smp_raw_mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (smp_raw_failed(at)) {
            return false;
        }
        if (smp_raw_madvise((void *)at, MAP_BYTES, MADV_WIPEONFORK) < 0) {
            smp_raw_munmap((void *)at, MAP_BYTES);
            return false;
        }
        mapped[self->index] = (struct smp_memos *)at;
    }
    self->memos = mapped[self->index];
    return true;
}

struct place {
    struct smp_memo_way *set;
    uint32_t tag;
};

static inline struct place place_of(const struct smp_self *self, const struct smp_origin *origin) {
    uint64_t hash = (origin->pc ^ origin->sp << 20) * UINT64_C(0x9e3779b97f4a7c15);
    return (struct place){.set = self->memos->ways[hash >> (64 - sets_bits(self))],
                          .tag = (uint32_t)(hash >> 16) | 1};
}

static inline uint64_t epoch_of(const struct smp_self *self) {
    return (uint64_t)self->attachments << 32 | smp_rules_generation();
}

static inline bool same_words(const struct smp_memo *memo, const uint64_t *stack) {
    for (size_t i = 0; i < memo->count; i += SMP_MEMO_STEP) {
        const uint16_t *at = &memo->offsets[i];
        const uint64_t *value = &memo->values[i];
        if (((stack[at[0]] ^ value[0]) | (stack[at[1]] ^ value[1]) | (stack[at[2]] ^ value[2]) |
             (stack[at[3]] ^ value[3])) != 0) {
            return false;
        }
    }
    return true;
}

void smp_memo_prefetch(const struct smp_self *self, const struct smp_origin *origin) {
    if (self->memos == NULL) {
        return;
    }
    const struct smp_memo_way *set = place_of(self, origin).set;
    for (int way = 0; way < SMP_MEMO_WAYS; way++) {
        const struct smp_memo *memo = &self->memos->walks[set[way].number];
        __builtin_prefetch(memo);
        __builtin_prefetch(memo->values);
    }
}

uint32_t smp_memo_match(const struct smp_self *self, const struct smp_origin *origin) {
    if (self->memos == NULL) {
        return 0;
    }
    uint64_t epoch = epoch_of(self);
    const struct place place = place_of(self, origin);
    for (int way = 0; way < SMP_MEMO_WAYS; way++) {
        const struct smp_memo *memo = &self->memos->walks[place.set[way].number];
        if (place.set[way].tag == place.tag && memo->origin.sp == origin->sp &&
            memo->origin.pc == origin->pc && memo->epoch == epoch &&
            (!memo->by_bp || memo->origin.bp == origin->bp) &&
            same_words(memo, (const uint64_t *)origin->sp)) {
            return memo->stack;
        }
    }
    return 0;
}

struct smp_memo *smp_memo_begin(struct smp_self *self, const struct smp_origin *origin) {
    if (self->memos == NULL && !make_memos(self)) {
        return NULL;
    }
    const struct place place = place_of(self, origin);
    struct smp_memo_way *way = &place.set[self->next_memo++ % SMP_MEMO_WAYS];
    if (way->tag == 0) {
        way->number = self->memos->used++;
    }
    way->tag = place.tag;
    struct smp_memo *memo = &self->memos->walks[way->number];
    memo->origin = (struct smp_origin){.sp = origin->sp, .bp = origin->bp};
    memo->count = 0;
    memo->overflow = false;
    memo->by_bp = false;
    memo->epoch = epoch_of(self);
    return memo;
}

/* Filled up with the first word, so that there is no odd end to compare. */
void smp_memo_keep(struct smp_memo *memo, const struct smp_origin *origin, uint32_t stack) {
    if (memo->overflow || stack == 0) {
        return;
    }
    for (; memo->count % SMP_MEMO_STEP != 0; memo->count++) {
        memo->offsets[memo->count] = memo->offsets[0];
        memo->values[memo->count] = memo->values[0];
    }
    memo->stack = stack;
    memo->origin.pc = origin->pc;
}
_Static_assert(SMP_MEMO_WORDS % SMP_MEMO_STEP == 0, "there is room to fill up");
