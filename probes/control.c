#include "control.h"

#include <string.h>

#include "clock.h"
#include "live.h"
#include "process.h"
#include "size.h"
#include "stacks.h"

/* Small blocks, as leaks are; larger ones once the program is far behind. */
enum { BLOCK_BYTES = 4000, LARGE_BLOCK_BYTES = 32 * 1024, BLOCKS_AT_ONCE = 16 };

/* Reachable, so that leak finders in the target say nothing. Copied by fork, as the blocks are. */
struct kept {
    struct kept *next;
};
static struct kept *kept;

static void count(struct spillmark_slot *slot, size_t bytes) {
    smp_add_chunk(smp_here.self->block, bytes + SPILLMARK_CHUNK_EXTRA_BYTES);
    slot->control_count++;
    __atomic_store_n(&slot->control_bytes, slot->control_bytes + bytes, __ATOMIC_RELEASE);
}

/* Every block is a sample that stands for itself alone. The live table, whose private part would
 * grow by it, has it only where it has every object. */
static void add_to_site(const struct smp_guard *guard, uint32_t entry, void *block, size_t bytes) {
    struct spillmark_stack *stack = &smp_process.stacks[entry];
    if (entry != 0 &&
        (!smp_process.record_all ||
         smp_live_insert(guard, (uintptr_t)block, smp_live_pack(entry, smp_live_now_ms())))) {
        smp_add_shared(&stack->samples, 1);
        smp_add_shared(&stack->alloc_bytes, bytes);
        smp_add_shared(&stack->alloc_count_q10, 1024);
    }
}

void spillmark_positive_control(const struct smp_guard *guard) {
    struct spillmark_slot *slot = smp_process.slot;
    int saved_errno = errno;
    if (!smp_is_attached(smp_here.self) || !smp_control_due(slot)) {
        return;
    }
    /* Frames are return addresses: one byte within. */
    uint32_t entry = smp_feature(SPILLMARK_FEATURE_STACKS)
                         ? smp_stack_named(guard, (uintptr_t)spillmark_positive_control + 1)
                         : 0;
    for (int i = 0; i < BLOCKS_AT_ONCE && smp_control_due(slot); i++) {
        uint64_t due = slot->control_wanted_bytes - slot->control_bytes;
        size_t bytes = due > BLOCKS_AT_ONCE * BLOCK_BYTES ? LARGE_BLOCK_BYTES : BLOCK_BYTES;
        struct kept *block = smp_real.malloc(bytes);
        if (block == NULL) {
            break;
        }
        memset(block, 1, bytes);
        block->next = kept;
        kept = block;
        count(slot, smp_size_of(block));
        add_to_site(guard, entry, block, smp_size_of(block));
    }
    smp_publish_step(smp_here.self);
    errno = saved_errno;
}
