#include "websocket_frame.h"

#include <string.h>

size_t sm_frame_head(uint8_t opcode, bool is_last, uint64_t length, const uint8_t *mask,
                     uint8_t head[SM_FRAME_HEAD]) {
    enum { END = 0x80, MASKED = 0x80, LENGTH_OF_2 = 126, LENGTH_OF_8 = 127 };
    size_t length_bytes = length < LENGTH_OF_2 ? 0 : length <= UINT16_MAX ? 2 : 8, count = 2;
    head[0] = (uint8_t)((is_last ? END : 0) | opcode);
    head[1] = (uint8_t)(length_bytes == 0 ? length : length_bytes == 2 ? LENGTH_OF_2 : LENGTH_OF_8);
    for (size_t left = length_bytes; left > 0; left--)
        head[count++] = (uint8_t)(length >> (8 * (left - 1)));
    if (!mask)
        return count;
    head[1] |= MASKED;
    memcpy(head + count, mask, SM_FRAME_MASK);
    return count + SM_FRAME_MASK;
}

/* Many at a time: by single ones it would be most of the cost of a large message. */
void sm_frame_mask(uint8_t *to, const uint8_t *from, size_t length, uint64_t offset,
                   const uint8_t mask[SM_FRAME_MASK]) {
    typedef uint8_t block __attribute__((vector_size(16))); /* larger ones go over the stack */
    block masks = {0}, bytes;
    size_t i = 0;
    for (size_t k = 0; k < sizeof masks; k++)
        masks[k] = mask[(offset + k) % SM_FRAME_MASK];
    for (; i + sizeof bytes <= length; i += sizeof bytes) {
        memcpy(&bytes, from + i, sizeof bytes);
        bytes ^= masks;
        memcpy(to + i, &bytes, sizeof bytes);
    }
    for (; i < length; i++)
        to[i] = from[i] ^ mask[(offset + i) % SM_FRAME_MASK];
}
