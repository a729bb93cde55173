/* http2_connection.h - a connection of HTTP/2, shared by what makes its frames (http2_send.c), what
 * reads them (http2_receive.c) and what opens and ends it (http2.c). Engine's thread. */
#pragma once

#include "http2.h"
#include "http2_frame.h"
#include "http2_streams.h"

enum {
    SM_HTTP2_WORDS = 96,
    SM_HTTP2_GREETING = 48,
    SM_HTTP2_WINDOW_BYTES = 16 << 20, /* of replies under way, which are thrown away as they come */
};

struct sm_http2_connection {
    struct sm_connection base;
    /* Sending. */
    struct sm_outbox outbox;
    struct sm_http2_streams streams; /* those of its exchanges that have one */
    TAILQ_HEAD(sm_http2_senders, sm_http2_exchange) senders; /* that may send, in turns */
    uint32_t next_stream_id;
    enum sm_http2_wording wording; /* of the next request */
    int64_t credit;                /* bytes of bodies that the peer has room for, of all streams */
    int64_t stream_credit;         /* that it gives each in the beginning */
    uint32_t most_in_frame;
    uint32_t allowed; /* streams at once, as the peer says */
    unsigned answers; /* to PING and SETTINGS, since all had been sent */
    /* Receiving. */
    struct sm_http2_block block;
    struct sm_http2_head data; /* of the DATA under way; its length: what is still to come */
    uint32_t padding;          /* the last bytes of that */
    uint32_t received;         /* bytes of frames with bodies, since the window was opened last */
    uint8_t *partial;          /* a frame that has not come whole */
    size_t partial_length;
    bool has_settings; /* the peer's have come: it does speak HTTP/2 */
    bool is_leaving;   /* GOAWAY has come */
    uint32_t leaving_code, last_stream_id;
    /* How it ends. */
    bool is_broken;             /* by what the peer sent; it is told, then dropped */
    int send_error;             /* negative errno; the peer may have said why all the same */
    char words[SM_HTTP2_WORDS]; /* what the peer said to that, or what is wrong with it */
    char greeting[SM_HTTP2_GREETING + 1]; /* the first bytes that came */
    size_t greeting_length;
};

static inline struct sm_http2 *sm_http2_load_of(const struct sm_http2_connection *connection) {
    return (struct sm_http2 *)connection->base.pool;
}

static inline struct sm_http2_connection *
sm_http2_connection_of(const struct sm_http2_exchange *exchange) {
    return (struct sm_http2_connection *)exchange->base.connection;
}

/* The exchange has no stream any more, as it is to be before its unit ends. */
void sm_http2_leave_stream(struct sm_http2_exchange *exchange);

/* The unit ends as unanswered: these words, and how far it came. */
void sm_http2_lose(struct sm_http2_exchange *exchange, const char *what);

/* Makes everything that follows pointless: the peer hears of it, and the units do. code: of RFC
 * 9113, 7; said: what else there is to say, or "". */
void sm_http2_break(struct sm_http2_connection *connection, uint32_t code, const char *said);

/* Frames to be sent. Where there is no memory for them the connection is broken. */
void sm_http2_greet(struct sm_http2_connection *connection);
void sm_http2_put(struct sm_http2_connection *connection, const struct sm_http2_head *head,
                  const void *payload);
/* A frame whose payload are these 32 bits: WINDOW_UPDATE, RST_STREAM. */
void sm_http2_put_32(struct sm_http2_connection *connection, uint8_t type, uint32_t stream_id,
                     uint32_t value);
/* Opens a stream with the exchange's request. Returns 0, -EOVERFLOW when the connection has had as
 * many as there can be, or -ENOMEM. */
int sm_http2_put_request(struct sm_http2_connection *connection,
                         struct sm_http2_exchange *exchange);
/* Bodies, as far as the peer has room for them and a turn goes. */
void sm_http2_put_bodies(struct sm_http2_connection *connection);

/* The peer has room for more, on all streams or on one, or for less: bytes. -ERANGE: for more than
 * there can be. */
int sm_http2_add_credit(struct sm_http2_connection *connection, uint32_t bytes);
int sm_http2_add_stream_credit(struct sm_http2_connection *connection,
                               struct sm_http2_exchange *exchange, uint32_t bytes);
int sm_http2_set_stream_credit(struct sm_http2_connection *connection, uint32_t bytes);

/* Reads what has come. The connection may be broken then. */
void sm_http2_take(struct sm_http2_connection *connection, const uint8_t *bytes, size_t length);
