#include "http2_outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIRECT_BYTES = 65536, /* from here on bytes are sent from where they are held */
    LEAD_BYTES = 16384,   /* of them that go with the head before them, so that no packet is tiny */
};

/* Bytes to send: literal ones from `offset` on, or of a message. */
struct sm_outbox_entry {
    bool is_literal;
    int64_t number;
    size_t offset, length;
};

size_t sm_payload_length(const struct sm_payload *payload, int64_t number) {
    size_t length = payload->body ? sm_body_variant(payload->body, number)->length : 0;
    return length + (payload->has_prefix ? SM_PAYLOAD_PREFIX : 0);
}

/* Length-Prefixed-Message of gRPC: whether it is compressed, and its length in big endian. */
static void write_prefix(const struct sm_payload *payload, size_t length, char *prefix) {
    prefix[0] = payload->flag;
    for (int i = 0; i < 4; i++)
        prefix[1 + i] = (char)(length >> (24 - 8 * i));
}

static int copy_payload(const struct sm_payload *payload, int64_t number, size_t offset, char *to,
                        size_t length) {
    const struct sm_body_variant *variant =
        payload->body ? sm_body_variant(payload->body, number) : NULL;
    if (payload->has_prefix && offset < SM_PAYLOAD_PREFIX) {
        char prefix[SM_PAYLOAD_PREFIX];
        size_t part = SM_PAYLOAD_PREFIX - offset < length ? SM_PAYLOAD_PREFIX - offset : length;
        write_prefix(payload, variant ? variant->length : 0, prefix);
        memcpy(to, prefix + offset, part);
        to += part;
        offset += part;
        length -= part;
    }
    if (length == 0)
        return 0;
    return sm_body_copy(variant, number, offset - (payload->has_prefix ? SM_PAYLOAD_PREFIX : 0), to,
                        length);
}

void sm_outbox_free(struct sm_outbox *outbox) {
    free(outbox->literal);
    free(outbox->entries);
    *outbox = (struct sm_outbox){0};
}

static struct sm_outbox_entry *add_entry(struct sm_outbox *outbox) {
    if (outbox->entry_count == outbox->entry_room) {
        size_t room = outbox->entry_room ? outbox->entry_room * 2 : 16;
        struct sm_outbox_entry *grown = reallocarray(outbox->entries, room, sizeof *grown);
        if (!grown)
            return NULL;
        outbox->entries = grown;
        outbox->entry_room = room;
    }
    return &outbox->entries[outbox->entry_count++];
}

static int make_literal_room(struct sm_outbox *outbox, size_t length) {
    size_t room = outbox->literal_room ? outbox->literal_room : 1024;
    while (room < outbox->literal_length + length)
        room *= 2;
    if (room == outbox->literal_room)
        return 0;
    char *grown = realloc(outbox->literal, room);
    if (!grown)
        return -ENOMEM;
    outbox->literal = grown;
    outbox->literal_room = room;
    return 0;
}

int sm_outbox_add(struct sm_outbox *outbox, const void *bytes, size_t length) {
    if (make_literal_room(outbox, length) < 0)
        return -ENOMEM;
    struct sm_outbox_entry *last =
        outbox->entry_count ? &outbox->entries[outbox->entry_count - 1] : NULL;
    if (!last || !last->is_literal) {
        last = add_entry(outbox);
        if (!last)
            return -ENOMEM;
        *last = (struct sm_outbox_entry){.is_literal = true, .offset = outbox->literal_length};
    }
    memcpy(outbox->literal + outbox->literal_length, bytes, length);
    outbox->literal_length += length;
    last->length += length;
    outbox->queued_bytes += length;
    return 0;
}

int sm_outbox_add_payload(struct sm_outbox *outbox, int64_t number, size_t offset, size_t length) {
    struct sm_outbox_entry *entry = add_entry(outbox);
    if (!entry)
        return -ENOMEM;
    *entry = (struct sm_outbox_entry){.number = number, .offset = offset, .length = length};
    outbox->queued_bytes += length;
    return 0;
}

/* Where much of an entry, from `sent` on, lies together: how much, and where; 0 when it is not
 * much, with *ret_bytes anywhere. */
static size_t find_direct(const struct sm_outbox_entry *entry, size_t sent,
                          const struct sm_payload *payload, const char **ret_bytes) {
    size_t prefix = payload->has_prefix ? SM_PAYLOAD_PREFIX : 0, left = entry->length - sent;
    if (entry->is_literal || left < DIRECT_BYTES || entry->offset + sent < prefix)
        return 0;
    size_t length = sm_body_held(sm_body_variant(payload->body, entry->number),
                                 entry->offset + sent - prefix, ret_bytes);
    if (length > left)
        length = left;
    return length >= DIRECT_BYTES ? length : 0;
}

/* Puts what comes next together, up to the room there is, or to where it need not be copied. */
static ssize_t compose(const struct sm_outbox *outbox, const struct sm_payload *payload,
                       char *scratch) {
    size_t length = 0, sent = outbox->next_sent;
    const char *unused;
    for (size_t i = outbox->next; i < outbox->entry_count && length < SM_BODY_SCRATCH; i++) {
        const struct sm_outbox_entry *entry = &outbox->entries[i];
        size_t left = entry->length - sent, room = SM_BODY_SCRATCH - length;
        bool is_direct = find_direct(entry, sent, payload, &unused) > 0;
        if (is_direct)
            room = length < LEAD_BYTES ? LEAD_BYTES - length : 0;
        size_t now = left < room ? left : room;
        int rc = 0;
        if (entry->is_literal)
            memcpy(scratch + length, outbox->literal + entry->offset + sent, now);
        else
            rc = copy_payload(payload, entry->number, entry->offset + sent, scratch + length, now);
        if (rc < 0)
            return rc;
        length += now;
        if (is_direct)
            break;
        sent = 0;
    }
    return (ssize_t)length;
}

static void step_over(struct sm_outbox *outbox, size_t sent) {
    outbox->queued_bytes -= sent;
    while (sent > 0) {
        size_t left = outbox->entries[outbox->next].length - outbox->next_sent;
        size_t now = left < sent ? left : sent;
        sent -= now;
        outbox->next_sent += now;
        if (now == left) {
            outbox->next++;
            outbox->next_sent = 0;
        }
    }
    if (outbox->queued_bytes == 0)
        outbox->next = outbox->next_sent = outbox->entry_count = outbox->literal_length = 0;
}

ssize_t sm_outbox_send(struct sm_outbox *outbox, struct sm_link *link,
                       const struct sm_payload *payload, char *scratch) {
    const struct sm_outbox_entry *first = &outbox->entries[outbox->next];
    const char *bytes;
    ssize_t length = (ssize_t)find_direct(first, outbox->next_sent, payload, &bytes);
    if (outbox->next + 1 == outbox->entry_count && first->is_literal) {
        bytes = outbox->literal + first->offset + outbox->next_sent;
        length = (ssize_t)(first->length - outbox->next_sent);
    } else if (length == 0) {
        length = compose(outbox, payload, scratch);
        bytes = scratch;
    }
    if (length < 0)
        return length;
    ssize_t sent = sm_link_send(link, bytes, (size_t)length);
    if (sent > 0)
        step_over(outbox, (size_t)sent);
    return sent;
}
