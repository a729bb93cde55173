/* sampler_stacks.c - from the return addresses of one process to frames in files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sampler_sites_internal.h"

static int read_modules(struct sm_sites *sites, const struct sm_sites_out *out) {
    uint32_t used = sm_slot_used(sites->slot, SPILLMARK_SECTION_MODULES);
    if (used > sites->module_capacity) {
        struct sm_site_module *modules = realloc(sites->modules, used * sizeof *modules);
        if (!modules)
            return -ENOMEM;
        sites->modules = modules;
        sites->module_capacity = used;
    }
    uint32_t known = sites->module_count;
    sites->module_count = 0;
    for (uint32_t i = 0; i < used; i++) {
        struct spillmark_module module;
        struct sm_site_module *at = &sites->modules[i];
        /* An entry keeps its place: what was interned is not looked up again. */
        int32_t id = i < known ? at->id : 0;
        if (!sm_slot_module(sites->slot, i, &module)) {
            *at = (struct sm_site_module){0};
        } else {
            *at = (struct sm_site_module){.low = module.low,
                                          .high = module.high,
                                          .bias = module.bias,
                                          .loaded = module.unloaded_ns == 0,
                                          .id = id};
            if (id == 0)
                at->id = sm_intern_module(out->intern, &module, out->proc_fd);
        }
        sites->module_count = i + 1;
    }
    return 0;
}

/* The module that holds an address: a loaded one, else the one unloaded last. */
static const struct sm_site_module *module_of(const struct sm_sites *sites, uint64_t address) {
    const struct sm_site_module *found = NULL;
    for (uint32_t i = 0; i < sites->module_count; i++) {
        const struct sm_site_module *module = &sites->modules[i];
        if (address < module->low || address >= module->high)
            continue;
        if (module->loaded)
            return module;
        found = module;
    }
    return found;
}

/* Returns how many frames lie in no module. */
static uint32_t name_frames(const struct sm_sites *sites, const struct spillmark_stack *stack,
                            struct sm_frame frames[SPILLMARK_FRAMES_MAX]) {
    uint64_t addresses[SPILLMARK_FRAMES_MAX];
    uint32_t depth = sm_slot_frames(sites->slot, stack, addresses), unknown = 0;
    for (uint32_t i = 0; i < depth; i++) {
        /* The call, not what follows it: a call that never returns may end its module. */
        const struct sm_site_module *module = module_of(sites, addresses[i] - 1);
        frames[i] =
            (struct sm_frame){.module_id = module ? module->id : 0,
                              .address = module ? addresses[i] - module->bias : addresses[i]};
        unknown += !module;
    }
    return unknown;
}

static uint32_t *site_cell(struct sm_sites *sites, int32_t stack_id, enum sm_site_kind kind) {
    size_t at = (size_t)stack_id * SM_SITE_KINDS + kind;
    if (at >= sites->site_of_count) {
        size_t count = sites->site_of_count ? sites->site_of_count * 2 : 1024;
        while (count <= at)
            count *= 2;
        uint32_t *site_of = realloc(sites->site_of, count * sizeof *site_of);
        if (!site_of)
            return NULL;
        memset(site_of + sites->site_of_count, 0, (count - sites->site_of_count) * sizeof *site_of);
        sites->site_of = site_of;
        sites->site_of_count = count;
    }
    return &sites->site_of[at];
}

/* The same stack may stand in the slot twice: both then have one site. */
static int assign_site(struct sm_sites *sites, struct sm_slot_stack_state *state, int32_t stack_id,
                       enum sm_site_kind kind) {
    uint32_t *cell = site_cell(sites, stack_id, kind);
    if (!cell)
        return -ENOMEM;
    if (*cell == SM_SITE_NONE) {
        if (sites->site_count == sites->site_capacity) {
            size_t capacity = sites->site_capacity ? sites->site_capacity * 2 : 256;
            struct sm_site *grown = realloc(sites->sites, capacity * sizeof *grown);
            if (!grown)
                return -ENOMEM;
            sites->sites = grown;
            sites->site_capacity = capacity;
        }
        sites->sites[sites->site_count++] = (struct sm_site){.stack_id = stack_id, .kind = kind};
        *cell = (uint32_t)sites->site_count;
    }
    state->site = *cell;
    state->stack_id = stack_id;
    return 0;
}

static int resolve_one(struct sm_sites *sites, const struct sm_sites_out *out, uint32_t index) {
    struct sm_slot_stack_state *state = &sites->stacks[index];
    struct spillmark_stack stack;
    struct sm_frame frames[SPILLMARK_FRAMES_MAX];
    if (state->site != SM_SITE_NONE || !sm_slot_stack(sites->slot, index, &stack))
        return 0;
    /* A library that is just being loaded may allocate before it is listed. */
    if (name_frames(sites, &stack, frames) && !out->final && state->rounds++ < SM_RESOLVE_ROUNDS)
        return 0;
    int32_t id = sm_intern_stack(out->intern, frames, stack.depth, stack.truncated != 0);
    return id ? assign_site(sites, state, id, (enum sm_site_kind)stack.kind) : -ENOMEM;
}

int sm_sites_resolve(struct sm_sites *sites, const struct sm_sites_out *out) {
    uint32_t used = sm_slot_used(sites->slot, SPILLMARK_SECTION_STACKS);
    if (used > sites->stack_count) {
        struct sm_slot_stack_state *stacks = realloc(sites->stacks, used * sizeof *stacks);
        if (!stacks)
            return -ENOMEM;
        memset(stacks + sites->stack_count, 0, (used - sites->stack_count) * sizeof *stacks);
        sites->stacks = stacks;
        sites->stack_count = used;
    }
    int rc = read_modules(sites, out);
    for (uint32_t i = 1; rc == 0 && i < sites->stack_count; i++)
        rc = resolve_one(sites, out, i);
    return rc;
}

struct sm_site *sm_sites_at(struct sm_sites *sites, uint32_t slot_stack) {
    if (slot_stack >= sites->stack_count || sites->stacks[slot_stack].site == SM_SITE_NONE)
        return NULL;
    return &sites->sites[sites->stacks[slot_stack].site - 1];
}
