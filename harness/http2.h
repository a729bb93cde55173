/* http2.h - HTTP/2 as a protocol of load_connections.h, a client's side of RFC 9113; nghttp2
 * encodes and decodes the fields (RFC 7541), libcurl's connections carry the frames. What is asked
 * for and what an answer means is the driver's: http2_load, grpc_load. Thread rule: the engine's
 * thread, but for open and close. */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http2_block.h"
#include "http2_memory.h"
#include "http2_outbox.h"
#include "http2_reply.h"
#include "http2_request.h"
#include "load_connections.h"

enum { SM_HTTP2_STREAMS = 100 };

/* One request. A driver's own struct may begin with it. */
struct sm_http2_exchange {
    struct sm_exchange base;
    uint32_t stream_id; /* 0: it has none yet, or none any more */
    int tries;
    struct sm_http2_exchange *next_in_bucket;
    TAILQ_ENTRY(sm_http2_exchange) sending; /* while it has a turn to send */
    int64_t message;                        /* of those it sends, the one under way */
    size_t offset;                          /* in it */
    int64_t credit;    /* bytes it may send, beyond what each stream may in the beginning */
    uint32_t received; /* bytes of frames with the body, since its window was opened last */
    bool has_turn;
    bool has_sent;     /* all of its body has gone into frames */
    bool has_begun;    /* some of the reply has come */
    bool has_answered; /* all of it has */
    bool is_closed;    /* the stream is, by the peer */
    struct sm_http2_reply reply;
};

struct sm_http2;

/* What a driver makes of replies. Called within the reading of frames. */
struct sm_http2_manner {
    size_t exchange_bytes;
    /* A header or trailer field of the reply, but :status. May be NULL. */
    void (*field)(struct sm_http2_exchange *exchange, const char *name, size_t name_length,
                  const char *value, size_t value_length);
    /* Bytes of the reply's body. May be NULL. */
    void (*data)(struct sm_http2_exchange *exchange, const char *bytes, size_t length);
    /* The reply is there, whole. is_last: the unit must be ended now, by sm_http2_end; else the
     * rest of the request is still on its way, and this is called again when it has gone or nobody
     * wants it any more. */
    void (*answered)(struct sm_http2_exchange *exchange, bool is_last);
};

/* A driver's struct begins with it. */
struct sm_http2 {
    struct sm_connections pool;
    struct sm_protocol protocol;
    const struct sm_http2_manner *manner;
    struct sm_payload payload;
    int64_t messages; /* of each request */
    size_t streams;   /* at once on a connection at the most */
    struct sm_http2_request request;
    bool is_head; /* it is a HEAD */
    bool has_body;
    bool says_length; /* of the body, beforehand */
    struct sm_http2_memory memory;
    struct sm_http2_known *known; /* the last; NULL: none yet */
    char scratch[SM_BODY_SCRATCH], received[1 << 16];
};

struct sm_http2_ask {
    const struct sm_address *address;
    const char *method, *path;
    const char *const *fields;  /* pairs of name and value, in small letters, NULL at their end */
    const char *const *headers; /* "Name: value" as a user writes them; they replace ours */
    size_t header_count;
};

#define SM_HTTP2_KEYS                                                                              \
    SM_CONNECTIONS_KEYS, {                                                                         \
        .name = "streams", .type = SM_KEY_QUANTITY, .unit = SM_UNIT_COUNT, .fallback = "100",      \
        .at_least = 1, .at_most = 1e6,                                                             \
        .help = "requests at once on a connection at the most; the target may allow fewer"         \
    }

/* Opens the zeroed load with payload and messages set. Returns 0 or a negative errno and *err;
 * either way sm_http2_close is to be called. */
int sm_http2_open(struct sm_http2 *load, const struct sm_http2_manner *manner,
                  const struct sm_block *config, const struct sm_http2_ask *ask,
                  struct sm_error *err);
void sm_http2_close(struct sm_http2 *load);

/* Ends a unit; what is still on its way, either way, is cancelled. */
void sm_http2_end(struct sm_http2_exchange *exchange, enum sm_ending ending, int outcome);
