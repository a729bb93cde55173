#include "spans.h"

#include <stddef.h>

/* The last span on each level that begins below an address; 0 where there is none. */
static void find_before(const struct smp_spans *spans, uintptr_t low,
                        uint32_t ret_before[SMP_SPAN_LEVELS]) {
    uint32_t at = 0;
    for (int level = SMP_SPAN_LEVELS; level-- > 0;) {
        uint32_t next = spans->spans[at].next[level];
        while (next != 0 && spans->spans[next].low < low) {
            at = next;
            next = spans->spans[at].next[level];
        }
        ret_before[level] = at;
    }
}

static uint32_t take_entry(struct smp_spans *spans) {
    uint32_t entry = spans->freed;
    if (entry != 0) {
        spans->freed = spans->spans[entry].next[0];
        return entry;
    }
    return spans->used + 1 < SMP_SPANS_MAX ? ++spans->used : 0;
}

static void give_entry(struct smp_spans *spans, uint32_t entry) {
    spans->spans[entry] = (struct smp_span){.next[0] = spans->freed};
    spans->freed = entry;
}

static int draw_levels(struct smp_spans *spans) {
    spans->random = spans->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    int levels = 1;
    for (uint64_t dice = spans->random >> 40; levels < SMP_SPAN_LEVELS && dice % 4 == 0;
         dice /= 4) {
        levels++;
    }
    return levels;
}

bool smp_spans_add(struct smp_spans *spans, const struct smp_span *span) {
    uint32_t before[SMP_SPAN_LEVELS], entry = take_entry(spans);
    if (entry == 0) {
        return false;
    }
    find_before(spans, span->low, before);
    struct smp_span *to = &spans->spans[entry];
    *to = *span;
    int levels = draw_levels(spans);
    for (int level = 0; level < SMP_SPAN_LEVELS; level++) {
        uint32_t *next = &spans->spans[before[level]].next[level];
        to->next[level] = level < levels ? *next : 0;
        if (level < levels) {
            *next = entry;
        }
    }
    return true;
}

/* The span that begins before `low` keeps that part, and what lies from `high` on, which becomes
 * one of its own. Returns what found no room. */
static uint64_t cut_middle(struct smp_spans *spans, uint32_t entry, uintptr_t low, uintptr_t high,
                           smp_span_taken *taken, void *context) {
    struct smp_span *span = &spans->spans[entry], rest = *span;
    uint64_t bytes = (span->high < high ? span->high : high) - low, lost = 0;
    int pieces = 0;
    span->high = low;
    rest.low = high;
    if (rest.high > high) {
        pieces = smp_spans_add(spans, &rest);
        lost = pieces != 0 ? 0 : rest.high - high;
    }
    taken(context, span, bytes + lost, pieces);
    return lost;
}

/* The span after those of `before` goes. */
static void unlink_entry(struct smp_spans *spans, const uint32_t before[SMP_SPAN_LEVELS],
                         uint32_t entry) {
    for (int level = 0; level < SMP_SPAN_LEVELS; level++) {
        uint32_t *next = &spans->spans[before[level]].next[level];
        if (*next == entry) {
            *next = spans->spans[entry].next[level];
        }
    }
    give_entry(spans, entry);
}

static void step_over(const struct smp_spans *spans, uint32_t before[SMP_SPAN_LEVELS],
                      uint32_t entry) {
    for (int level = 0; level < SMP_SPAN_LEVELS; level++) {
        if (spans->spans[before[level]].next[level] == entry) {
            before[level] = entry;
        }
    }
}

uint64_t smp_spans_cut(struct smp_spans *spans, uintptr_t low, uintptr_t high, uint64_t turn,
                       smp_span_taken *taken, void *context) {
    uint32_t before[SMP_SPAN_LEVELS], entry;
    uint64_t lost = 0;
    find_before(spans, low, before);
    const struct smp_span *reaching = &spans->spans[before[0]];
    if (reaching->high > low && reaching->turn <= turn) {
        lost = cut_middle(spans, before[0], low, high, taken, context);
    }
    while ((entry = spans->spans[before[0]].next[0]) != 0 && spans->spans[entry].low < high) {
        struct smp_span *span = &spans->spans[entry];
        if (span->turn > turn) {
            step_over(spans, before, entry);
        } else if (span->high <= high) {
            taken(context, span, span->high - span->low, -1);
            unlink_entry(spans, before, entry);
        } else {
            taken(context, span, high - span->low, 0);
            span->low = high;
        }
    }
    return lost;
}
