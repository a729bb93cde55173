#include "http2_outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS = 64,
    DIRECT_BYTES = 4096, /* from here on bytes are sent from where they are held */
    COPY_BYTES = 16384,  /* of others that are copied before that is looked at again */
    FIRST_ENTRIES = 4,
    FIRST_BYTES = 256,
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

/* What has been sent makes room for more, where it is most of what is there: so all is moved once
 * at the most. */
static void forget_sent(struct sm_outbox *outbox) {
    size_t count = outbox->entry_count - outbox->next, offset = outbox->literal_length;
    if (count == 0)
        return; /* there was nothing */
    struct sm_outbox_entry *left = outbox->entries + outbox->next;
    left->offset += outbox->next_sent;
    left->length -= outbox->next_sent;
    outbox->next_sent = 0;
    for (size_t i = 0; i < count && offset == outbox->literal_length; i++)
        if (left[i].is_literal)
            offset = left[i].offset;
    if (outbox->next <= count && offset <= outbox->literal_length / 2)
        return;
    outbox->literal_length -= offset;
    if (offset > 0)
        memmove(outbox->literal, outbox->literal + offset, outbox->literal_length);
    for (size_t i = 0; i < count; i++) {
        if (left[i].is_literal)
            left[i].offset -= offset;
        outbox->entries[i] = left[i];
    }
    outbox->entry_count = count;
    outbox->next = 0;
}

static struct sm_outbox_entry *add_entry(struct sm_outbox *outbox) {
    if (outbox->entry_count == outbox->entry_room)
        forget_sent(outbox);
    if (outbox->entry_count == outbox->entry_room) {
        size_t room = outbox->entry_room ? outbox->entry_room * 2 : FIRST_ENTRIES;
        struct sm_outbox_entry *grown = reallocarray(outbox->entries, room, sizeof *grown);
        if (!grown)
            return NULL;
        outbox->entries = grown;
        outbox->entry_room = room;
    }
    return &outbox->entries[outbox->entry_count++];
}

static int make_literal_room(struct sm_outbox *outbox, size_t length) {
    if (outbox->literal_room < outbox->literal_length + length)
        forget_sent(outbox);
    size_t room = outbox->literal_room ? outbox->literal_room : FIRST_BYTES;
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

/* What is to be sent at once, in order: what is copied lies in scratch, the rest where it is held.
 */
struct gathered {
    struct iovec parts[PARTS];
    size_t count, copied;
    char *scratch;
};

/* How much of an entry, from `sent` on, is to be taken next: from *ret_bytes when it is held there,
 * otherwise it is to be copied. */
static size_t next_piece(const struct sm_outbox *outbox, const struct sm_outbox_entry *entry,
                         size_t sent, const struct sm_payload *payload, const char **ret_bytes,
                         bool *ret_is_held) {
    size_t prefix = payload->has_prefix ? SM_PAYLOAD_PREFIX : 0, left = entry->length - sent;
    size_t at = entry->offset + sent, held = 0;
    *ret_bytes = NULL;
    *ret_is_held = false;
    if (entry->is_literal) {
        held = left;
        *ret_bytes = outbox->literal + at;
    } else if (at < prefix) {
        return prefix - at < left ? prefix - at : left;
    } else {
        held = sm_body_held(sm_body_variant(payload->body, entry->number), at - prefix, ret_bytes);
    }
    if (held > left)
        held = left;
    *ret_is_held = held >= DIRECT_BYTES;
    if (*ret_is_held)
        return held;
    return left < COPY_BYTES ? left : COPY_BYTES;
}

/* Returns where `length` bytes are to be copied. */
static char *add_copied(struct gathered *to, size_t length) {
    char *at = to->scratch + to->copied;
    struct iovec *last = to->count ? &to->parts[to->count - 1] : NULL;
    to->copied += length;
    if (last && (char *)last->iov_base + last->iov_len == at)
        last->iov_len += length;
    else
        to->parts[to->count++] = (struct iovec){at, length};
    return at;
}

static int gather(const struct sm_outbox *outbox, const struct sm_payload *payload,
                  struct gathered *to) {
    size_t sent = outbox->next_sent;
    int rc = 0;
    for (size_t i = outbox->next; rc == 0 && i < outbox->entry_count && to->count < PARTS;) {
        const struct sm_outbox_entry *entry = &outbox->entries[i];
        const char *bytes;
        bool is_held;
        size_t now = next_piece(outbox, entry, sent, payload, &bytes, &is_held);
        if (!is_held && now > SM_BODY_SCRATCH - to->copied)
            break;
        if (is_held)
            to->parts[to->count++] = (struct iovec){(char *)bytes, now};
        else if (entry->is_literal)
            memcpy(add_copied(to, now), outbox->literal + entry->offset + sent, now);
        else
            rc = copy_payload(payload, entry->number, entry->offset + sent, add_copied(to, now),
                              now);
        sent += now;
        if (sent == entry->length) {
            sent = 0;
            i++;
        }
    }
    return rc;
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
    struct gathered gathered; /* its many parts need not be zeroed */
    gathered.count = gathered.copied = 0;
    gathered.scratch = scratch;
    int rc = gather(outbox, payload, &gathered);
    if (rc < 0)
        return rc;
    ssize_t sent = sm_link_send_parts(link, gathered.parts, gathered.count);
    if (sent > 0)
        step_over(outbox, (size_t)sent);
    return sent;
}
