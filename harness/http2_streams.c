#include "http2_streams.h"

#include <errno.h>
#include <stdlib.h>

#include "http2.h"

enum { FIRST_SIZE = 4 };

/* Ours are odd. */
static struct sm_http2_exchange **bucket_of(const struct sm_http2_streams *streams,
                                            uint32_t stream_id) {
    return &streams->buckets[stream_id / 2 & (streams->size - 1)];
}

static void put(struct sm_http2_streams *streams, struct sm_http2_exchange *exchange) {
    struct sm_http2_exchange **bucket = bucket_of(streams, exchange->stream_id);
    exchange->next_in_bucket = *bucket;
    *bucket = exchange;
}

static int grow(struct sm_http2_streams *streams) {
    struct sm_http2_streams grown = {.size = streams->size ? streams->size * 2 : FIRST_SIZE};
    grown.buckets = calloc(grown.size, sizeof(struct sm_http2_exchange *));
    if (!grown.buckets)
        return -ENOMEM;
    for (size_t i = 0; i < streams->size; i++) {
        struct sm_http2_exchange *exchange = streams->buckets[i], *next;
        for (; exchange; exchange = next) {
            next = exchange->next_in_bucket;
            put(&grown, exchange);
        }
    }
    free((void *)streams->buckets);
    streams->buckets = grown.buckets;
    streams->size = grown.size;
    return 0;
}

int sm_http2_streams_add(struct sm_http2_streams *streams, struct sm_http2_exchange *exchange) {
    if (streams->count == streams->size && grow(streams) < 0)
        return -ENOMEM;
    put(streams, exchange);
    streams->count++;
    return 0;
}

void sm_http2_streams_remove(struct sm_http2_streams *streams, struct sm_http2_exchange *exchange) {
    struct sm_http2_exchange **at = bucket_of(streams, exchange->stream_id);
    while (*at != exchange)
        at = &(*at)->next_in_bucket;
    *at = exchange->next_in_bucket;
    streams->count--;
}

struct sm_http2_exchange *sm_http2_streams_at(const struct sm_http2_streams *streams,
                                              uint32_t stream_id) {
    struct sm_http2_exchange *exchange = streams->size ? *bucket_of(streams, stream_id) : NULL;
    while (exchange && exchange->stream_id != stream_id)
        exchange = exchange->next_in_bucket;
    return exchange;
}

void sm_http2_streams_free(struct sm_http2_streams *streams) {
    free((void *)streams->buckets);
    *streams = (struct sm_http2_streams){0};
}
