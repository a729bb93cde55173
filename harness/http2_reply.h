/* http2_reply.h - whether what comes on a stream is a reply as HTTP/2 wants it: heads, body and
 * trailers in order, and fields that may be there (RFC 9113, 8). One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sm_http2_reply {
    int status;        /* the final one; 0: none has come */
    int block_status;  /* of the block of fields that is being read; 0: none has come */
    bool is_head;      /* it answers a HEAD */
    bool in_fields;    /* of the block: what comes now is no pseudo-header any more */
    bool has_final;    /* the final head has come: other fields are trailers */
    uint32_t listed;   /* bytes of fields in the block */
    int64_t length;    /* of its body, as it says; -1: it does not */
    int64_t received;  /* of it */
    const char *fault; /* what was wrong first, static; NULL: nothing */
};

/* What the request asks for decides what may come. */
void sm_http2_reply_begin(struct sm_http2_reply *reply, bool is_head);

/* A block of fields: its beginning, each of its fields, its end; the latter with END_STREAM or
 * not. */
void sm_http2_reply_begin_block(struct sm_http2_reply *reply);
void sm_http2_reply_field(struct sm_http2_reply *reply, const uint8_t *name, size_t name_length,
                          const uint8_t *value, size_t value_length);
void sm_http2_reply_end_block(struct sm_http2_reply *reply, bool ends_stream);

/* So many bytes of the body have come. */
void sm_http2_reply_data(struct sm_http2_reply *reply, size_t length);

/* The stream ends. */
void sm_http2_reply_end(struct sm_http2_reply *reply);
