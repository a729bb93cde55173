#include "buffer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "spillmark_mark.h"

enum { FIRST_CAPACITY = 4096 };

SPILLMARK_MARK(uploads_mark, "bytes of uploads");

static atomic_int_fast64_t held_bytes;

void br_held_change(int64_t bytes) {
    atomic_fetch_add(&held_bytes, bytes);
    if (bytes >= 0)
        spillmark_mark_add(&uploads_mark, (uint64_t)bytes, 0);
    else
        spillmark_mark_sub(&uploads_mark, (uint64_t)-bytes, 0);
}

uint64_t br_held_bytes(void) {
    return (uint64_t)atomic_load(&held_bytes);
}

bool br_buffer_reserve(struct br_buffer *buffer, size_t capacity) {
    if (capacity <= buffer->capacity)
        return true;
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (!bytes)
        return false;
    br_held_change((int64_t)(capacity - buffer->capacity));
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

bool br_buffer_append(struct br_buffer *buffer, const void *bytes, size_t count) {
    if (count > SIZE_MAX / 4 - buffer->used)
        return false;
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < buffer->used + count)
        capacity *= 2;
    if (!br_buffer_reserve(buffer, capacity))
        return false;
    if (count)
        memcpy(buffer->bytes + buffer->used, bytes, count);
    buffer->used += count;
    return true;
}

void br_buffer_free(struct br_buffer *buffer) {
    br_held_change(-(int64_t)buffer->capacity);
    free(buffer->bytes);
    *buffer = (struct br_buffer){0};
}
