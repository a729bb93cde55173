/* fake_slot.h - a slot in plain memory, as a probe would leave it. */
#pragma once

#include <stdint.h>
#include <stdlib.h>

#include "harness/pool_slot.h"

enum { FAKE_SLOT_BYTES = 1 << 20, FAKE_STACKS = 64, FAKE_FRAMES = 512 };

/* Zeroed memory of FAKE_SLOT_BYTES, laid out and ready, from malloc. */
static inline struct spillmark_slot *fake_slot_new(void) {
    static const uint32_t capacity[SPILLMARK_SECTIONS] = {
        [SPILLMARK_SECTION_THREADS] = 8,          [SPILLMARK_SECTION_STACKS] = FAKE_STACKS,
        [SPILLMARK_SECTION_FRAMES] = FAKE_FRAMES, [SPILLMARK_SECTION_LIVE] = 128,
        [SPILLMARK_SECTION_FREES] = 32,           [SPILLMARK_SECTION_DESCRIPTORS] = 64,
        [SPILLMARK_SECTION_MODULES] = 8,          [SPILLMARK_SECTION_MARKS] = 8,
    };
    static const uint32_t entry_bytes[SPILLMARK_SECTIONS] = {
#define X(id, type) [SPILLMARK_SECTION_##id] = sizeof(type),
        SPILLMARK_SECTION_TABLE(X)
#undef X
    };
    struct spillmark_slot *slot = calloc(1, FAKE_SLOT_BYTES);
    uint64_t offset = 4096;
    for (int i = 0; i < SPILLMARK_SECTIONS; i++) {
        slot->sections[i] = (struct spillmark_section){
            .offset = offset, .entry_bytes = entry_bytes[i], .capacity = capacity[i]};
        offset += ((uint64_t)capacity[i] * entry_bytes[i] + 4095) / 4096 * 4096;
    }
    slot->abi_major = SPILLMARK_ABI_MAJOR;
    slot->state = SPILLMARK_STATE_ON;
    slot->features = SPILLMARK_FEATURE_HEAP | SPILLMARK_FEATURE_STACKS;
    slot->pid = 4242;
    slot->magic = SPILLMARK_MAGIC;
    return slot;
}

static inline void *fake_entry(struct spillmark_slot *slot, enum spillmark_section_id section,
                               uint32_t index) {
    return (char *)slot + slot->sections[section].offset +
           (uint64_t)index * slot->sections[section].entry_bytes;
}

static inline struct sm_slot fake_view(struct spillmark_slot *slot) {
    struct sm_slot view = {.base = (uint8_t *)slot};
    if (sm_slot_check(&view, FAKE_SLOT_BYTES))
        abort();
    return view;
}
