/* Functions and frames are interned in open hash tables of indexes that never fill beyond half. */
#include "profile.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_FRAMES = 512, FIRST_SLOTS = 256, UNKNOWN_BYTES = 512 };

const struct sm_profile_value_kind sm_profile_value_kinds[] = {
#define X(id, name, unit, title) {name, title, SM_UNIT_##unit},
    SM_PROFILE_VALUES(X)
#undef X
};

int64_t sm_profile_value(const struct sm_site_result *site, enum sm_profile_value value) {
    static const enum sm_site_kind kinds[] = {
        [SM_PROFILE_ALLOC_OBJECTS] = SM_SITE_HEAP,  [SM_PROFILE_ALLOC_SPACE] = SM_SITE_HEAP,
        [SM_PROFILE_INUSE_OBJECTS] = SM_SITE_HEAP,  [SM_PROFILE_INUSE_SPACE] = SM_SITE_HEAP,
        [SM_PROFILE_GROWTH_OBJECTS] = SM_SITE_HEAP, [SM_PROFILE_GROWTH_SPACE] = SM_SITE_HEAP,
        [SM_PROFILE_PEAK_OBJECTS] = SM_SITE_HEAP,   [SM_PROFILE_PEAK_SPACE] = SM_SITE_HEAP,
        [SM_PROFILE_OPENED_FDS] = SM_SITE_FD,       [SM_PROFILE_OPEN_FDS] = SM_SITE_FD,
        [SM_PROFILE_GROWTH_FDS] = SM_SITE_FD,       [SM_PROFILE_MAPPED_SPACE] = SM_SITE_MAP,
        [SM_PROFILE_GROWTH_MAPPED] = SM_SITE_MAP};
    const double values[] = {
        [SM_PROFILE_ALLOC_OBJECTS] = site->alloc_count,
        [SM_PROFILE_ALLOC_SPACE] = site->alloc_bytes,
        [SM_PROFILE_INUSE_OBJECTS] = site->held_count,
        [SM_PROFILE_INUSE_SPACE] = site->held_bytes,
        [SM_PROFILE_GROWTH_OBJECTS] = site->growth_count,
        [SM_PROFILE_GROWTH_SPACE] = site->growth_bytes,
        [SM_PROFILE_PEAK_OBJECTS] = site->peak_count,
        [SM_PROFILE_PEAK_SPACE] = site->peak_bytes,
        [SM_PROFILE_OPENED_FDS] = site->alloc_count,
        [SM_PROFILE_OPEN_FDS] = site->held_count,
        [SM_PROFILE_GROWTH_FDS] = site->growth_count,
        [SM_PROFILE_MAPPED_SPACE] = site->held_bytes,
        [SM_PROFILE_GROWTH_MAPPED] = site->growth_bytes,
    };
    if (site->kind != kinds[value])
        return 0;
    double whole = round(values[value]);
    return isfinite(whole) && fabs(whole) < 9e18 ? (int64_t)whole : 0;
}

uint64_t sm_profile_address(const struct sm_stack_frame *frame) {
    if (frame->module_id <= 0)
        return frame->address;
    return (uint64_t)frame->module_id * SM_PROFILE_MODULE_BYTES +
           frame->address % SM_PROFILE_MODULE_BYTES;
}

/* ---- tables ---- */

struct slots {
    size_t *indexes; /* plus one; 0 = free */
    size_t room;
};

struct sm_profile_store {
    struct slots function_slots, frame_slots;
    size_t function_room, frame_room;
    char **names; /* of functions that had none */
    size_t name_count, name_room;
    size_t *stacks; /* frames of all sites, one after the other */
    size_t stack_used, stack_room;
};

/* Makes room for `count` more in an array of elements; 0 or -ENOMEM. */
static int reserve(void *array, size_t element_bytes, size_t used, size_t count, size_t *room) {
    void **items = array;
    if (used + count <= *room)
        return 0;
    size_t wanted = *room * 2 > used + count ? *room * 2 : used + count + FIRST_SLOTS;
    void *more = reallocarray(*items, wanted, element_bytes);
    if (!more)
        return -ENOMEM;
    *items = more;
    *room = wanted;
    return 0;
}

/* FNV-1a */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static const uint64_t HASH_SEED = UINT64_C(0xcbf29ce484222325);

static uint64_t hash_function(const struct sm_profile_function *function) {
    uint64_t hash = hash_bytes(HASH_SEED, function->name, strlen(function->name) + 1);
    hash = hash_bytes(hash, function->file, strlen(function->file) + 1);
    return hash_bytes(hash, function->module, strlen(function->module) + 1);
}

static uint64_t hash_frame(const struct sm_profile_frame *frame) {
    uint64_t hash = hash_bytes(HASH_SEED, &frame->at.address, sizeof frame->at.address);
    hash = hash_bytes(hash, &frame->at.module_id, sizeof frame->at.module_id);
    return hash_bytes(hash, &frame->function, sizeof frame->function);
}

static int same_function(const struct sm_profile_function *a, const struct sm_profile_function *b) {
    return strcmp(a->name, b->name) == 0 && strcmp(a->file, b->file) == 0 &&
           strcmp(a->module, b->module) == 0;
}

static int same_frame(const struct sm_profile_frame *a, const struct sm_profile_frame *b) {
    return a->at.address == b->at.address && a->at.module_id == b->at.module_id &&
           a->function == b->function && a->at.line == b->at.line &&
           a->at.is_inlined == b->at.is_inlined;
}

static void put_slot(struct slots *slots, uint64_t hash, size_t index) {
    size_t at = hash & (slots->room - 1);
    while (slots->indexes[at])
        at = (at + 1) & (slots->room - 1);
    slots->indexes[at] = index + 1;
}

/* Defines find_TYPE (an index, or SIZE_MAX) and grow_TYPE_slots (0 or -ENOMEM). */
#define TABLE(type)                                                                                \
    static size_t find_##type(const struct sm_profile *profile,                                    \
                              const struct sm_profile_##type *wanted) {                            \
        const struct slots *slots = &profile->store->type##_slots;                                 \
        size_t at = slots->room ? hash_##type(wanted) & (slots->room - 1) : 0;                     \
        for (; slots->room && slots->indexes[at]; at = (at + 1) & (slots->room - 1))               \
            if (same_##type(&profile->type##s[slots->indexes[at] - 1], wanted))                    \
                return slots->indexes[at] - 1;                                                     \
        return SIZE_MAX;                                                                           \
    }                                                                                              \
    static int add_##type(struct sm_profile *profile, const struct sm_profile_##type *added) {     \
        struct slots *slots = &profile->store->type##_slots, more;                                 \
        if (reserve(&profile->type##s, sizeof *profile->type##s, profile->type##_count, 1,         \
                    &profile->store->type##_room))                                                 \
            return -ENOMEM;                                                                        \
        if ((profile->type##_count + 1) * 2 > slots->room) {                                       \
            more.room = slots->room ? slots->room * 2 : FIRST_SLOTS;                               \
            more.indexes = calloc(more.room, sizeof *more.indexes);                                \
            if (!more.indexes)                                                                     \
                return -ENOMEM;                                                                    \
            for (size_t i = 0; i < profile->type##_count; i++)                                     \
                put_slot(&more, hash_##type(&profile->type##s[i]), i);                             \
            free(slots->indexes);                                                                  \
            *slots = more;                                                                         \
        }                                                                                          \
        put_slot(slots, hash_##type(added), profile->type##_count);                                \
        profile->type##s[profile->type##_count++] = *added;                                        \
        return 0;                                                                                  \
    }
TABLE(function)
TABLE(frame)

/* ---- gathering ---- */

/* A name for a function that has none. Owned by the store. */
static const char *keep_name(struct sm_profile_store *store, const struct sm_stack_frame *frame) {
    char text[UNKNOWN_BYTES];
    if (reserve(&store->names, sizeof *store->names, store->name_count, 1, &store->name_room))
        return NULL;
    char *name = strdup(sm_stack_frame_text(frame, text, sizeof text));
    if (name)
        store->names[store->name_count++] = name;
    return name;
}

static int intern_frame(struct sm_profile *profile, const struct sm_stack_frame *at,
                        size_t *ret_frame) {
    struct sm_profile_function function = {at->function, at->file, at->module};
    struct sm_profile_frame frame = {*at, 0};
    if (!at->function[0]) {
        function.name = keep_name(profile->store, at);
        if (!function.name)
            return -ENOMEM;
    }
    frame.function = find_function(profile, &function);
    if (frame.function == SIZE_MAX) {
        frame.function = profile->function_count;
        if (add_function(profile, &function))
            return -ENOMEM;
    }
    *ret_frame = find_frame(profile, &frame);
    if (*ret_frame != SIZE_MAX)
        return 0;
    *ret_frame = profile->frame_count;
    return add_frame(profile, &frame);
}

/* Appends the frames of a stack to those of the store; their number, or -ENOMEM. */
static int add_stack(struct sm_profile *profile, const struct sm_run *run, int stack_id) {
    static const struct sm_stack_frame unknown = {"(unknown stack)", "", "", 0, 0, 0, 0};
    struct sm_stack_frame frames[STACK_FRAMES] = {unknown};
    struct sm_profile_store *store = profile->store;
    size_t count = sm_stack_frames(run, stack_id, frames, STACK_FRAMES);
    count = count == 0 ? 1 : count > STACK_FRAMES ? STACK_FRAMES : count;
    if (reserve(&store->stacks, sizeof *store->stacks, store->stack_used, count,
                &store->stack_room))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (intern_frame(profile, &frames[i], &store->stacks[store->stack_used + i]))
            return -ENOMEM;
    store->stack_used += count;
    return (int)count;
}

static int gather(struct sm_profile *profile, const struct sm_run *run,
                  const struct sm_analysis *analysis) {
    profile->store = calloc(1, sizeof *profile->store);
    profile->sites = calloc(analysis->site_count + 1, sizeof *profile->sites);
    if (!profile->store || !profile->sites)
        return -ENOMEM;
    for (size_t i = 0; i < analysis->site_count; i++) {
        const struct sm_site_result *site = &analysis->sites[i];
        int count = add_stack(profile, run, site->stack_id);
        int freed_by = count < 0 || !site->freed_by_stack_id
                           ? 0
                           : add_stack(profile, run, site->freed_by_stack_id);
        if (count < 0 || freed_by < 0)
            return -ENOMEM;
        profile->sites[i] = (struct sm_profile_site){
            .site = site, .frame_count = (size_t)count, .freed_by_count = (size_t)freed_by};
        profile->site_count++;
    }
    /* The array of frames stands still from here on. */
    const size_t *frames = profile->store->stacks;
    for (size_t i = 0; i < profile->site_count; i++) {
        struct sm_profile_site *site = &profile->sites[i];
        site->frames = frames;
        site->freed_by = frames += site->frame_count;
        frames += site->freed_by_count;
    }
    return 0;
}

int sm_profile_make(const struct sm_run *run, const struct sm_analysis *analysis,
                    struct sm_profile **ret_profile) {
    struct sm_profile *profile = calloc(1, sizeof *profile);
    if (!profile || gather(profile, run, analysis)) {
        sm_profile_free(profile);
        return -ENOMEM;
    }
    *ret_profile = profile;
    return 0;
}

void sm_profile_free(struct sm_profile *profile) {
    if (!profile)
        return;
    if (profile->store) {
        for (size_t i = 0; i < profile->store->name_count; i++)
            free(profile->store->names[i]);
        free(profile->store->names);
        free(profile->store->stacks);
        free(profile->store->function_slots.indexes);
        free(profile->store->frame_slots.indexes);
    }
    free(profile->store);
    free(profile->functions);
    free(profile->frames);
    free(profile->sites);
    free(profile);
}
