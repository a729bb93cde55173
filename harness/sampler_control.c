/* sampler_control.c - the positive control: memory that the probe keeps in the target on request,
 * told apart from the target's own figures. */
#include "sampler_internal.h"

void sm_control_read(struct sm_followed *process) {
    struct sm_figures *now = &process->now;
    struct sm_slot_control control;
    sm_slot_read_control(&process->slot, &control);
    double bytes = (double)control.bytes;
    now->control = now->has_heap ? bytes : 0;
    if (now->control <= 0)
        return;
    now->heap = now->heap > bytes ? now->heap - bytes : 0;
    now->heap_low = now->heap_low > bytes ? now->heap_low - bytes : 0;
    now->heap_high = now->heap_high > bytes ? now->heap_high - bytes : 0;
    now->heap_count -= (double)control.count < now->heap_count ? (double)control.count : 0;
}

/* Of the processes with a heap the one that has allocated most: it is at work. */
static struct sm_followed *busiest(const struct sm_sampler *sampler) {
    struct sm_followed *found = NULL;
    uint64_t most = 0;
    for (size_t i = 0; i < sampler->followed_count; i++) {
        struct sm_followed *process = sampler->followed[i];
        struct sm_slot_totals totals;
        if (!process->alive || !process->has_slot || process->exec_seen_ns ||
            !process->now.has_heap)
            continue;
        sm_slot_read_totals(&process->slot, &totals);
        if (!found || totals.alloc_bytes > most) {
            found = process;
            most = totals.alloc_bytes;
        }
    }
    return found;
}

static struct sm_followed *holder(const struct sm_sampler *sampler) {
    for (size_t i = 0; i < sampler->followed_count; i++) {
        struct sm_followed *process = sampler->followed[i];
        if (process->id == sampler->control_id && process->alive && process->has_slot &&
            !process->exec_seen_ns)
            return process;
    }
    return busiest(sampler);
}

int sm_sampler_keep_more(struct sm_sampler *sampler, uint64_t bytes) {
    struct sm_followed *process = holder(sampler);
    if (!process)
        return 0;
    sampler->control_id = process->id;
    sm_slot_want_control(&process->slot, bytes);
    return 1;
}
