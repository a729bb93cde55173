/* sampler_frees.c - who freed what was allocated where, and after how long. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sampler_sites_internal.h"

enum { ROWS_BETWEEN_CHECKPOINTS = 100 };

/* One row on its way: several entries of the slot may be the same pair of stacks. */
struct pair {
    int32_t alloc_stack_id, free_stack_id;
    double bytes, count;
    uint64_t fresh; /* frees since the row before, in `residence` by bucket */
    uint32_t residence[SPILLMARK_RESIDENCE_BUCKETS];
};

static int by_stacks(const void *left, const void *right) {
    const struct pair *a = left, *b = right;
    if (a->alloc_stack_id != b->alloc_stack_id)
        return a->alloc_stack_id < b->alloc_stack_id ? -1 : 1;
    return (a->free_stack_id > b->free_stack_id) - (a->free_stack_id < b->free_stack_id);
}

/* Seconds at a quantile of a histogram whose bucket b holds [2^b, 2^(b+1)) microseconds (the
 * first from 0): even on a logarithmic scale within a bucket. */
static double quantile_s(const struct pair *pair, double quantile) {
    double rank = quantile * (double)pair->fresh, below = 0;
    for (int bucket = 0; bucket < SPILLMARK_RESIDENCE_BUCKETS; bucket++) {
        double here = pair->residence[bucket];
        if (here > 0 && below + here >= rank)
            return exp2(bucket + (rank - below) / here) / 1e6;
        below += here;
    }
    return 0;
}

static int32_t stack_id_of(const struct sm_sites *sites, uint32_t slot_stack) {
    return slot_stack < sites->stack_count ? sites->stacks[slot_stack].stack_id : 0;
}

static int reserve_residence(struct sm_sites *sites, uint32_t used) {
    if (used <= sites->residence_count)
        return 0;
    void *residence = realloc(sites->residence, used * sizeof *sites->residence);
    if (!residence)
        return -ENOMEM;
    sites->residence = residence;
    memset(sites->residence + sites->residence_count, 0,
           (used - sites->residence_count) * sizeof *sites->residence);
    sites->residence_count = used;
    return 0;
}

/* Frees since the last row of an entry. */
static uint64_t fresh_of(const struct sm_sites *sites, uint32_t index) {
    struct spillmark_free_pair from;
    uint64_t fresh = 0;
    if (!sm_slot_free_pair(sites->slot, index, &from))
        return 0;
    for (int i = 0; i < SPILLMARK_RESIDENCE_BUCKETS; i++)
        fresh += from.residence[i] - sites->residence[index][i];
    return fresh;
}

static int by_number_down(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a < b) - (a > b);
}

/* The fewest fresh frees with which an entry still gets a row between checkpoints. */
static int choose_least(const struct sm_sites *sites, uint32_t used, uint64_t *ret_least) {
    *ret_least = 1;
    if (used <= ROWS_BETWEEN_CHECKPOINTS)
        return 0;
    uint64_t *fresh = malloc(used * sizeof *fresh);
    if (!fresh)
        return -ENOMEM;
    for (uint32_t i = 0; i < used; i++)
        fresh[i] = i ? fresh_of(sites, i) : 0;
    qsort(fresh, used, sizeof *fresh, by_number_down);
    *ret_least = fresh[ROWS_BETWEEN_CHECKPOINTS] + 1;
    free(fresh);
    return 0;
}

/* Takes entry `index` into *pair; 0 when there is none, too little of it is fresh, or its stacks
 * are not resolved yet. */
static int take(struct sm_sites *sites, uint32_t index, uint64_t least, struct pair *pair) {
    struct spillmark_free_pair from;
    if (fresh_of(sites, index) < least || !sm_slot_free_pair(sites->slot, index, &from))
        return 0;
    *pair = (struct pair){.alloc_stack_id = stack_id_of(sites, from.alloc_stack),
                          .free_stack_id = stack_id_of(sites, from.free_stack),
                          .bytes = (double)from.bytes,
                          .count = (double)from.count_q10 / 1024};
    if (!pair->alloc_stack_id || (from.free_stack && !pair->free_stack_id))
        return 0;
    for (int i = 0; i < SPILLMARK_RESIDENCE_BUCKETS; i++) {
        uint32_t before = sites->residence[index][i];
        pair->residence[i] = from.residence[i] - before;
        pair->fresh += pair->residence[i];
        sites->residence[index][i] = from.residence[i];
    }
    return 1;
}

static void join(struct pair *into, const struct pair *from) {
    into->bytes += from->bytes;
    into->count += from->count;
    into->fresh += from->fresh;
    for (int i = 0; i < SPILLMARK_RESIDENCE_BUCKETS; i++)
        into->residence[i] += from->residence[i];
}

static int write_pair(const struct sm_sites *sites, const struct sm_sites_out *out,
                      const struct pair *pair) {
    const struct sm_site_free row = {.process_id = sites->process_id,
                                     .alloc_stack_id = pair->alloc_stack_id,
                                     .free_stack_id = pair->free_stack_id,
                                     .t_ns = out->t_ns,
                                     .bytes = pair->bytes,
                                     .count = pair->count,
                                     .residence_p50_s = quantile_s(pair, 0.5),
                                     .residence_p99_s = quantile_s(pair, 0.99),
                                     .residence_max_s = quantile_s(pair, 1)};
    return pair->fresh ? sm_record_add_site_free(out->record, &row) : 0;
}

int sm_sites_sample_frees(struct sm_sites *sites, const struct sm_sites_out *out, int everything) {
    uint32_t used = sm_slot_used(sites->slot, SPILLMARK_SECTION_FREES);
    uint64_t least = 1;
    int rc = reserve_residence(sites, used);
    if (rc == 0)
        rc = sm_sites_resolve(sites, out);
    if (rc == 0 && !everything)
        rc = choose_least(sites, used, &least);
    if (rc || used < 2)
        return rc;
    struct pair *pairs = malloc(used * sizeof *pairs);
    if (!pairs)
        return -ENOMEM;
    size_t count = 0;
    for (uint32_t i = 1; i < used; i++)
        count += (size_t)take(sites, i, least, &pairs[count]);
    qsort(pairs, count, sizeof *pairs, by_stacks);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        while (i + 1 < count && by_stacks(&pairs[i], &pairs[i + 1]) == 0) {
            join(&pairs[i + 1], &pairs[i]);
            i++;
        }
        rc = write_pair(sites, out, &pairs[i]);
    }
    free(pairs);
    return rc;
}
