#include "stacks.h"

#include <string.h>

#include "memo.h"
#include "modules.h"
#include "process.h"

struct walked {
    const uintptr_t *frames;
    uint32_t depth;
    uint32_t truncated;
    uint32_t kind;
    uint64_t hash;
};

static uint64_t hash_of(const struct walked *walked) {
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) + walked->kind;
    for (uint32_t i = 0; i < walked->depth; i++) {
        hash = (hash ^ walked->frames[i]) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    return hash;
}

static int same_stack(uint32_t entry, const void *key) {
    const struct walked *walked = key;
    const struct spillmark_stack *stack = &smp_process.stacks[entry];
    return stack->hash == walked->hash && stack->depth == walked->depth &&
           stack->kind == walked->kind &&
           memcmp(&smp_process.frames[stack->first_frame], walked->frames,
                  walked->depth * sizeof(uint64_t)) == 0;
}

/* `count` entries at the end of a section, or 0. A section whose entry 0 is unused never gives
 * 0; frames can, which is told apart by *ret_room. */
static uint32_t reserve(struct spillmark_section *section, uint32_t count, bool *ret_room) {
    uint32_t used = __atomic_load_n(&section->used, __ATOMIC_RELAXED);
    do {
        if (count > section->capacity - used) {
            __atomic_fetch_add(&section->dropped, 1, __ATOMIC_RELAXED);
            *ret_room = false;
            return 0;
        }
    } while (!__atomic_compare_exchange_n(&section->used, &used, used + count, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    *ret_room = true;
    return used;
}

static uint32_t add_stack(const struct walked *walked) {
    bool room;
    uint32_t first = reserve(smp_section(SPILLMARK_SECTION_FRAMES), walked->depth, &room);
    uint32_t entry = room ? reserve(smp_section(SPILLMARK_SECTION_STACKS), 1, &room) : 0;
    if (!room) {
        return 0;
    }
    memcpy(&smp_process.frames[first], walked->frames, walked->depth * sizeof(uint64_t));
    smp_modules_cover(walked->frames, walked->depth);
    struct spillmark_stack *stack = &smp_process.stacks[entry];
    stack->hash = walked->hash;
    stack->first_frame = first;
    stack->kind = walked->kind;
    stack->truncated = walked->truncated;
    __atomic_store_n(&stack->depth, walked->depth, __ATOMIC_RELEASE);
    return smp_index_add(&smp_home->stack_index, walked->hash, entry, same_stack, walked);
}

static uint32_t intern(struct walked *walked) {
    walked->hash = hash_of(walked);
    uint32_t entry = smp_index_find(&smp_home->stack_index, walked->hash, same_stack, walked);
    return entry != 0 ? entry : add_stack(walked);
}

static uint32_t intern_cut(const uintptr_t *frames, uint32_t depth, enum spillmark_kind kind) {
    struct walked walked = {.frames = frames, .depth = depth, .kind = kind};
    if (depth == 0) {
        __atomic_fetch_add(&smp_process.slot->stack_failures, 1, __ATOMIC_RELAXED);
        return 0;
    }
    if (walked.depth > SPILLMARK_FRAMES_MAX) {
        walked.depth = SPILLMARK_FRAMES_MAX;
        walked.truncated = 1;
    }
    return intern(&walked);
}

uint32_t smp_stack_walk(const struct smp_guard *guard, struct smp_self *self,
                        const struct smp_origin *origin, enum spillmark_kind kind) {
    uintptr_t frames[SPILLMARK_FRAMES_MAX + 1];
    struct smp_memo *memo = kind == SPILLMARK_KIND_HEAP ? smp_memo_begin(self, origin) : NULL;
    uint32_t depth = smp_unwind(guard, origin, memo, frames, SPILLMARK_FRAMES_MAX + 1);
    uint32_t stack = intern_cut(frames, depth, kind);
    if (memo != NULL) {
        smp_memo_keep(memo, origin, stack);
    }
    return stack;
}

uint32_t smp_stack_named(const struct smp_guard *guard, uintptr_t frame) {
    (void)guard;
    return intern_cut(&frame, 1, SPILLMARK_KIND_HEAP);
}

void smp_stack_inherit(struct spillmark_slot *child, uint32_t entry) {
    const struct spillmark_stack *from = &smp_process.stacks[entry];
    struct spillmark_section *frames = &child->sections[SPILLMARK_SECTION_FRAMES];
    struct spillmark_section *stacks = &child->sections[SPILLMARK_SECTION_STACKS];
    struct spillmark_stack *to = (struct spillmark_stack *)((char *)child + stacks->offset) + entry;
    bool room;
    if (to->depth != 0) {
        return;
    }
    uint32_t first = reserve(frames, from->depth, &room);
    if (!room) {
        return;
    }
    const uintptr_t *source = &smp_process.frames[from->first_frame];
    memcpy((uint64_t *)((char *)child + frames->offset) + first, source,
           from->depth * sizeof(uint64_t));
    *to = (struct spillmark_stack){.hash = from->hash,
                                   .first_frame = first,
                                   .depth = from->depth,
                                   .kind = from->kind,
                                   .truncated = from->truncated};
    if (stacks->used <= entry) {
        stacks->used = entry + 1;
    }
    struct walked walked = {
        .frames = source, .depth = from->depth, .kind = from->kind, .hash = from->hash};
    smp_index_add(&smp_home->stack_index, from->hash, entry, same_stack, &walked);
}
