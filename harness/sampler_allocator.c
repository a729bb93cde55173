/* sampler_allocator.c - what the allocators say of themselves, asked through the slots.
 *
 * The program answers at an event of its own, so an answer may be late or never come: one that
 * allocates, frees and reads nothing any more does not answer, nor does one whose allocator tells
 * no figures. Walking its free lists costs the program time, so that the pace is such that it
 * spends a hundredth of it. */
#include "sampler_internal.h"

static const int64_t period_ns = 100000000;
enum { COST_SHARE = 100 };

static void take_answer(struct sm_allocator_watch *watch, const struct sm_slot *slot,
                        int64_t now_ns) {
    struct sm_slot_answer answer;
    sm_slot_read_answer(slot, &answer);
    if (watch->asked == 0 || answer.number != watch->asked || watch->next_ask_ns != 0)
        return;
    int64_t took_ns =
        answer.took_ns < (uint64_t)period_ns * COST_SHARE ? (int64_t)answer.took_ns : period_ns;
    watch->next_ask_ns =
        now_ns + (took_ns * COST_SHARE > period_ns ? took_ns * COST_SHARE : period_ns);
    watch->answered_ns =
        answer.at_ns && answer.at_ns < (uint64_t)now_ns ? (int64_t)answer.at_ns : now_ns;
    watch->slack_bytes = (double)answer.slack_bytes;
    if (watch->give_back && answer.gave_back >= watch->give_back) {
        watch->give_back = 0;
        watch->give_back_done++;
    }
}

/* next_ask_ns is 0 while a request is out. */
static void ask(struct sm_followed *process, int give_back) {
    struct sm_allocator_watch *watch = &process->allocator;
    watch->asked = sm_slot_ask(&process->slot, give_back);
    watch->next_ask_ns = 0;
}

void sm_allocator_read(struct sm_followed *process, int64_t now_ns) {
    struct sm_allocator_watch *watch = &process->allocator;
    struct sm_figures *now = &process->now;
    now->heaps = now->has_heap;
    now->answers = 0;
    now->slack = now->slack_age_s = 0;
    if (!now->has_heap || process->exec_seen_ns)
        return;
    take_answer(watch, &process->slot, now_ns);
    if (watch->asked == 0 || (watch->next_ask_ns != 0 && now_ns >= watch->next_ask_ns))
        ask(process, 0);
    now->give_back_asked = watch->give_back_asked;
    now->give_back_done = watch->give_back_done;
    if (!watch->answered_ns)
        return;
    /* Free bytes that were never touched, or were given back, are not resident. */
    double beyond_live = now->anon_of_heap > now->heap ? now->anon_of_heap - now->heap : 0;
    now->answers = 1;
    now->slack = watch->slack_bytes < beyond_live ? watch->slack_bytes : beyond_live;
    now->slack_age_s = (double)(now_ns - watch->answered_ns) / 1e9;
}

int sm_sampler_give_back(struct sm_sampler *sampler, int64_t now_ns) {
    int count = 0;
    for (size_t i = 0; i < sampler->followed_count; i++) {
        struct sm_followed *process = sampler->followed[i];
        if (!process->alive || !process->has_slot || process->exec_seen_ns ||
            !process->now.has_heap)
            continue;
        take_answer(&process->allocator, &process->slot, now_ns);
        ask(process, 1);
        process->allocator.give_back = process->allocator.asked;
        process->allocator.give_back_asked++;
        count++;
    }
    return count;
}
