#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "websocket_internal.h"

enum { MOST_ANSWERS = 4096 }; /* that wait for room: whoever asks so much does not listen */

/* wslay's state of what comes in and of the control frames that answer it, 9 KB. */
struct sm_websocket_reader {
    wslay_event_context_ptr wslay;
    struct sm_websocket *socket; /* that it is lent to */
    bool is_feeding, in_message;
    uint64_t taken, framed; /* bytes that came, and those of the frames that have begun */
    struct sm_websocket_reader *next;
};

static struct sm_websocket *socket_of(void *user) {
    const struct sm_websocket_reader *reader = user;
    return reader->socket;
}

static ssize_t put_control(wslay_event_context_ptr context, const uint8_t *bytes, size_t length,
                           int flags, void *user) {
    struct sm_websocket *socket = socket_of(user);
    (void)flags;
    bool has_room = socket->out.capacity - sm_websocket_buffered(socket) >= length;
    uint8_t *to = has_room ? sm_websocket_extend(socket, length) : NULL;
    if (!to) {
        wslay_event_set_error(context, has_room ? WSLAY_ERR_NOMEM : WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(to, bytes, length);
    return (ssize_t)length;
}

static int make_control_mask(wslay_event_context_ptr context, uint8_t *mask, size_t length,
                             void *user) {
    (void)context;
    sm_websocket_make_mask(socket_of(user), mask, length);
    return 0;
}

static ssize_t take_input(wslay_event_context_ptr context, uint8_t *bytes, size_t length, int flags,
                          void *user) {
    struct sm_websocket_reader *reader = user;
    struct sm_websocket *socket = reader->socket;
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
    reader->taken += length;
    return (ssize_t)length;
}

static const uint8_t no_mask[SM_FRAME_MASK];

static void on_frame(wslay_event_context_ptr context,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *user) {
    struct sm_websocket_reader *reader = user;
    struct sm_websocket *socket = reader->socket;
    const uint8_t *masked = socket->role == SM_WEBSOCKET_SERVER ? no_mask : NULL;
    uint8_t head[SM_FRAME_HEAD];
    (void)context;
    reader->framed += frame->payload_length;
    reader->framed += sm_frame_head(frame->opcode, frame->fin, frame->payload_length, masked, head);
    if (wslay_is_ctrl_frame(frame->opcode))
        return;
    reader->in_message = !frame->fin;
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
    struct sm_websocket *socket = socket_of(user);
    (void)context;
    if (message->opcode == WSLAY_PONG && socket->events.pong)
        socket->events.pong(socket->owner, message->msg, message->msg_length);
    else if (message->opcode == WSLAY_CONNECTION_CLOSE)
        take_closing(socket, message);
    else if (!wslay_is_ctrl_frame(message->opcode) && socket->events.message)
        socket->events.message(socket->owner, socket->message_opcode == WSLAY_TEXT_FRAME,
                               socket->message_bytes);
}

static struct sm_websocket_reader *make_reader(enum sm_websocket_role role) {
    const struct wslay_event_callbacks callbacks = {
        .recv_callback = take_input,
        .send_callback = put_control,
        .genmask_callback = make_control_mask,
        .on_frame_recv_start_callback = on_frame,
        .on_msg_recv_callback = on_message,
    };
    struct sm_websocket_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return NULL;
    int rc = role == SM_WEBSOCKET_SERVER
                 ? wslay_event_context_server_init(&reader->wslay, &callbacks, reader)
                 : wslay_event_context_client_init(&reader->wslay, &callbacks, reader);
    if (rc != 0) {
        free(reader);
        return NULL;
    }
    wslay_event_config_set_no_buffering(reader->wslay, 1);
    wslay_event_config_set_max_recv_msg_length(reader->wslay, UINT64_C(1) << 62);
    return reader;
}

void sm_websocket_reader_free(struct sm_websocket_reader *reader) {
    if (!reader)
        return;
    wslay_event_context_free(reader->wslay);
    free(reader);
}

void sm_websocket_readers_free(struct sm_websocket_readers *readers) {
    for (struct sm_websocket_reader *reader; (reader = readers->spare);) {
        readers->spare = reader->next;
        sm_websocket_reader_free(reader);
    }
}

/* The socket's reader, if need be a spare or a new one. NULL: out of memory. */
static struct sm_websocket_reader *borrow_reader(struct sm_websocket *socket) {
    struct sm_websocket_readers *readers = socket->readers;
    if (socket->reader)
        return socket->reader;
    if (readers->spare) {
        socket->reader = readers->spare;
        readers->spare = socket->reader->next;
    } else {
        socket->reader = make_reader(socket->role);
    }
    if (socket->reader)
        socket->reader->socket = socket;
    return socket->reader;
}

/* Gives the socket's reader back where nothing is half there, nor waits to be sent: then it is as
 * good as new to another. */
static void return_reader(struct sm_websocket *socket) {
    struct sm_websocket_reader *reader = socket->reader;
    if (reader->is_feeding || reader->in_message || reader->taken != reader->framed ||
        wslay_event_get_queued_msg_count(reader->wslay) > 0 ||
        !wslay_event_get_read_enabled(reader->wslay) ||
        !wslay_event_get_write_enabled(reader->wslay) ||
        wslay_event_get_close_sent(reader->wslay) || wslay_event_get_close_received(reader->wslay))
        return;
    reader->next = socket->readers->spare;
    socket->readers->spare = reader;
    socket->reader = NULL;
}

/* Puts what was queued with the socket's reader by `rc`. */
static int put_queued(struct sm_websocket *socket, int rc) {
    int sent = rc == 0 ? wslay_event_send(socket->reader->wslay) : rc;
    return_reader(socket);
    return sent == 0 ? 0 : sent == WSLAY_ERR_NOMEM ? -ENOMEM : -EPIPE;
}

int sm_websocket_ping(struct sm_websocket *socket, const void *bytes, size_t length) {
    const struct wslay_event_msg ping = {WSLAY_PING, bytes, length};
    if (!sm_websocket_has_room(socket, 0))
        return -EAGAIN;
    const struct sm_websocket_reader *reader = borrow_reader(socket);
    return reader ? put_queued(socket, wslay_event_queue_msg(reader->wslay, &ping)) : -ENOMEM;
}

int sm_websocket_close(struct sm_websocket *socket, int status, const char *reason) {
    size_t length = strnlen(reason, SM_WEBSOCKET_LONGEST_CONTROL - 2);
    const struct sm_websocket_reader *reader = borrow_reader(socket);
    return reader ? put_queued(socket, wslay_event_queue_close(reader->wslay, (uint16_t)status,
                                                               (const uint8_t *)reason, length))
                  : -ENOMEM;
}

int sm_websocket_feed(struct sm_websocket *socket, const void *bytes, size_t length) {
    struct sm_websocket_reader *reader = borrow_reader(socket);
    if (!reader)
        return -ENOMEM;
    socket->input = bytes;
    socket->input_left = length;
    reader->is_feeding = true;
    int rc = wslay_event_recv(reader->wslay), sent = 0;
    if (wslay_event_want_write(reader->wslay)) /* also the closing that answers a breach */
        sent = wslay_event_send(reader->wslay);
    reader->is_feeding = false;
    size_t queued = wslay_event_get_queued_msg_count(reader->wslay);
    /* What is left has not been read: wslay stops at the first breach and queues the answer. */
    bool refuses = !wslay_event_get_read_enabled(reader->wslay) &&
                   !wslay_event_get_close_received(reader->wslay);
    return_reader(socket);
    if (rc == WSLAY_ERR_NOMEM || sent == WSLAY_ERR_NOMEM)
        return -ENOMEM;
    return rc != 0 || refuses || queued > MOST_ANSWERS ? -EPROTO : 0;
}
