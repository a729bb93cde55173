#include "arena.h"

#include <stdlib.h>
#include <string.h>

/* Every piece is an allocation of its own, so that sanitizers see where each one ends. */
struct sm_arena_piece {
    struct sm_arena_piece *next;
    _Alignas(max_align_t) char bytes[];
};

void *sm_arena_alloc(struct sm_arena *arena, size_t bytes) {
    if (bytes > (size_t)-1 - sizeof(struct sm_arena_piece))
        return NULL;
    struct sm_arena_piece *piece = calloc(1, sizeof *piece + bytes);
    if (!piece)
        return NULL;
    piece->next = arena->pieces;
    arena->pieces = piece;
    return piece->bytes;
}

char *sm_arena_text(struct sm_arena *arena, const char *text, size_t length) {
    char *copy = length < (size_t)-1 ? sm_arena_alloc(arena, length + 1) : NULL;
    if (copy && length > 0)
        memcpy(copy, text, length);
    return copy;
}

void sm_arena_free(struct sm_arena *arena) {
    struct sm_arena_piece *piece = arena->pieces;
    while (piece) {
        struct sm_arena_piece *next = piece->next;
        free(piece);
        piece = next;
    }
    arena->pieces = NULL;
}
