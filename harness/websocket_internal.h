/* websocket_internal.h - what websocket.c (messages and bytes) and websocket_reader.c (wslay: what
 * comes in, and control frames) share. */
#pragma once

#include "websocket.h"
#include "websocket_frame.h"

enum {
    SM_WEBSOCKET_CONTROLS = 65536, /* bytes kept free for answers to pings and for closing */
    SM_WEBSOCKET_LONGEST_CONTROL = 125,
};

struct sm_websocket {
    struct sm_websocket_events events;
    void *owner;
    enum sm_websocket_role role;
    struct sm_websocket_readers *readers;
    struct sm_websocket_reader *reader; /* NULL: none is needed now */
    struct {
        uint8_t *bytes; /* NULL: nothing was ever put */
        size_t capacity, begin, end;
        uint64_t put_total, sent_total;
    } out;
    /* The frame that goes out without being held. */
    struct {
        uint8_t head[SM_FRAME_HEAD], mask[SM_FRAME_MASK];
        size_t head_bytes;
        uint64_t length, gone; /* with its head; equal: there is none */
    } frame;
    const uint8_t *input;
    size_t input_left;
    uint64_t message_bytes;
    uint8_t message_opcode;
    uint64_t random; /* of the masks, which are no secret here */
};

/* Where bytes are put at the end of the buffer; there must be room for them. NULL: out of memory.
 */
uint8_t *sm_websocket_extend(struct sm_websocket *socket, size_t length);
size_t sm_websocket_buffered(const struct sm_websocket *socket);
void sm_websocket_make_mask(struct sm_websocket *socket, uint8_t *mask, size_t length);
void sm_websocket_reader_free(struct sm_websocket_reader *reader); /* NULL is allowed */
