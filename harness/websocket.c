#include "websocket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

enum {
    HEAD_BYTES = 14, /* of a frame, at the most */
    MASK_BYTES = 4,
    CONTROL_BYTES = 65536, /* kept free for answers to pings and for closing */
    LONGEST_CONTROL = 125,
    MOST_ANSWERS = 4096, /* that wait for room: whoever asks so much does not listen */
};

struct sm_websocket {
    struct sm_websocket_events events;
    void *owner;
    enum sm_websocket_role role;
    wslay_event_context_ptr incoming; /* and the control frames that answer it */
    struct {
        uint8_t *bytes;
        size_t capacity, begin, end;
        uint64_t put_total, sent_total;
    } out;
    const uint8_t *input;
    size_t input_left;
    uint64_t message_bytes;
    uint8_t message_opcode;
    uint64_t random; /* of the masks, which are no secret here */
};

static size_t pending(const struct sm_websocket *socket) {
    return socket->out.end - socket->out.begin;
}

/* Room at the end of the buffer, to be filled. */
static uint8_t *extend(struct sm_websocket *socket, size_t length) {
    if (socket->out.capacity - socket->out.end < length) {
        memmove(socket->out.bytes, socket->out.bytes + socket->out.begin, pending(socket));
        socket->out.end -= socket->out.begin;
        socket->out.begin = 0;
    }
    uint8_t *room = socket->out.bytes + socket->out.end;
    socket->out.end += length;
    socket->out.put_total += length;
    return room;
}

static void append(struct sm_websocket *socket, const void *bytes, size_t length) {
    memcpy(extend(socket, length), bytes, length);
}

static void make_mask(struct sm_websocket *socket, uint8_t *mask, size_t length) {
    socket->random ^= socket->random << 13; /* Marsaglia's xorshift64 */
    socket->random ^= socket->random >> 7;
    socket->random ^= socket->random << 17;
    memcpy(mask, &socket->random, length);
}

/* Eight bytes at a time: by single ones it would be most of the cost of a large message. */
static void copy_masked(uint8_t *to, const uint8_t *from, size_t length, const uint8_t *mask) {
    uint64_t masks, eight;
    size_t i = 0;
    memcpy(&masks, mask, MASK_BYTES);
    memcpy((uint8_t *)&masks + MASK_BYTES, mask, MASK_BYTES);
    for (; i + sizeof eight <= length; i += sizeof eight) {
        memcpy(&eight, from + i, sizeof eight);
        eight ^= masks;
        memcpy(to + i, &eight, sizeof eight);
    }
    for (; i < length; i++)
        to[i] = from[i] ^ mask[i % MASK_BYTES];
}

static ssize_t put_control(wslay_event_context_ptr context, const uint8_t *bytes, size_t length,
                           int flags, void *user) {
    struct sm_websocket *socket = user;
    (void)flags;
    if (socket->out.capacity - pending(socket) < length) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    append(socket, bytes, length);
    return (ssize_t)length;
}

static int make_control_mask(wslay_event_context_ptr context, uint8_t *mask, size_t length,
                             void *user) {
    (void)context;
    make_mask(user, mask, length);
    return 0;
}

static ssize_t take_input(wslay_event_context_ptr context, uint8_t *bytes, size_t length, int flags,
                          void *user) {
    struct sm_websocket *socket = user;
    (void)flags;
    if (socket->input_left == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    if (length > socket->input_left)
        length = socket->input_left;
    memcpy(bytes, socket->input, length);
    socket->input += length;
    socket->input_left -= length;
    return (ssize_t)length;
}

static void on_frame(wslay_event_context_ptr context,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *user) {
    struct sm_websocket *socket = user;
    (void)context;
    if (wslay_is_ctrl_frame(frame->opcode))
        return;
    if (frame->opcode != WSLAY_CONTINUATION_FRAME) {
        socket->message_opcode = frame->opcode;
        socket->message_bytes = 0;
    }
    socket->message_bytes += frame->payload_length;
}

static void take_closing(struct sm_websocket *socket,
                         const struct wslay_event_on_msg_recv_arg *message) {
    char reason[SM_WEBSOCKET_REASON] = "";
    int status = message->status_code ? message->status_code : WSLAY_CODE_NO_STATUS_RCVD;
    size_t length = message->msg_length > 2 ? message->msg_length - 2 : 0;
    if (length >= sizeof reason)
        length = sizeof reason - 1;
    if (length > 0)
        memcpy(reason, message->msg + 2, length);
    reason[length] = '\0';
    if (socket->events.closing)
        socket->events.closing(socket->owner, status, reason);
}

static void on_message(wslay_event_context_ptr context,
                       const struct wslay_event_on_msg_recv_arg *message, void *user) {
    struct sm_websocket *socket = user;
    (void)context;
    if (message->opcode == WSLAY_PONG && socket->events.pong)
        socket->events.pong(socket->owner, message->msg, message->msg_length);
    else if (message->opcode == WSLAY_CONNECTION_CLOSE)
        take_closing(socket, message);
    else if (!wslay_is_ctrl_frame(message->opcode) && socket->events.message)
        socket->events.message(socket->owner, socket->message_opcode == WSLAY_TEXT_FRAME,
                               socket->message_bytes);
}

int sm_websocket_new(enum sm_websocket_role role, size_t room_bytes,
                     const struct sm_websocket_events *events, void *owner,
                     struct sm_websocket **ret_socket) {
    const struct wslay_event_callbacks event_callbacks = {
        .recv_callback = take_input,
        .send_callback = put_control,
        .genmask_callback = make_control_mask,
        .on_frame_recv_start_callback = on_frame,
        .on_msg_recv_callback = on_message,
    };
    struct sm_websocket *socket = calloc(1, sizeof *socket);
    if (!socket)
        return -ENOMEM;
    socket->events = *events;
    socket->owner = owner;
    socket->role = role;
    socket->random = UINT64_C(0x9e3779b97f4a7c15);
    socket->out.capacity = 2 * (room_bytes + HEAD_BYTES + CONTROL_BYTES);
    socket->out.bytes = malloc(socket->out.capacity);
    int rc = role == SM_WEBSOCKET_SERVER
                 ? wslay_event_context_server_init(&socket->incoming, &event_callbacks, socket)
                 : wslay_event_context_client_init(&socket->incoming, &event_callbacks, socket);
    if (rc != 0 || !socket->out.bytes) {
        sm_websocket_free(socket);
        return -ENOMEM;
    }
    wslay_event_config_set_no_buffering(socket->incoming, 1);
    wslay_event_config_set_max_recv_msg_length(socket->incoming, UINT64_C(1) << 62);
    *ret_socket = socket;
    return 0;
}

void sm_websocket_free(struct sm_websocket *socket) {
    if (!socket)
        return;
    if (socket->incoming)
        wslay_event_context_free(socket->incoming);
    free(socket->out.bytes);
    free(socket);
}

/* What is left is moved to the front only when half of the buffer has been sent, so that no byte is
 * moved twice. */
bool sm_websocket_has_room(const struct sm_websocket *socket, size_t length) {
    bool may_move = socket->out.begin >= socket->out.capacity / 2;
    size_t taken = may_move ? pending(socket) : socket->out.end;
    taken += CONTROL_BYTES + HEAD_BYTES;
    return taken <= socket->out.capacity && socket->out.capacity - taken >= length;
}

/* A frame (RFC 6455, 5.2). */
static void put_data(struct sm_websocket *socket, uint8_t opcode, bool is_last, const void *bytes,
                     size_t length) {
    enum { END = 0x80, MASKED = 0x80, LENGTH_OF_2 = 126, LENGTH_OF_8 = 127 };
    bool is_masked = socket->role == SM_WEBSOCKET_CLIENT;
    size_t length_bytes = length < LENGTH_OF_2 ? 0 : length <= UINT16_MAX ? 2 : 8, count = 2;
    uint8_t head[HEAD_BYTES] = {(uint8_t)((is_last ? END : 0) | opcode),
                                (uint8_t)(length_bytes == 0   ? length
                                          : length_bytes == 2 ? LENGTH_OF_2
                                                              : LENGTH_OF_8)};
    for (size_t left = length_bytes; left > 0; left--)
        head[count++] = (uint8_t)(length >> (8 * (left - 1)));
    if (is_masked) {
        head[1] |= MASKED;
        make_mask(socket, head + count, MASK_BYTES);
        count += MASK_BYTES;
    }
    append(socket, head, count);
    if (is_masked)
        copy_masked(extend(socket, length), bytes, length, head + count - MASK_BYTES);
    else
        append(socket, bytes, length);
}

static uint8_t opcode_of(bool is_text) {
    return is_text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME;
}

int sm_websocket_fragment(struct sm_websocket *socket, bool is_text, bool is_first, bool is_last,
                          const void *bytes, size_t length) {
    if (!sm_websocket_has_room(socket, length))
        return -EAGAIN;
    put_data(socket, is_first ? opcode_of(is_text) : WSLAY_CONTINUATION_FRAME, is_last, bytes,
             length);
    return 0;
}

int sm_websocket_message(struct sm_websocket *socket, bool is_text, const void *bytes,
                         size_t length) {
    return sm_websocket_fragment(socket, is_text, true, true, bytes, length);
}

int sm_websocket_last_message(struct sm_websocket *socket, bool is_text, const void *bytes,
                              size_t length) {
    if (socket->out.capacity - pending(socket) < length + 2 * HEAD_BYTES + LONGEST_CONTROL)
        return -EAGAIN;
    put_data(socket, opcode_of(is_text), true, bytes, length);
    return 0;
}

static int put_queued(struct sm_websocket *socket, int rc) {
    if (rc == WSLAY_ERR_NOMEM)
        return -ENOMEM;
    return rc == 0 && wslay_event_send(socket->incoming) == 0 ? 0 : -EPIPE;
}

int sm_websocket_ping(struct sm_websocket *socket, const void *bytes, size_t length) {
    const struct wslay_event_msg ping = {WSLAY_PING, bytes, length};
    if (!sm_websocket_has_room(socket, 0))
        return -EAGAIN;
    return put_queued(socket, wslay_event_queue_msg(socket->incoming, &ping));
}

int sm_websocket_close(struct sm_websocket *socket, int status, const char *reason) {
    size_t length = strnlen(reason, LONGEST_CONTROL - 2);
    return put_queued(socket, wslay_event_queue_close(socket->incoming, (uint16_t)status,
                                                      (const uint8_t *)reason, length));
}

int sm_websocket_raw(struct sm_websocket *socket, const void *bytes, size_t length) {
    if (!sm_websocket_has_room(socket, length))
        return -EAGAIN;
    append(socket, bytes, length);
    return 0;
}

void sm_websocket_cut(struct sm_websocket *socket, size_t length) {
    if (length > pending(socket))
        length = pending(socket);
    socket->out.end -= length;
    socket->out.put_total -= length;
}

size_t sm_websocket_pending(const struct sm_websocket *socket, const void **ret_bytes) {
    *ret_bytes = socket->out.bytes + socket->out.begin;
    return pending(socket);
}

void sm_websocket_sent(struct sm_websocket *socket, size_t length) {
    socket->out.begin += length;
    socket->out.sent_total += length;
    if (socket->out.begin == socket->out.end)
        socket->out.begin = socket->out.end = 0;
}

uint64_t sm_websocket_put_total(const struct sm_websocket *socket) {
    return socket->out.put_total;
}

uint64_t sm_websocket_sent_total(const struct sm_websocket *socket) {
    return socket->out.sent_total;
}

int sm_websocket_feed(struct sm_websocket *socket, const void *bytes, size_t length) {
    socket->input = bytes;
    socket->input_left = length;
    int rc = wslay_event_recv(socket->incoming), sent = 0;
    if (wslay_event_want_write(socket->incoming)) /* also the closing that answers a breach */
        sent = wslay_event_send(socket->incoming);
    if (rc == WSLAY_ERR_NOMEM || sent == WSLAY_ERR_NOMEM)
        return -ENOMEM;
    if (wslay_event_get_queued_msg_count(socket->incoming) > MOST_ANSWERS)
        return -EPROTO;
    /* What is left has not been read: wslay stops at the first breach and queues the answer. */
    bool refuses = !wslay_event_get_read_enabled(socket->incoming) &&
                   !wslay_event_get_close_received(socket->incoming);
    return rc != 0 || refuses ? -EPROTO : 0;
}
