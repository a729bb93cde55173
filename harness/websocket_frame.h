/* websocket_frame.h - frames of WebSockets as they are sent (RFC 6455, 5.2): heads and masks. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SM_FRAME_HEAD = 14, SM_FRAME_MASK = 4 }; /* bytes, at the most */

/* Writes the head of a frame; mask: of SM_FRAME_MASK bytes, NULL = none. Returns its length. */
size_t sm_frame_head(uint8_t opcode, bool is_last, uint64_t length, const uint8_t *mask,
                     uint8_t head[SM_FRAME_HEAD]);

/* Copies bytes of a payload from `offset` on, masked. */
void sm_frame_mask(uint8_t *to, const uint8_t *from, size_t length, uint64_t offset,
                   const uint8_t mask[SM_FRAME_MASK]);
