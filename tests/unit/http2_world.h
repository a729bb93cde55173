/* http2_world.h - one connection of HTTP/2 without sockets and without an engine: in place of the
 * pool, the link and the peer there is what a test says. One at a time. */
#pragma once

#include "harness/http2_connection.h"

enum { WORLD_UNITS = 16, WORLD_WORDS = 128, WORLD_BODY = 64 };

struct http2_world {
    struct sm_http2 *load;
    struct sm_http2_connection *connection;
    bool is_dropped;
    /* What became of each unit. */
    struct world_unit {
        bool has_begun, has_ended;
        enum sm_ending ending;
        char words[WORLD_WORDS]; /* "HTTP 200"; "again": it is to be sent again */
    } units[WORLD_UNITS];
    char body[WORLD_BODY]; /* of all replies; what goes beyond is lost */
    size_t body_length;
    /* From the peer: what is still to come, at most so many bytes at once; then nothing, or the
     * end. */
    const uint8_t *incoming;
    size_t incoming_length, incoming_piece;
    bool has_closed;
    /* To the peer, which takes so many bytes at once. */
    uint8_t *sent;
    size_t sent_length, sent_room, sent_piece;
    bool takes_nothing;
};

extern struct http2_world http2_world;

/* Opens a connection of requests with a body of so many bytes; 0: without one, by this method. */
void http2_world_open(const char *method, size_t body_bytes);
/* Begins a unit of this number. */
void http2_world_begin(int number);
/* The peer sends this, and all that comes of it is done. */
void http2_world_receive(const void *bytes, size_t length);
/* Sends what can be sent. */
void http2_world_flush(void);
/* The peer closes, unless the connection is dropped already; every unit must have ended, each once.
 */
void http2_world_close(void);
