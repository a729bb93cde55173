#include "http2_memory.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_BYTES = 64 }; /* sizes are multiples of it; beyond the last nothing is kept */

/* Before what is handed out. */
struct sm_http2_piece {
    size_t index; /* of its size; SM_HTTP2_MEMORY_SIZES: it is not kept */
    union {
        struct sm_http2_piece *next; /* while it is spare */
        size_t length;               /* as asked for, while it is not */
    };
};
_Static_assert(sizeof(struct sm_http2_piece) % _Alignof(max_align_t) == 0, "alignment");

static void *give(size_t length, void *user) {
    struct sm_http2_memory *memory = user;
    size_t index = length / STEP_BYTES;
    struct sm_http2_piece *piece = NULL;
    if (index < SM_HTTP2_MEMORY_SIZES && (piece = memory->spare[index])) {
        memory->spare[index] = piece->next;
    } else if (index < SM_HTTP2_MEMORY_SIZES) {
        piece = malloc(sizeof *piece + (index + 1) * STEP_BYTES);
    } else if (length < SIZE_MAX - sizeof *piece) {
        piece = malloc(sizeof *piece + length);
        index = SM_HTTP2_MEMORY_SIZES;
    }
    if (!piece)
        return NULL;
    piece->index = index;
    piece->length = length;
    return piece + 1;
}

static void take_back(void *bytes, void *user) {
    struct sm_http2_memory *memory = user;
    if (!bytes)
        return;
    struct sm_http2_piece *piece = (struct sm_http2_piece *)bytes - 1;
    if (piece->index == SM_HTTP2_MEMORY_SIZES) {
        free(piece);
        return;
    }
    piece->next = memory->spare[piece->index];
    memory->spare[piece->index] = piece;
}

static void *give_zeroed(size_t count, size_t length, void *user) {
    size_t whole;
    if (__builtin_mul_overflow(count, length, &whole))
        return NULL;
    void *bytes = give(whole, user);
    return bytes ? memset(bytes, 0, whole) : NULL;
}

static void *give_more(void *bytes, size_t length, void *user) {
    void *grown = give(length, user);
    if (!bytes || !grown)
        return grown;
    size_t had = ((struct sm_http2_piece *)bytes - 1)->length;
    memcpy(grown, bytes, had < length ? had : length);
    take_back(bytes, user);
    return grown;
}

void sm_http2_memory_init(struct sm_http2_memory *memory) {
    memory->functions = (nghttp2_mem){memory, give, take_back, give_zeroed, give_more};
}

void sm_http2_memory_free(struct sm_http2_memory *memory) {
    struct sm_http2_piece *piece;
    for (size_t i = 0; i < SM_HTTP2_MEMORY_SIZES; i++) {
        while ((piece = memory->spare[i])) {
            memory->spare[i] = piece->next;
            free(piece);
        }
    }
}
