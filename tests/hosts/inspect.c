#include "inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fault(const struct spillmark_slot *slot, const char *what, int64_t got, int64_t wanted) {
    fprintf(stderr, "pid %u (%s): %s: %" PRId64 ", expected %" PRId64 "\n", slot->pid,
            slot->command, what, got, wanted);
    return 1;
}

static int expect(const struct spillmark_slot *slot, const char *what, int64_t got,
                  int64_t wanted) {
    return got == wanted ? 0 : fault(slot, what, got, wanted);
}

static uint32_t used_of(const struct spillmark_slot *slot, enum spillmark_section_id id) {
    const struct spillmark_section *section = &slot->sections[id];
    return section->used < section->capacity ? section->used : section->capacity;
}

static int inspect_sections(const struct spillmark_slot *slot, uint64_t slot_bytes) {
    int faults = 0;
    uint64_t end = sizeof *slot;
    for (int i = 0; i < SPILLMARK_SECTIONS; i++) {
        const struct spillmark_section *section = &slot->sections[i];
        faults += section->offset >= end ? 0 : fault(slot, "section overlaps", i, 0);
        end = section->offset + (uint64_t)section->capacity * section->entry_bytes;
        faults += end <= slot_bytes ? 0 : fault(slot, "section beyond the slot", i, 0);
    }
    return faults;
}

static bool in_module(const struct spillmark_slot *slot, uint64_t address) {
    const struct spillmark_module *modules = view_entries(slot, SPILLMARK_SECTION_MODULES);
    for (uint32_t i = 0; i < used_of(slot, SPILLMARK_SECTION_MODULES); i++) {
        if (modules[i].ready && address >= modules[i].low && address < modules[i].high) {
            return true;
        }
    }
    return false;
}

static int inspect_stacks(const struct spillmark_slot *slot,
                          const struct inspect_options *options) {
    int faults = 0;
    const struct spillmark_stack *stacks = view_entries(slot, SPILLMARK_SECTION_STACKS);
    const uint64_t *frames = view_entries(slot, SPILLMARK_SECTION_FRAMES);
    uint32_t frame_capacity = slot->sections[SPILLMARK_SECTION_FRAMES].capacity;
    for (uint32_t i = 1; i < used_of(slot, SPILLMARK_SECTION_STACKS); i++) {
        const struct spillmark_stack *stack = &stacks[i];
        if (stack->depth == 0) {
            continue;
        }
        if (stack->depth > SPILLMARK_FRAMES_MAX ||
            stack->first_frame + stack->depth > frame_capacity) {
            faults += fault(slot, "stack out of bounds", i, 0);
            continue;
        }
        for (uint32_t f = 0; f < stack->depth && !options->foreign; f++) {
            if (!in_module(slot, frames[stack->first_frame + f] - 1)) {
                faults += fault(slot, "frame outside every module",
                                (int64_t)frames[stack->first_frame + f], f);
            }
        }
        if (!options->torn && stack->free_bytes > stack->alloc_bytes) {
            faults += fault(slot, "more freed than allocated at a site", i, 0);
        }
    }
    return faults;
}

/* A site's totals against its objects that the live table has. */
static int inspect_site(const struct spillmark_slot *slot, const struct inspect_options *options,
                        const struct spillmark_stack *stack, int64_t objects) {
    int64_t count_q10 = (int64_t)(stack->alloc_count_q10 - stack->free_count_q10);
    if (options->interval_bytes == 1) {
        return expect(slot, "objects of a site, from the live table", objects * 1024, count_q10);
    }
    int faults = 0;
    if (objects == 0) { /* whatever was added was taken away again */
        faults += expect(slot, "objects of a site that has none", 0, count_q10);
        faults += expect(slot, "bytes of a site that has no objects", 0,
                         (int64_t)(stack->alloc_bytes - stack->free_bytes));
    }
    return faults + (count_q10 >= objects * 1024
                         ? 0
                         : fault(slot, "a site with less than its objects", count_q10, objects));
}

/* The live objects, counted apart from everything else, against totals and site sums. */
static int inspect_live(const struct spillmark_slot *slot, const struct inspect_options *options) {
    const struct spillmark_live *live = view_entries(slot, SPILLMARK_SECTION_LIVE);
    const struct spillmark_stack *stacks = view_entries(slot, SPILLMARK_SECTION_STACKS);
    uint32_t stack_count = used_of(slot, SPILLMARK_SECTION_STACKS);
    int64_t *of_stack = calloc(stack_count, sizeof *of_stack), count = 0, site_bytes = 0;
    int faults = of_stack != NULL ? 0 : fault(slot, "no memory for the stacks", stack_count, 0);
    for (uint32_t i = 1; i < used_of(slot, SPILLMARK_SECTION_LIVE) && !faults; i++) {
        uint32_t stack = spillmark_live_stack(live[i].word);
        if (!spillmark_live_is_object(live[i].word)) {
            continue;
        }
        count++;
        faults += stack > 0 && stack < stack_count ? 0 : fault(slot, "an object's stack", stack, 1);
        of_stack[stack < stack_count ? stack : 0]++;
    }
    for (uint32_t i = 1; i < stack_count && !options->torn && !faults; i++) {
        if (stacks[i].depth != 0 && stacks[i].kind == SPILLMARK_KIND_HEAP) {
            faults += inspect_site(slot, options, &stacks[i], of_stack[i]);
            site_bytes += (int64_t)(stacks[i].alloc_bytes - stacks[i].free_bytes);
        }
    }
    free(of_stack);
    if (!options->torn && options->exact && !options->drops && slot->inherited_count == 0) {
        faults += expect(slot, "bytes of all sites", site_bytes, view_live_bytes(slot));
        faults += expect(slot, "objects in the live table", count, view_live_count(slot));
    }
    return faults;
}

static int inspect_descriptors(const struct spillmark_slot *slot) {
    const struct spillmark_descriptor *entries = view_entries(slot, SPILLMARK_SECTION_DESCRIPTORS);
    const struct spillmark_stack *stacks = view_entries(slot, SPILLMARK_SECTION_STACKS);
    int64_t open = 0, by_site = 0;
    for (uint32_t i = 0; i < used_of(slot, SPILLMARK_SECTION_DESCRIPTORS); i++) {
        open += entries[i].open != 0 && entries[i].stack != 0;
    }
    for (uint32_t i = 1; i < used_of(slot, SPILLMARK_SECTION_STACKS); i++) {
        if (stacks[i].kind == SPILLMARK_KIND_FD) {
            by_site += (int64_t)(stacks[i].alloc_count_q10 - stacks[i].free_count_q10) / 1024;
        }
    }
    return expect(slot, "open descriptors, by site", by_site, open);
}

/* What the stacks hold of what is mapped; a stack that could not be taken holds none. */
static int inspect_maps(const struct spillmark_slot *slot) {
    const struct spillmark_thread *threads = view_entries(slot, SPILLMARK_SECTION_THREADS);
    const struct spillmark_stack *stacks = view_entries(slot, SPILLMARK_SECTION_STACKS);
    int64_t mapped = 0, by_site = 0;
    for (int i = 0; i < SPILLMARK_THREADS; i++) {
        mapped += (int64_t)(threads[i].map_bytes - threads[i].unmap_bytes);
    }
    for (uint32_t i = 1; i < used_of(slot, SPILLMARK_SECTION_STACKS); i++) {
        if (stacks[i].kind == SPILLMARK_KIND_MAP) {
            by_site += (int64_t)(stacks[i].alloc_bytes - stacks[i].free_bytes);
        }
    }
    return expect(slot, "mapped bytes, by site", by_site, mapped);
}

int inspect_slot(const struct spillmark_slot *slot, uint64_t slot_bytes,
                 const struct inspect_options *options) {
    if (slot->magic != SPILLMARK_MAGIC) {
        return options->torn ? 0 : fault(slot, "slot not ready", 0, 1);
    }
    int faults = inspect_sections(slot, slot_bytes);
    if (faults != 0) {
        return faults;
    }
    faults += inspect_stacks(slot, options) + inspect_live(slot, options);
    if (!options->torn) {
        faults += inspect_descriptors(slot);
        int64_t behind = view_live_bytes(slot) - slot->heap_live_bytes;
        int64_t allowed =
            INT64_C(132000) * used_of(slot, SPILLMARK_SECTION_THREADS) + (INT64_C(1) << 20);
        faults += behind <= allowed && behind >= -allowed
                      ? 0
                      : fault(slot, "published level lags", behind, allowed);
    }
    if (!options->drops && !options->torn && slot->map_drops == 0 && slot->stack_failures == 0) {
        faults += inspect_maps(slot);
    }
    if (!options->drops) {
        faults += expect(slot, "records dropped", (int64_t)slot->unsampled_drops, 0);
    }
    return faults;
}
