#include "layout.h"

#include "pool_layout.h"
#include "process.h"

static const uint32_t entry_bytes[SPILLMARK_SECTIONS] = {
#define X(id, type) [SPILLMARK_SECTION_##id] = sizeof(type),
    SPILLMARK_SECTION_TABLE(X)
#undef X
};

/* A live entry has so many bits for its stack, and a cache line is left free before the first. */
enum { LARGE_SLOT = 16 << 20, STACKS_MAX = 1 << SPILLMARK_LIVE_STACK_BITS, LIVE_FIRST = 8 };
enum { ENTRIES_MAX = 1 << 30 };

/* Per cent of what the fixed sections leave. Recording every allocation, the live table is what
 * grows; sampling, the stacks are. */
static const uint32_t share_sampled[SPILLMARK_SECTIONS] = {
    [SPILLMARK_SECTION_STACKS] = 20,
    [SPILLMARK_SECTION_FRAMES] = 53,
    [SPILLMARK_SECTION_LIVE] = 12,
    [SPILLMARK_SECTION_FREES] = 14,
};
static const uint32_t share_exact[SPILLMARK_SECTIONS] = {
    [SPILLMARK_SECTION_STACKS] = 8,
    [SPILLMARK_SECTION_FRAMES] = 24,
    [SPILLMARK_SECTION_LIVE] = 60,
    [SPILLMARK_SECTION_FREES] = 7,
};

static uint64_t paged(uint64_t bytes) {
    return (bytes + SPILLMARK_PAGE_BYTES - 1) / SPILLMARK_PAGE_BYTES * SPILLMARK_PAGE_BYTES;
}

void smp_layout_sections(struct spillmark_section sections[SPILLMARK_SECTIONS], uint64_t slot_bytes,
                         uint64_t sample_interval_bytes) {
    uint32_t large = slot_bytes >= LARGE_SLOT;
    uint32_t capacity[SPILLMARK_SECTIONS] = {
        [SPILLMARK_SECTION_THREADS] = SPILLMARK_THREADS,
        [SPILLMARK_SECTION_DESCRIPTORS] = large ? 65536 : 2048,
        [SPILLMARK_SECTION_MODULES] = large ? 1024 : 256,
        [SPILLMARK_SECTION_MARKS] = 256,
    };
    uint64_t fixed = paged(sizeof(struct spillmark_slot));
    for (int i = 0; i < SPILLMARK_SECTIONS; i++) {
        fixed += paged((uint64_t)capacity[i] * entry_bytes[i]);
    }
    const uint32_t *share =
        sample_interval_bytes > 0 && sample_interval_bytes < 65536 ? share_exact : share_sampled;
    uint64_t rest = slot_bytes - fixed - SPILLMARK_SECTIONS * SPILLMARK_PAGE_BYTES;
    uint64_t offset = paged(sizeof(struct spillmark_slot));
    for (int i = 0; i < SPILLMARK_SECTIONS; i++) {
        if (share[i] != 0) {
            uint64_t entries = rest / 100 * share[i] / entry_bytes[i];
            uint64_t most = i == SPILLMARK_SECTION_STACKS ? STACKS_MAX : ENTRIES_MAX;
            capacity[i] = (uint32_t)(entries < most ? entries : most);
        }
        sections[i] = (struct spillmark_section){
            .offset = offset, .entry_bytes = entry_bytes[i], .capacity = capacity[i]};
        offset += paged((uint64_t)capacity[i] * entry_bytes[i]);
    }
    /* Entry 0 of these is never used. */
    sections[SPILLMARK_SECTION_STACKS].used = 1;
    sections[SPILLMARK_SECTION_LIVE].used = LIVE_FIRST;
    sections[SPILLMARK_SECTION_FREES].used = 1;
}

static void *section_at(enum spillmark_section_id id) {
    return (char *)smp_process.slot + smp_section(id)->offset;
}

void smp_layout_bind(void) {
    smp_process.threads = section_at(SPILLMARK_SECTION_THREADS);
    smp_process.stacks = section_at(SPILLMARK_SECTION_STACKS);
    smp_process.frames = section_at(SPILLMARK_SECTION_FRAMES);
    smp_process.live = section_at(SPILLMARK_SECTION_LIVE);
    smp_process.frees = section_at(SPILLMARK_SECTION_FREES);
    smp_process.descriptors = section_at(SPILLMARK_SECTION_DESCRIPTORS);
    smp_process.modules = section_at(SPILLMARK_SECTION_MODULES);
    smp_process.marks = section_at(SPILLMARK_SECTION_MARKS);
}
