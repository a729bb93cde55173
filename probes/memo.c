#include "memo.h"

#include "process.h"
#include "rules.h"

struct smp_memo *smp_memo_of(struct smp_self *self, const struct smp_origin *origin) {
    if (smp_home->memos == NULL || self == &smp_everybody) {
        return NULL;
    }
    uint64_t hash = (origin->pc ^ origin->sp << 20) * UINT64_C(0x9e3779b97f4a7c15);
    return &smp_home->memos[self->index * SMP_MEMOS + (hash >> 55)];
}
_Static_assert(SMP_MEMOS == 512, "the hash's nine upper bits choose");

uint32_t smp_memo_match(struct smp_memo *memo, const struct smp_self *self,
                        const struct smp_origin *origin) {
    if (memo->stack != 0 && memo->origin.pc == origin->pc && memo->origin.sp == origin->sp &&
        (!memo->by_bp || memo->origin.bp == origin->bp) &&
        memo->generation == smp_rules_generation() && memo->attachment == self->attachments) {
        const uint64_t *stack = (const uint64_t *)origin->sp;
        uint32_t i = 0;
        while (i < memo->count && stack[memo->offsets[i]] == memo->values[i]) {
            i++;
        }
        if (i == memo->count) {
            return memo->stack;
        }
    }
    memo->origin = *origin;
    memo->stack = 0;
    memo->count = 0;
    memo->overflow = false;
    memo->by_bp = false;
    memo->generation = smp_rules_generation();
    memo->attachment = self->attachments;
    return 0;
}

void smp_memo_keep(struct smp_memo *memo, uint32_t stack) {
    memo->stack = memo->overflow ? 0 : stack;
}
