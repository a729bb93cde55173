/* websocket.h - one WebSocket connection after its handshake (RFC 6455): messages on one side,
 * bytes on the other. wslay reads frames and makes those of control, messages are framed
 * here; whoever owns the connection moves the bytes.
 *
 * What is to be sent lies in a buffer of fixed size, whole frames only; or it is a frame of which
 * nothing is held, composed as it goes. What comes in is counted, not kept, so that no peer can
 * make it grow. Pings are answered as they come. Thread rule: one thread at a time for all that
 * share their readers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sm_websocket_role { SM_WEBSOCKET_SERVER, SM_WEBSOCKET_CLIENT };

enum { SM_WEBSOCKET_REASON = 124 };

/* What has come, told from within sm_websocket_feed. Each may be NULL. */
struct sm_websocket_events {
    void (*message)(void *owner, bool is_text, uint64_t length); /* at its end */
    void (*pong)(void *owner, const void *bytes, size_t length);
    /* The peer closes; 1005 = without a status. The answer has been put into the buffer. */
    void (*closing)(void *owner, int status, const char *reason);
};

struct sm_websocket;
struct sm_websocket_reader;

/* What reads frames takes 9 KB, and is needed only while one is half there: connections of one role
 * share them. Zeroed to begin with; outlives its connections. */
struct sm_websocket_readers {
    struct sm_websocket_reader *spare;
};
void sm_websocket_readers_free(struct sm_websocket_readers *readers);

/* room_bytes: of the buffer, at least what the longest message put takes. Returns 0 and a
 * connection for sm_websocket_free, or -ENOMEM. */
int sm_websocket_new(enum sm_websocket_role role, struct sm_websocket_readers *readers,
                     size_t room_bytes, const struct sm_websocket_events *events, void *owner,
                     struct sm_websocket **ret_socket);
void sm_websocket_free(struct sm_websocket *socket); /* NULL is allowed */

/* Whether a message of this length can be put now. */
bool sm_websocket_has_room(const struct sm_websocket *socket, size_t length);
/* Puts a whole message into the buffer. Returns 0, or (and nothing is put) -EAGAIN when there is no
 * room now, or -ENOMEM. */
int sm_websocket_message(struct sm_websocket *socket, bool is_text, const void *bytes,
                         size_t length);
/* The same for one that comes before closing: it may use the room that is kept for that. */
int sm_websocket_last_message(struct sm_websocket *socket, bool is_text, const void *bytes,
                              size_t length);

/* Begins a frame of a message that goes frame by frame, so that none of any length is held; nothing
 * but control frames may go between them. Returns 0, or -EAGAIN while anything is pending, or
 * another frame goes. What is put meanwhile is pending only when this has gone. */
int sm_websocket_begin_frame(struct sm_websocket *socket, bool is_text, bool is_first, bool is_last,
                             size_t length);
bool sm_websocket_in_frame(const struct sm_websocket *socket); /* one goes */
/* Compose what is to be sent next of it: what has not gone of its head (into SM_WEBSOCKET_HEAD
 * bytes), then of its payload `bytes`, which lie `ahead` of what has gone of it. Return how many
 * bytes they wrote; the latter not more than `length`. */
enum { SM_WEBSOCKET_HEAD = 14 };
size_t sm_websocket_compose_head(const struct sm_websocket *socket, void *to);
size_t sm_websocket_compose(const struct sm_websocket *socket, size_t ahead, const void *bytes,
                            size_t length, void *to);
/* So many bytes have been sent of it; returns how many of them were its payload's. */
size_t sm_websocket_frame_sent(struct sm_websocket *socket, size_t length);

/* At most 125 bytes. Returns 0, -EAGAIN as above, -ENOMEM, or -EPIPE when it is closing. */
int sm_websocket_ping(struct sm_websocket *socket, const void *bytes, size_t length);
/* In the room that is kept for it; of a reason 123 bytes at most. Returns 0, -ENOMEM, or -EPIPE. */
int sm_websocket_close(struct sm_websocket *socket, int status, const char *reason);
/* Bytes as they are, frame or not. Returns as sm_websocket_message does. */
int sm_websocket_raw(struct sm_websocket *socket, const void *bytes, size_t length);
/* Takes the last `length` bytes that were put and not sent back out of the buffer. */
void sm_websocket_cut(struct sm_websocket *socket, size_t length);

/* What is to be sent now; returns its length. */
size_t sm_websocket_pending(const struct sm_websocket *socket, const void **ret_bytes);
void sm_websocket_sent(struct sm_websocket *socket, size_t length);
/* All bytes ever put into the buffer, and all sent. */
uint64_t sm_websocket_put_total(const struct sm_websocket *socket);
uint64_t sm_websocket_sent_total(const struct sm_websocket *socket);

/* Takes what has come. Returns 0, or -EPROTO when it breaks the protocol (the status to close with
 * has been put into the buffer) or asks for thousands of answers and takes none, or -ENOMEM. */
int sm_websocket_feed(struct sm_websocket *socket, const void *bytes, size_t length);
