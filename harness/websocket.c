#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "websocket_internal.h"

size_t sm_websocket_buffered(const struct sm_websocket *socket) {
    return socket->out.end - socket->out.begin;
}

uint8_t *sm_websocket_extend(struct sm_websocket *socket, size_t length) {
    if (!socket->out.bytes && !(socket->out.bytes = malloc(socket->out.capacity)))
        return NULL;
    if (socket->out.capacity - socket->out.end < length) {
        memmove(socket->out.bytes, socket->out.bytes + socket->out.begin,
                sm_websocket_buffered(socket));
        socket->out.end -= socket->out.begin;
        socket->out.begin = 0;
    }
    uint8_t *room = socket->out.bytes + socket->out.end;
    socket->out.end += length;
    socket->out.put_total += length;
    return room;
}

void sm_websocket_make_mask(struct sm_websocket *socket, uint8_t *mask, size_t length) {
    socket->random ^= socket->random << 13; /* Marsaglia's xorshift64 */
    socket->random ^= socket->random >> 7;
    socket->random ^= socket->random << 17;
    memcpy(mask, &socket->random, length);
}

int sm_websocket_new(enum sm_websocket_role role, struct sm_websocket_readers *readers,
                     size_t room_bytes, const struct sm_websocket_events *events, void *owner,
                     struct sm_websocket **ret_socket) {
    struct sm_websocket *socket = calloc(1, sizeof *socket);
    if (!socket)
        return -ENOMEM;
    socket->events = *events;
    socket->owner = owner;
    socket->role = role;
    socket->readers = readers;
    socket->random = UINT64_C(0x9e3779b97f4a7c15);
    socket->out.capacity = 2 * (room_bytes + SM_FRAME_HEAD + SM_WEBSOCKET_CONTROLS);
    *ret_socket = socket;
    return 0;
}

void sm_websocket_free(struct sm_websocket *socket) {
    if (!socket)
        return;
    sm_websocket_reader_free(socket->reader);
    free(socket->out.bytes);
    free(socket);
}

/* What is left is moved to the front only when half of the buffer has been sent, so that no byte is
 * moved twice. */
bool sm_websocket_has_room(const struct sm_websocket *socket, size_t length) {
    bool may_move = socket->out.begin >= socket->out.capacity / 2;
    size_t taken = may_move ? sm_websocket_buffered(socket) : socket->out.end;
    taken += SM_WEBSOCKET_CONTROLS + SM_FRAME_HEAD;
    return taken <= socket->out.capacity && socket->out.capacity - taken >= length;
}

static uint8_t opcode_of(bool is_text) {
    return is_text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME;
}

static size_t make_head(struct sm_websocket *socket, uint8_t opcode, bool is_last, uint64_t length,
                        uint8_t mask[SM_FRAME_MASK], uint8_t head[SM_FRAME_HEAD]) {
    bool is_masked = socket->role == SM_WEBSOCKET_CLIENT;
    if (is_masked)
        sm_websocket_make_mask(socket, mask, SM_FRAME_MASK);
    return sm_frame_head(opcode, is_last, length, is_masked ? mask : NULL, head);
}

static void copy_payload(const struct sm_websocket *socket, uint8_t *to, const void *bytes,
                         size_t length, uint64_t offset, const uint8_t mask[SM_FRAME_MASK]) {
    if (socket->role == SM_WEBSOCKET_CLIENT)
        sm_frame_mask(to, bytes, length, offset, mask);
    else
        memcpy(to, bytes, length);
}

static int put_message(struct sm_websocket *socket, bool is_text, const void *bytes,
                       size_t length) {
    uint8_t head[SM_FRAME_HEAD], mask[SM_FRAME_MASK];
    size_t head_bytes = make_head(socket, opcode_of(is_text), true, length, mask, head);
    uint8_t *to = sm_websocket_extend(socket, head_bytes + length);
    if (!to)
        return -ENOMEM;
    memcpy(to, head, head_bytes);
    copy_payload(socket, to + head_bytes, bytes, length, 0, mask);
    return 0;
}

int sm_websocket_message(struct sm_websocket *socket, bool is_text, const void *bytes,
                         size_t length) {
    return sm_websocket_has_room(socket, length) ? put_message(socket, is_text, bytes, length)
                                                 : -EAGAIN;
}

int sm_websocket_last_message(struct sm_websocket *socket, bool is_text, const void *bytes,
                              size_t length) {
    if (socket->out.capacity - sm_websocket_buffered(socket) <
        length + 2 * SM_FRAME_HEAD + SM_WEBSOCKET_LONGEST_CONTROL)
        return -EAGAIN;
    return put_message(socket, is_text, bytes, length);
}

bool sm_websocket_in_frame(const struct sm_websocket *socket) {
    return socket->frame.gone < socket->frame.length;
}

int sm_websocket_begin_frame(struct sm_websocket *socket, bool is_text, bool is_first, bool is_last,
                             size_t length) {
    if (sm_websocket_in_frame(socket) || sm_websocket_buffered(socket) > 0)
        return -EAGAIN;
    socket->frame.head_bytes =
        make_head(socket, is_first ? opcode_of(is_text) : WSLAY_CONTINUATION_FRAME, is_last, length,
                  socket->frame.mask, socket->frame.head);
    socket->frame.length = socket->frame.head_bytes + length;
    socket->frame.gone = 0;
    return 0;
}

size_t sm_websocket_compose_head(const struct sm_websocket *socket, void *to) {
    uint64_t gone = socket->frame.gone;
    if (gone >= socket->frame.head_bytes)
        return 0;
    memcpy(to, socket->frame.head + gone, socket->frame.head_bytes - gone);
    return socket->frame.head_bytes - gone;
}

/* What has gone of the frame's payload. */
static uint64_t payload_gone(const struct sm_websocket *socket) {
    return socket->frame.gone > socket->frame.head_bytes
               ? socket->frame.gone - socket->frame.head_bytes
               : 0;
}

size_t sm_websocket_compose(const struct sm_websocket *socket, size_t ahead, const void *bytes,
                            size_t length, void *to) {
    uint64_t offset = payload_gone(socket) + ahead;
    uint64_t left = socket->frame.length - socket->frame.head_bytes - offset;
    if (length > left)
        length = left;
    copy_payload(socket, to, bytes, length, offset, socket->frame.mask);
    return length;
}

size_t sm_websocket_frame_sent(struct sm_websocket *socket, size_t length) {
    uint64_t before = payload_gone(socket);
    socket->frame.gone += length;
    socket->out.put_total += length;
    socket->out.sent_total += length;
    return payload_gone(socket) - before;
}

int sm_websocket_raw(struct sm_websocket *socket, const void *bytes, size_t length) {
    if (!sm_websocket_has_room(socket, length))
        return -EAGAIN;
    uint8_t *to = sm_websocket_extend(socket, length);
    if (!to)
        return -ENOMEM;
    memcpy(to, bytes, length);
    return 0;
}

void sm_websocket_cut(struct sm_websocket *socket, size_t length) {
    if (length > sm_websocket_buffered(socket))
        length = sm_websocket_buffered(socket);
    socket->out.end -= length;
    socket->out.put_total -= length;
}

size_t sm_websocket_pending(const struct sm_websocket *socket, const void **ret_bytes) {
    if (sm_websocket_in_frame(socket) || sm_websocket_buffered(socket) == 0)
        return 0;
    *ret_bytes = socket->out.bytes + socket->out.begin;
    return sm_websocket_buffered(socket);
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
