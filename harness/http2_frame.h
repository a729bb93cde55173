/* http2_frame.h - the heads of HTTP/2's frames, as bytes (RFC 9113, 4.1). Any thread. */
#pragma once

#include <stdint.h>

enum {
    SM_HTTP2_HEAD_BYTES = 9,
    SM_HTTP2_FRAME_BYTES = 16384, /* of a payload: any peer takes as much, and we take no more */
};

struct sm_http2_head {
    uint32_t length; /* of the payload, in bytes */
    uint8_t type;    /* NGHTTP2_DATA and so on; there may be others */
    uint8_t flags;
    uint32_t stream_id; /* 31 bits */
};

static inline uint32_t sm_http2_read_32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline void sm_http2_write_32(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)(value >> 24);
    bytes[1] = (uint8_t)(value >> 16);
    bytes[2] = (uint8_t)(value >> 8);
    bytes[3] = (uint8_t)value;
}

/* Of SM_HTTP2_HEAD_BYTES, both. */
static inline struct sm_http2_head sm_http2_head_read(const uint8_t *bytes) {
    return (struct sm_http2_head){.length = sm_http2_read_32(bytes) >> 8,
                                  .type = bytes[3],
                                  .flags = bytes[4],
                                  .stream_id = sm_http2_read_32(bytes + 5) & INT32_MAX};
}

static inline void sm_http2_head_write(uint8_t *bytes, const struct sm_http2_head *head) {
    sm_http2_write_32(bytes, head->length << 8 | head->type);
    bytes[4] = head->flags;
    sm_http2_write_32(bytes + 5, head->stream_id);
}
