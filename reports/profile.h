/* profile.h - the sites of a run as one profile: what every format of stacks is written from. */
#pragma once

#include "analysis.h"
#include "stacks.h"

/* What a profile tells of a site. Those of the heap are 0 for descriptors and mappings and the
 * other way round; growth may be negative. */
#define SM_PROFILE_VALUES(X)                                                                       \
    X(ALLOC_OBJECTS, "alloc_objects", COUNT, "objects ever allocated")                             \
    X(ALLOC_SPACE, "alloc_space", BYTES, "bytes ever allocated")                                   \
    X(INUSE_OBJECTS, "inuse_objects", COUNT, "objects not freed by the end of the run")            \
    X(INUSE_SPACE, "inuse_space", BYTES, "bytes not freed by the end of the run")                  \
    X(GROWTH_OBJECTS, "growth_objects", COUNT, "objects gained while memory rose most")            \
    X(GROWTH_SPACE, "growth_space", BYTES, "bytes gained while memory rose most")                  \
    X(PEAK_OBJECTS, "peak_objects", COUNT, "objects when the site held most")                      \
    X(PEAK_SPACE, "peak_space", BYTES, "bytes when the site held most")                            \
    X(OPENED_FDS, "opened_descriptors", COUNT, "descriptors ever opened")                          \
    X(OPEN_FDS, "open_descriptors", COUNT, "descriptors not closed by the end of the run")         \
    X(GROWTH_FDS, "growth_descriptors", COUNT, "descriptors gained while they rose most")          \
    X(MAPPED_SPACE, "mapped_space", BYTES, "bytes mapped and not unmapped by the end of the run")  \
    X(GROWTH_MAPPED, "growth_mapped", BYTES, "mapped bytes gained while memory rose most")

enum sm_profile_value {
#define X(id, name, unit, title) SM_PROFILE_##id,
    SM_PROFILE_VALUES(X)
#undef X
        SM_PROFILE_VALUE_COUNT
};

struct sm_profile_value_kind {
    const char *name, *title;
    enum sm_unit unit; /* bytes or a count */
};
extern const struct sm_profile_value_kind sm_profile_value_kinds[SM_PROFILE_VALUE_COUNT];

/* Rounded to whole bytes, objects or descriptors. */
int64_t sm_profile_value(const struct sm_site_result *site, enum sm_profile_value value);

struct sm_profile_function {
    const char *name; /* "module+0xaddress" where it is not known; raw bytes of the program */
    const char *file; /* "" where unknown */
    const char *module;
};

/* One frame, met in any number of stacks. */
struct sm_profile_frame {
    struct sm_stack_frame at;
    size_t function; /* an index into functions */
};

/* A site with its stack, innermost first: never empty, an unknown stack is one unnamed frame. */
struct sm_profile_site {
    const struct sm_site_result *site;
    const size_t *frames; /* indexes into frames */
    size_t frame_count;
    const size_t *freed_by; /* who frees most of it, likewise */
    size_t freed_by_count;  /* 0 = nobody seen */
};

/* Functions are told apart by name, file and module; frames by module, address and inlining. */
struct sm_profile {
    struct sm_profile_function *functions;
    struct sm_profile_frame *frames;
    struct sm_profile_site *sites; /* in the order of the analysis */
    size_t function_count, frame_count, site_count;
    struct sm_profile_store *store; /* what the rest points into */
};

/* Gathers all sites of the analysis. 0 and a profile to be freed before the run and the analysis,
 * or -ENOMEM. */
int sm_profile_make(const struct sm_run *run, const struct sm_analysis *analysis,
                    struct sm_profile **ret_profile);
void sm_profile_free(struct sm_profile *profile);

/* An address of its own for every place in the program: modules lie apart, in the order of their
 * ids, each from SM_PROFILE_MODULE_BYTES x id on. */
static const uint64_t SM_PROFILE_MODULE_BYTES = UINT64_C(1) << 40;
uint64_t sm_profile_address(const struct sm_stack_frame *frame);
