/* spans.h - parts of the address space and whose they are, in the order of their addresses.
 *
 * A skip list in an array, so that nothing is allocated; all zeros, it is empty. No two spans
 * overlap. Knows nothing of locks, and nothing of the process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hidden.h"

/* Each level has a quarter of those below it; the array is 4 MiB, of which only what is used takes
 * memory. */
enum { SMP_SPANS_MAX = 65536, SMP_SPAN_LEVELS = 8 };

struct smp_span {
    uintptr_t low, high;
    uint64_t turn; /* rises from one that came to the next */
    uint32_t stack;
    uint32_t born_ms;
    uint32_t next[SMP_SPAN_LEVELS]; /* 0 = none */
};
_Static_assert(sizeof(struct smp_span) == 64, "a cache line");

struct smp_spans {
    uint32_t used;  /* entries that ever were, but for the first */
    uint32_t freed; /* the first of a list, by next[0] */
    uint64_t random;
    struct smp_span spans[SMP_SPANS_MAX] __attribute__((aligned(64))); /* the first has no span */
};

/* Puts one in, without its `next`; there may be none where it lies. False without room. */
bool smp_spans_add(struct smp_spans *spans, const struct smp_span *span);

/* So many bytes of a span are taken out. What is left of it are `pieces` more or fewer than before:
 * -1 = nothing is, 1 = it fell in two. */
typedef void smp_span_taken(void *context, const struct smp_span *span, uint64_t bytes, int pieces);

/* Takes out what lies in [low, high) of the spans that came in this turn or before. Returns how
 * many bytes beyond had to go as well, for want of room for the second part of a span. */
uint64_t smp_spans_cut(struct smp_spans *spans, uintptr_t low, uintptr_t high, uint64_t turn,
                       smp_span_taken *taken, void *context);
