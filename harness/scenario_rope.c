#include "scenario_rope.h"

#include <string.h>

enum { COPIED_BYTES = 4096 };

void sm_rope_clear(struct sm_rope *rope) {
    rope->literal_length = rope->cut_count = rope->length = 0;
}

/* Twice the room, as often as needed; the old one stays in the arena. */
static void make_literal_room(struct sm_rope *rope, size_t length) {
    size_t room = rope->literal_room ? rope->literal_room : 256;
    while (room < rope->literal_length + length)
        room *= 2;
    if (room == rope->literal_room)
        return;
    char *grown = sm_alloc(rope->loader, room);
    if (rope->literal_length > 0)
        memcpy(grown, rope->literal, rope->literal_length);
    rope->literal = grown;
    rope->literal_room = room;
}

void sm_rope_add(struct sm_rope *rope, const void *bytes, size_t length) {
    if (length == 0)
        return;
    make_literal_room(rope, length);
    memcpy(rope->literal + rope->literal_length, bytes, length);
    rope->literal_length += length;
    rope->length += length;
}

void sm_rope_add_part(struct sm_rope *rope, const struct sm_body_part *part) {
    if (part->length == 0)
        return;
    if (part->bytes && part->length <= COPIED_BYTES && part->length <= part->held) {
        sm_rope_add(rope, part->bytes, part->length);
        return;
    }
    if (rope->cut_count == rope->cut_room) {
        size_t room = rope->cut_room ? rope->cut_room * 2 : 8;
        struct sm_rope_cut *grown = sm_alloc(rope->loader, room * sizeof *grown);
        if (rope->cut_count > 0)
            memcpy(grown, rope->cuts, rope->cut_count * sizeof *grown);
        rope->cuts = grown;
        rope->cut_room = room;
    }
    rope->cuts[rope->cut_count++] = (struct sm_rope_cut){rope->literal_length, *part};
    rope->length += part->length;
}

struct sm_rope_mark sm_rope_mark(const struct sm_rope *rope) {
    return (struct sm_rope_mark){rope->literal_length, rope->cut_count, rope->length};
}

void sm_rope_insert(struct sm_rope *rope, struct sm_rope_mark mark, const void *bytes,
                    size_t length) {
    make_literal_room(rope, length);
    char *at = rope->literal + mark.literal_length;
    memmove(at + length, at, rope->literal_length - mark.literal_length);
    memcpy(at, bytes, length);
    rope->literal_length += length;
    rope->length += length;
    for (size_t i = mark.cut_count; i < rope->cut_count; i++)
        rope->cuts[i].at += length;
}

static struct sm_body_part literal_part(const char *bytes, size_t length) {
    return (struct sm_body_part){.bytes = bytes, .held = length, .length = length, .fd = -1};
}

struct sm_body_variant sm_rope_take(struct sm_rope *rope, struct sm_rope_mark mark) {
    size_t literal_length = rope->literal_length - mark.literal_length, at = 0, count = 0;
    size_t most = 2 * (rope->cut_count - mark.cut_count) + 1;
    struct sm_body_part *parts = sm_alloc(rope->loader, most * sizeof *parts);
    char *bytes = sm_alloc(rope->loader, literal_length + 1);
    if (literal_length > 0)
        memcpy(bytes, rope->literal + mark.literal_length, literal_length);
    for (size_t i = mark.cut_count; i < rope->cut_count; i++) {
        size_t cut_at = rope->cuts[i].at - mark.literal_length;
        if (cut_at > at)
            parts[count++] = literal_part(bytes + at, cut_at - at);
        parts[count++] = rope->cuts[i].part;
        at = cut_at;
    }
    if (literal_length > at || count == 0)
        parts[count++] = literal_part(bytes + at, literal_length - at);
    struct sm_body_variant variant = {parts, count, rope->length - mark.length};
    rope->literal_length = mark.literal_length;
    rope->cut_count = mark.cut_count;
    rope->length = mark.length;
    return variant;
}
