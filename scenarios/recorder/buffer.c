#include "buffer.h"

#include <stdlib.h>
#include <string.h>

struct queue {
    struct rc_kept *kept;
    size_t first, count, capacity; /* kept[first .. first + count) */
};

struct rc_buffer {
    struct queue queues[RC_KINDS];
    size_t bytes[RC_KINDS];
};

struct rc_buffer *rc_buffer_create(void) {
    return calloc(1, sizeof(struct rc_buffer));
}

void rc_buffer_free(struct rc_buffer *buffer) {
    if (!buffer)
        return;
    for (size_t kind = 0; kind < RC_KINDS; kind++) {
        struct queue *queue = &buffer->queues[kind];
        for (size_t i = 0; i < queue->count; i++)
            rc_message_unref(queue->kept[queue->first + i].message);
        free(queue->kept);
    }
    free(buffer);
}

static bool make_room(struct queue *queue) {
    if (queue->first + queue->count < queue->capacity)
        return true;
    if (queue->first > queue->capacity / 2) {
        memmove(queue->kept, queue->kept + queue->first, queue->count * sizeof *queue->kept);
        queue->first = 0;
        return true;
    }
    size_t capacity = queue->capacity ? 2 * queue->capacity : 64;
    struct rc_kept *grown = reallocarray(queue->kept, capacity, sizeof *grown);
    if (!grown)
        return false;
    queue->kept = grown;
    queue->capacity = capacity;
    return true;
}

bool rc_buffer_add(struct rc_buffer *buffer, struct rc_message *message, bool was_passed_on) {
    struct queue *queue = &buffer->queues[message->kind];
    if (!make_room(queue)) {
        rc_message_unref(message);
        return false;
    }
    queue->kept[queue->first + queue->count++] = (struct rc_kept){message, was_passed_on};
    buffer->bytes[message->kind] += message->bytes;
    return true;
}

size_t rc_buffer_bytes(const struct rc_buffer *buffer) {
    size_t bytes = 0;
    for (size_t kind = 0; kind < RC_KINDS; kind++)
        bytes += buffer->bytes[kind];
    return bytes;
}

size_t rc_buffer_persistent_bytes(const struct rc_buffer *buffer) {
    return buffer->bytes[RC_PERSISTENT];
}

size_t rc_buffer_collect(struct rc_buffer *buffer, size_t max_bytes, bool spares_in_flight,
                         rc_collected_fn *collected, void *context) {
    static const enum rc_kind order[] = {RC_DISPOSABLE, RC_STATIC};
    size_t before_bytes = rc_buffer_bytes(buffer), bytes = before_bytes;
    for (size_t o = 0; o < sizeof order / sizeof *order; o++) {
        struct queue *queue = &buffer->queues[order[o]];
        size_t spared = 0, seen = 0;
        for (; seen < queue->count && bytes > max_bytes; seen++) {
            struct rc_kept kept = queue->kept[queue->first + seen];
            if (spares_in_flight && rc_message_is_shared(kept.message)) {
                queue->kept[queue->first + spared++] = kept;
                continue;
            }
            bytes -= kept.message->bytes;
            buffer->bytes[order[o]] -= kept.message->bytes;
            collected(context, &kept);
            rc_message_unref(kept.message);
        }
        /* Those that were spared move up to the ones that were not looked at. */
        memmove(queue->kept + queue->first + seen - spared, queue->kept + queue->first,
                spared * sizeof *queue->kept);
        queue->first += seen - spared;
        queue->count -= seen - spared;
    }
    return before_bytes - bytes;
}

void rc_buffer_pass_on(struct rc_buffer *buffer, rc_passed_fn *passed, void *context) {
    static const enum rc_kind order[] = {RC_PERSISTENT, RC_STATIC, RC_DISPOSABLE};
    for (size_t o = 0; o < sizeof order / sizeof *order; o++) {
        struct queue *queue = &buffer->queues[order[o]];
        for (size_t i = 0; i < queue->count; i++) {
            queue->kept[queue->first + i].was_passed_on = true;
            passed(context, queue->kept[queue->first + i].message);
        }
    }
}
