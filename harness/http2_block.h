/* http2_block.h - blocks of fields as they come on a connection, HEADERS and what CONTINUATIONs
 * follow, decoded by nghttp2 (RFC 7541). One thread at a time. */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http2_reply.h"

struct sm_http2_exchange;
struct sm_http2;

enum { SM_HTTP2_KNOWN_BYTES = 512 };

/* A head of a reply whose bytes say the same on every connection, for they do not refer to its
 * dynamic table. Most replies of a load are alike for a while, and to decode such a head each time
 * takes more than all the rest of a small request. Owned by the connections that still are to put
 * its fields into their tables, and by the load while it is the last that was met. */
struct sm_http2_known {
    size_t owners;
    size_t length;
    uint8_t bytes[SM_HTTP2_KNOWN_BYTES];
    unsigned enough; /* so often, and nothing older is left in a table; 0: it adds nothing */
    struct sm_http2_reply reply; /* as it is then */
};

/* Of a connection. Zeroed to begin with. */
struct sm_http2_block {
    nghttp2_hd_inflater *inflater; /* NULL: nothing had to be decoded yet */
    /* What the inflater is to decode before anything else, the older before the newer, each so
     * often. */
    struct sm_http2_owed {
        struct sm_http2_known *known; /* NULL: nothing */
        unsigned count;
    } older, newer;
    uint32_t stream_id; /* of the block that CONTINUATIONs are to complete; 0: none */
    bool ends_stream;
    size_t bytes; /* of that block, so far */
};

/* Takes the next piece of a block, the last one or not. exchange: whose reply it is, or NULL: it is
 * only decoded, for those that follow. Returns 0, -EBADMSG or -ENOMEM, and nothing can be decoded
 * after these. */
int sm_http2_block_take(struct sm_http2_block *block, struct sm_http2 *load,
                        struct sm_http2_exchange *exchange, const uint8_t *bytes, size_t length,
                        bool is_last);
/* The same of a whole block. */
int sm_http2_block_take_whole(struct sm_http2_block *block, struct sm_http2 *load,
                              struct sm_http2_exchange *exchange, const uint8_t *bytes,
                              size_t length);
void sm_http2_block_free(struct sm_http2_block *block);

/* No owner any more. NULL is allowed. */
void sm_http2_known_leave(struct sm_http2_known *known);
