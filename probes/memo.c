#include "memo.h"

#include <sys/mman.h>

#include "process.h"
#include "raw.h"
#include "rules.h"

/* By index of self; mapped when first needed, then left to the next thread of that index. */
static struct smp_memo *mapped[SPILLMARK_THREADS];

enum { MAP_BYTES = sizeof(struct smp_memo) * SMP_MEMO_SETS * SMP_MEMO_WAYS };

void smp_memo_attach(struct smp_self *self) {
    if (smp_process.sample_interval_bytes != 1) {
        return;
    }
    if (mapped[self->index] == NULL) {
        long at = smp_raw_mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (smp_raw_failed(at) || smp_raw_madvise((void *)at, MAP_BYTES, MADV_WIPEONFORK) < 0) {
            return;
        }
        mapped[self->index] = (struct smp_memo *)at;
    }
    self->memos = mapped[self->index];
}

static inline struct smp_memo *memos_of(const struct smp_self *self,
                                        const struct smp_origin *origin) {
    uint64_t hash = (origin->pc ^ origin->sp << 20) * UINT64_C(0x9e3779b97f4a7c15);
    return &self->memos[(hash >> 56) * SMP_MEMO_WAYS];
}
_Static_assert(SMP_MEMO_SETS == 256, "the hash's eight upper bits choose");

static inline bool same_words(const struct smp_memo *memo, const uint64_t *stack) {
    const uint16_t *at = memo->offsets, *end = at + memo->count;
    for (const uint64_t *value = memo->values; at < end; at += SMP_MEMO_STEP) {
        if (((stack[at[0]] ^ value[0]) | (stack[at[1]] ^ value[1]) | (stack[at[2]] ^ value[2]) |
             (stack[at[3]] ^ value[3])) != 0) {
            return false;
        }
        value += SMP_MEMO_STEP;
    }
    return true;
}

static inline bool matches(const struct smp_memo *memo, const struct smp_self *self,
                           const struct smp_origin *origin, uint32_t generation) {
    if (memo->origin.sp != origin->sp || memo->origin.pc != origin->pc || memo->stack == 0 ||
        (memo->by_bp && memo->origin.bp != origin->bp) || memo->generation != generation ||
        memo->attachment != self->attachments) {
        return false;
    }
    return same_words(memo, (const uint64_t *)origin->sp);
}

static struct smp_memo *replace(struct smp_memo *memos, struct smp_self *self,
                                const struct smp_origin *origin, uint32_t generation) {
    struct smp_memo *memo = &memos[self->next_memo++ % SMP_MEMO_WAYS];
    memo->origin = *origin;
    memo->stack = 0;
    memo->count = 0;
    memo->overflow = false;
    memo->by_bp = false;
    memo->generation = generation;
    memo->attachment = self->attachments;
    return memo;
}

uint32_t smp_memo_match(struct smp_self *self, const struct smp_origin *origin,
                        struct smp_memo **ret_memo) {
    if (self->memos == NULL) {
        *ret_memo = NULL;
        return 0;
    }
    uint32_t generation = smp_rules_generation();
    struct smp_memo *memos = memos_of(self, origin);
    for (uint32_t way = 0; way < SMP_MEMO_WAYS; way++) {
        if (matches(&memos[way], self, origin, generation)) {
            return memos[way].stack;
        }
    }
    *ret_memo = replace(memos, self, origin, generation);
    return 0;
}

/* Filled up with the first word, so that there is no odd end to compare. */
void smp_memo_keep(struct smp_memo *memo, uint32_t stack) {
    for (; memo->count % SMP_MEMO_STEP != 0; memo->count++) {
        memo->offsets[memo->count] = memo->offsets[0];
        memo->values[memo->count] = memo->values[0];
    }
    memo->stack = memo->overflow ? 0 : stack;
}
_Static_assert(SMP_MEMO_WORDS % SMP_MEMO_STEP == 0, "there is room to fill up");
