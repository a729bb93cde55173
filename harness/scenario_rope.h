/* scenario_rope.h - a body being built: literal bytes, and between them parts that are not held.
 *
 * All of its memory is the scenario's; what goes wrong is raised. */
#pragma once

#include "body.h"
#include "scenario_internal.h"

struct sm_rope_cut {
    size_t at; /* in the literal bytes */
    struct sm_body_part part;
};

struct sm_rope {
    struct sm_loader *loader; /* set by whoever makes a zeroed rope */
    char *literal;
    size_t literal_length, literal_room;
    struct sm_rope_cut *cuts;
    size_t cut_count, cut_room;
    size_t length;
};

/* A place in a rope, to insert before what is added after it. */
struct sm_rope_mark {
    size_t literal_length, cut_count, length;
};

void sm_rope_clear(struct sm_rope *rope); /* keeps its room */
void sm_rope_add(struct sm_rope *rope, const void *bytes, size_t length);
/* A short part of held bytes is copied. */
void sm_rope_add_part(struct sm_rope *rope, const struct sm_body_part *part);
struct sm_rope_mark sm_rope_mark(const struct sm_rope *rope);
void sm_rope_insert(struct sm_rope *rope, struct sm_rope_mark mark, const void *bytes,
                    size_t length);
/* What was added since a mark, as parts of its own; the rope is cut back to the mark. */
struct sm_body_variant sm_rope_take(struct sm_rope *rope, struct sm_rope_mark mark);
