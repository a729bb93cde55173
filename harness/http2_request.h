/* http2_request.h - a load's request as the frames that open a stream, encoded once: but for the
 * number of the stream and the length of the body all of a load's are alike. One thread at a time.
 */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the peer has been told before decides how a request reads: of a connection's dynamic table
 * (RFC 7541) the first request fills it and the others refer to it; or it is not used at all, which
 * the first of those says that follow. */
enum sm_http2_wording {
    SM_HTTP2_FILLING,
    SM_HTTP2_REFERRING,
    SM_HTTP2_RENOUNCING,
    SM_HTTP2_PLAIN,
    SM_HTTP2_WORDINGS,
};

struct sm_http2_request {
    struct sm_http2_wordings {
        uint8_t *block; /* the fields, encoded; without the length of the body */
        size_t block_length;
        uint8_t *frames; /* for the last length that was asked for; made when needed */
        size_t frames_length;
        int64_t body_length;
    } wordings[SM_HTTP2_WORDINGS];
    enum sm_http2_wording first; /* that a connection begins with */
    bool ends_stream;            /* there is no body */
};

/* Encodes. Returns 0 or -ENOMEM; either way sm_http2_request_free is to be called. */
int sm_http2_request_make(struct sm_http2_request *request, const nghttp2_nv *fields,
                          size_t field_count, bool ends_stream);
void sm_http2_request_free(struct sm_http2_request *request);

/* The frames of a stream, in this wording; body_length < 0: it is not said. Returns their bytes,
 * which stay as they are until the next call, or NULL when there is no memory. */
const uint8_t *sm_http2_request_frames(struct sm_http2_request *request,
                                       enum sm_http2_wording wording, uint32_t stream_id,
                                       int64_t body_length, size_t *ret_length);

/* What the next request of the connection is to be worded like. */
enum sm_http2_wording sm_http2_wording_after(enum sm_http2_wording wording);
/* The same where the peer's table has become so small. */
enum sm_http2_wording sm_http2_wording_within(enum sm_http2_wording wording, uint32_t table_bytes);
