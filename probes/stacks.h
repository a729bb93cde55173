/* stacks.h - call stacks: taken, stripped of the probe's own frames and interned in the slot. */
#pragma once

#include "memo.h"
#include "self.h"
#include "unwind.h"

/* Interns the stack at `origin`, a frame of the probe's own or of its caller. The entry's number; 0
 * when it could not be walked or found no room (counted). */
uint32_t smp_stack_walk(const struct smp_guard *guard, struct smp_self *self,
                        const struct smp_origin *origin, enum spillmark_kind kind);

/* The same, without a walk where the same one was made before. */
static inline uint32_t smp_stack_of(const struct smp_guard *guard, struct smp_self *self,
                                    const struct smp_origin *origin, enum spillmark_kind kind) {
    uint32_t stack = kind == SPILLMARK_KIND_HEAP ? smp_memo_match(self, origin) : 0;
    return stack != 0 ? stack : smp_stack_walk(guard, self, origin, kind);
}

/* Interns a heap site of one frame, which may be the probe's own. 0 when there is no room. */
uint32_t smp_stack_named(const struct smp_guard *guard, uintptr_t frame);

/* Copies one stack of this slot into the slot of a forked child, under the same number. */
void smp_stack_inherit(struct spillmark_slot *child, uint32_t stack);
