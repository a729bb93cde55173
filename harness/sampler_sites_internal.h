/* sampler_sites_internal.h - shared by the files that make up struct sm_sites: sampler_sites.c
 * (totals and rows), sampler_ages.c (how old), sampler_frees.c (who frees), sampler_stacks.c
 * (frames to files). */
#pragma once

#include "sampler_sites.h"

struct sm_site_totals {
    double alloc_bytes, alloc_count, free_bytes, free_count;
};

struct sm_site {
    int32_t stack_id;
    enum sm_site_kind kind;
    struct sm_site_totals now, written;
    double open_now; /* descriptors in the table */
    double age_p50_s, age_max_s;
    double change; /* how much is new since the last row, to choose what to write */
    int has_row;
};

struct sm_site_module {
    uint64_t low, high, bias;
    int loaded;
    int32_t id;
};

enum { SM_SITE_NONE = 0, SM_RESOLVE_ROUNDS = 1 };

/* What is known of one stack of the slot. */
struct sm_slot_stack_state {
    uint32_t site; /* index into sites + 1; SM_SITE_NONE = not resolved yet */
    int32_t stack_id;
    uint8_t rounds; /* how often a frame was found in no module */
};

struct sm_sites {
    const struct sm_slot *slot;
    int32_t process_id;
    struct sm_slot_stack_state *stacks; /* by index in the slot */
    uint32_t stack_count;
    struct sm_site *sites;
    size_t site_count, site_capacity;
    uint32_t *site_of; /* [stack_id * kinds + kind] -> index + 1 */
    size_t site_of_count;
    struct sm_site_module *modules;
    uint32_t module_count, module_capacity;
    uint64_t *ages; /* keys of the last look at the live table */
    size_t age_capacity;
    uint32_t (*residence)[SPILLMARK_RESIDENCE_BUCKETS]; /* by pair, as of the last row */
    uint32_t residence_count;
};

/* sampler_stacks.c: resolves the slot's stacks that are new; 0 or -ENOMEM. */
int sm_sites_resolve(struct sm_sites *sites, const struct sm_sites_out *out);

/* The site of a slot's stack, NULL while unresolved. */
struct sm_site *sm_sites_at(struct sm_sites *sites, uint32_t slot_stack);

/* sampler_ages.c: sets the ages of all sites. */
int sm_sites_measure_ages(struct sm_sites *sites, int64_t now_ns);
