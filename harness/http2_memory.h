/* http2_memory.h - memory for nghttp2: it asks for a dozen small pieces per request and gives them
 * back soon, which takes a general allocator a tenth of the processor time of a small request.
 *
 * Pieces are kept by size to be handed out again, and given back to the system at the end. One
 * thread at a time. */
#pragma once

#include <nghttp2/nghttp2.h>

enum { SM_HTTP2_MEMORY_SIZES = 32 };

/* Zeroed to begin with, but for what sm_http2_memory_init sets. */
struct sm_http2_memory {
    nghttp2_mem functions; /* for nghttp2 */
    struct sm_http2_piece *spare[SM_HTTP2_MEMORY_SIZES];
};

void sm_http2_memory_init(struct sm_http2_memory *memory);
/* After everything that was made with it has been freed. */
void sm_http2_memory_free(struct sm_http2_memory *memory);
