/* buffer.h - blocks of memory that the server accounts for as held.
 *
 * Thread rule: any thread, a buffer by one at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty one. */
struct br_buffer {
    uint8_t *bytes;
    size_t used, capacity; /* bytes */
};

/* Makes the capacity at least `capacity`. False, with nothing changed, when there is no memory. */
bool br_buffer_reserve(struct br_buffer *buffer, size_t capacity);

/* Adds bytes at the end; doubles the capacity when it is too small, as a growing vector does. */
bool br_buffer_append(struct br_buffer *buffer, const void *bytes, size_t count);

/* Frees the block and makes the buffer empty. */
void br_buffer_free(struct br_buffer *buffer);

/* Accounts for memory that is not in a buffer; bytes may be negative. */
void br_held_change(int64_t bytes);

/* Bytes held now, in buffers and besides. */
uint64_t br_held_bytes(void);
