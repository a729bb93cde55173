/* http2_streams.h - the streams of an HTTP/2 connection by their numbers. They come in order and so
 * spread by themselves: a stream is found at the first look. One thread at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sm_http2_exchange;

/* Zeroed to begin with. Exchanges stay their owners'. */
struct sm_http2_streams {
    struct sm_http2_exchange **buckets;
    size_t size, count; /* a power of two, or 0 */
};

/* By its stream_id. Returns 0 or -ENOMEM. */
int sm_http2_streams_add(struct sm_http2_streams *streams, struct sm_http2_exchange *exchange);
void sm_http2_streams_remove(struct sm_http2_streams *streams, struct sm_http2_exchange *exchange);
/* NULL: there is none. */
struct sm_http2_exchange *sm_http2_streams_at(const struct sm_http2_streams *streams,
                                              uint32_t stream_id);
void sm_http2_streams_free(struct sm_http2_streams *streams);
