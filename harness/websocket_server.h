/* websocket_server.h - listens, and makes WebSockets of the connections that come.
 *
 * Thread rule: everything in the thread that handles the epoll descriptor; opening and closing the
 * server while no such thread runs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../reports/error.h"
#include "websocket.h"

struct sm_websocket_server;
struct sm_peer;

struct sm_websocket_server_options {
    const char *address;   /* "127.0.0.1" */
    int port;              /* 0: any free one */
    const char *unix_path; /* not NULL: a unix socket instead */
    size_t room_bytes;     /* of each connection's buffer */
};

struct sm_websocket_server_events {
    /* The handshake is over; target: "/path?query", gone after the call. */
    void (*opened)(void *owner, struct sm_peer *peer, const char *target);
    void (*pong)(void *owner, struct sm_peer *peer, const void *bytes, size_t length);
    /* An opened connection has ended by the peer's doing; it is gone after the call. */
    void (*closed)(void *owner, struct sm_peer *peer, const char *words);
    /* A connection has ended before it was one. */
    void (*refused)(void *owner, const char *words);
};

/* Returns 0 and a server that listens already, or a negative errno and *err. */
int sm_websocket_server_open(const struct sm_websocket_server_options *options, int epoll_fd,
                             const struct sm_websocket_server_events *events, void *owner,
                             struct sm_websocket_server **ret_server, struct sm_error *err);
void sm_websocket_server_close(struct sm_websocket_server *server); /* NULL is allowed */

/* Connections that come meanwhile are reset (true), or taken again. */
void sm_websocket_server_refuse(struct sm_websocket_server *server, bool refuses);

/* Hands over what epoll gave. */
void sm_websocket_server_ready(struct sm_websocket_server *server, void *what, uint32_t events);
/* Does what is due; returns when it wants to be called again (INT64_MAX: never). */
int64_t sm_websocket_server_tick(struct sm_websocket_server *server, int64_t now_ns);

struct sm_websocket *sm_peer_socket(struct sm_peer *peer);
/* Sends what is in the buffer, as far as it goes now; the rest goes when the peer has read. What
 * goes wrong is told by `closed` later. */
void sm_peer_flush(struct sm_peer *peer);
/* Ends it: what is in the buffer is still sent, then the connection is closed, at the latest
 * after a second. No event comes any more; the peer is gone for the caller. */
void sm_peer_leave(struct sm_peer *peer);
/* Ends it at once by a reset. */
void sm_peer_reset(struct sm_peer *peer);
