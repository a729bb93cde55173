/* arena.h - memory that is freed all at once. One thread at a time. */
#pragma once

#include <stddef.h>

struct sm_arena {
    struct sm_arena_piece *pieces; /* zero to begin with */
};

/* Zeroed memory, aligned for anything, or NULL when out of memory. */
void *sm_arena_alloc(struct sm_arena *arena, size_t bytes);

/* A copy of `length` bytes of text, terminated; NULL when out of memory. */
char *sm_arena_text(struct sm_arena *arena, const char *text, size_t length);

/* Frees everything; the arena can be used again. */
void sm_arena_free(struct sm_arena *arena);
