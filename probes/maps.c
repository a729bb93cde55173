#include "maps.h"

#include "allocator.h"
#include "frees.h"
#include "hold.h"
#include "live.h"
#include "process.h"
#include "self.h"
#include "stacks.h"

uint64_t smp_map_turn(void) {
    return smp_phase() == SMP_ON ? atomic_load_explicit(&smp_home->map_turns, memory_order_relaxed)
                                 : 0;
}

/* A change on its way into the tables. */
struct noting {
    const struct smp_guard *guard;
    const struct smp_map_change *change;
    uint32_t stack, now_ms;
    uint64_t gone_bytes; /* of spans, so far */
};

static void span_taken(void *context, const struct smp_span *span, uint64_t bytes, int pieces) {
    struct noting *noting = context;
    struct spillmark_stack *stack = &smp_process.stacks[span->stack];
    noting->gone_bytes += bytes;
    if (span->stack == 0) {
        return;
    }
    smp_add_shared(&stack->free_bytes, bytes);
    if (pieces > 0) {
        smp_add_shared(&stack->alloc_count_q10, 1024);
    } else if (pieces < 0) {
        const struct smp_freed freed = {bytes, 1024, noting->now_ms - span->born_ms};
        smp_add_shared(&stack->free_count_q10, 1024);
        smp_frees_add(noting->guard, span->stack, noting->stack, &freed);
    }
}

static void drop(uint64_t unplaced_bytes) {
    smp_add_shared(&smp_process.slot->map_drops, 1);
    atomic_fetch_add_explicit(&smp_home->map_unplaced_bytes, unplaced_bytes, memory_order_relaxed);
}

static void cut(struct noting *noting, struct smp_map_range range, uint64_t turn) {
    uint64_t lost = smp_spans_cut(&smp_home->map_spans, range.at, range.at + range.bytes, turn,
                                  span_taken, noting);
    if (lost != 0) {
        noting->gone_bytes -= lost;
        drop(lost);
    }
}

/* Whatever was known where the kernel maps something new is gone. */
static void place(struct noting *noting, struct smp_map_range range) {
    cut(noting, range, UINT64_MAX);
    struct smp_span span = {
        .low = range.at,
        .high = range.at + range.bytes,
        .turn = atomic_fetch_add_explicit(&smp_home->map_turns, 1, memory_order_relaxed) + 1,
        .stack = noting->stack,
        .born_ms = noting->now_ms};
    if (!smp_spans_add(&smp_home->map_spans, &span)) {
        drop(range.bytes);
        return;
    }
    if (noting->stack != 0) {
        struct spillmark_stack *stack = &smp_process.stacks[noting->stack];
        smp_add_shared(&stack->samples, 1);
        smp_add_shared(&stack->alloc_bytes, range.bytes);
        smp_add_shared(&stack->alloc_count_q10, 1024);
    }
}

/* Of so many bytes that were unmapped and are in no span: those that had found no room. */
static uint64_t take_unplaced(uint64_t bytes) {
    uint64_t unplaced = atomic_load_explicit(&smp_home->map_unplaced_bytes, memory_order_relaxed);
    uint64_t taken;
    do {
        taken = bytes < unplaced ? bytes : unplaced;
    } while (taken != 0 && !atomic_compare_exchange_weak_explicit(
                               &smp_home->map_unplaced_bytes, &unplaced, unplaced - taken,
                               memory_order_relaxed, memory_order_relaxed));
    return taken;
}

/* False if it cannot be noted now. */
static bool note(struct noting *noting) {
    const struct smp_map_change *change = noting->change;
    if (!smp_hold(&smp_home->map_hold)) {
        return false;
    }
    if (change->unmapped.bytes != 0) {
        cut(noting, change->unmapped, change->turn);
        noting->gone_bytes += take_unplaced(change->unmapped.bytes - noting->gone_bytes);
    }
    if (change->mapped.bytes != 0) {
        place(noting, change->mapped);
    }
    smp_let_go(&smp_home->map_hold);
    return true;
}

/* A span that should have gone stays until the kernel gives its place away again. */
static void miss(struct noting *noting) {
    noting->gone_bytes = take_unplaced(noting->change->unmapped.bytes);
    drop(noting->change->mapped.bytes);
}

static void count(struct spillmark_thread *block, const struct noting *noting) {
    if (noting->change->mapped.bytes != 0) {
        smp_add_shared(&block->map_bytes, noting->change->mapped.bytes);
        smp_add_shared(&block->map_count, 1);
    }
    if (noting->gone_bytes != 0) {
        smp_add_shared(&block->unmap_bytes, noting->gone_bytes);
        smp_add_shared(&block->unmap_count, 1);
    }
}

void smp_map_changed(const struct smp_map_change *change) {
    struct smp_origin origin = SMP_ORIGIN();
    struct smp_guard guard;
    struct noting noting = {.guard = &guard, .change = change};
    struct smp_self *self = smp_attached();
    if (smp_phase() != SMP_ON || !smp_feature(SPILLMARK_FEATURE_MAPS) ||
        (self == NULL && smp_here.self != &smp_everybody)) {
        return;
    }
    struct spillmark_thread *block =
        self != NULL ? self->block : &smp_process.threads[SPILLMARK_THREADS - 1];
    if (!smp_guard_enter(&guard)) {
        miss(&noting);
    } else {
        noting.stack = smp_stack_of(&guard, self, &origin, SPILLMARK_KIND_MAP);
        noting.now_ms = smp_live_now_ms();
        if (!note(&noting)) {
            miss(&noting);
        }
        smp_guard_leave(&guard);
    }
    count(block, &noting);
    smp_allocator_answer_allocated();
}
