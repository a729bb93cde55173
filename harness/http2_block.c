#include "http2_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http2.h"

enum {
    STATIC_ENTRIES = 61, /* of RFC 7541, which tables begin with */
    TABLE_BYTES = 4096,  /* at the most, as we ask for no more */
    ENTRY_BYTES = 32,    /* at the least */
};

void sm_http2_known_leave(struct sm_http2_known *known) {
    if (known && --known->owners == 0)
        free(known);
}

/* Bytes being read; next is NULL when they have come to an early end. */
struct cursor {
    const uint8_t *next, *end;
};

/* RFC 7541, 5.1; greater ones than any that is looked for are an early end too. */
static size_t read_number(struct cursor *cursor, unsigned prefix_bits) {
    size_t most = ((size_t)1 << prefix_bits) - 1, number = *cursor->next++ & most;
    for (unsigned shift = 0; number >= most; shift += 7) {
        if (cursor->next == cursor->end || shift > 14) {
            cursor->next = NULL;
            return 0;
        }
        number += (size_t)(*cursor->next & 0x7f) << shift;
        if (!(*cursor->next++ & 0x80))
            break;
    }
    return number;
}

static void skip_text(struct cursor *cursor) {
    size_t length = 0;
    if (cursor->next && cursor->next < cursor->end)
        length = read_number(cursor, 7);
    else
        cursor->next = NULL;
    if (cursor->next && (size_t)(cursor->end - cursor->next) > length)
        cursor->next += length;
    else if (cursor->next && (size_t)(cursor->end - cursor->next) == length)
        cursor->next = cursor->end;
    else
        cursor->next = NULL;
}

/* Whether a block means the same whatever its connection's table has, and leaves the table's size
 * alone (RFC 7541, 6); then with how many entries it adds. */
static bool stands_alone(const uint8_t *bytes, size_t length, unsigned *ret_added) {
    enum { INDEXED = 0x80, ADDED = 0x40, SIZE_UPDATE = 0x20 };
    struct cursor cursor = {bytes, bytes + length};
    unsigned added = 0;
    while (cursor.next && cursor.next < cursor.end) {
        uint8_t kind = *cursor.next;
        bool is_indexed = kind & INDEXED, is_added = !is_indexed && kind & ADDED;
        if (!is_indexed && !is_added && kind & SIZE_UPDATE)
            return false;
        size_t index = read_number(&cursor, is_indexed ? 7 : is_added ? 6 : 4);
        if (index > STATIC_ENTRIES)
            return false;
        if (!is_indexed && index == 0 && cursor.next)
            skip_text(&cursor);
        if (!is_indexed && cursor.next)
            skip_text(&cursor);
        added += is_added;
    }
    *ret_added = added;
    return cursor.next;
}

static void take_field(struct sm_http2 *load, struct sm_http2_exchange *exchange,
                       const nghttp2_nv *field) {
    exchange->has_begun = true;
    sm_http2_reply_field(&exchange->reply, field->name, field->namelen, field->value,
                         field->valuelen);
    if (!exchange->reply.fault && load->manner->field && field->name[0] != ':')
        load->manner->field(exchange, (const char *)field->name, field->namelen,
                            (const char *)field->value, field->valuelen);
}

static int decode(struct sm_http2_block *block, struct sm_http2 *load,
                  struct sm_http2_exchange *exchange, const uint8_t *bytes, size_t length,
                  bool is_last) {
    if (!block->inflater && nghttp2_hd_inflate_new2(&block->inflater, &load->memory.functions) != 0)
        return -ENOMEM;
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t used =
            nghttp2_hd_inflate_hd2(block->inflater, &field, &flags, bytes, length, is_last);
        if (used < 0)
            return used == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EBADMSG;
        bytes += used;
        length -= (size_t)used;
        if (flags & NGHTTP2_HD_INFLATE_EMIT && exchange)
            take_field(load, exchange, &field);
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            nghttp2_hd_inflate_end_headers(block->inflater);
        if (flags & NGHTTP2_HD_INFLATE_FINAL || (!(flags & NGHTTP2_HD_INFLATE_EMIT) && length == 0))
            return 0;
    }
}

/* Nothing is owed there any more. */
static int pay(struct sm_http2_block *block, struct sm_http2 *load, struct sm_http2_owed *owed) {
    int rc = 0;
    if (!owed->known)
        return 0;
    for (; rc == 0 && owed->count > 0; owed->count--)
        rc = decode(block, load, NULL, owed->known->bytes, owed->known->length, true);
    sm_http2_known_leave(owed->known);
    owed->known = NULL;
    return rc;
}

/* One block of these more that the connection's table is still to see. What has been seen often
 * enough drives out all that came before. */
static int owe(struct sm_http2_block *block, struct sm_http2 *load, struct sm_http2_known *known) {
    int rc = 0;
    if (known->enough == 0)
        return 0;
    if (block->newer.known != known) {
        rc = pay(block, load, &block->older);
        block->older = block->newer;
        block->newer = (struct sm_http2_owed){known, 0};
        known->owners++;
    }
    if (block->newer.count < known->enough)
        block->newer.count++;
    if (block->newer.count == known->enough && block->older.known) {
        sm_http2_known_leave(block->older.known);
        block->older.known = NULL;
    }
    return rc;
}

int sm_http2_block_take(struct sm_http2_block *block, struct sm_http2 *load,
                        struct sm_http2_exchange *exchange, const uint8_t *bytes, size_t length,
                        bool is_last) {
    int rc = pay(block, load, &block->older);
    if (rc == 0)
        rc = pay(block, load, &block->newer);
    return rc == 0 ? decode(block, load, exchange, bytes, length, is_last) : rc;
}

/* Without memory it stays unknown. */
static void know(struct sm_http2 *load, const uint8_t *bytes, size_t length, unsigned added,
                 const struct sm_http2_reply *reply) {
    struct sm_http2_known *known = load->known;
    if (!known || known->owners > 1) {
        known = malloc(sizeof *known);
        if (!known)
            return;
        sm_http2_known_leave(load->known);
        load->known = known;
        known->owners = 1;
    }
    memcpy(known->bytes, bytes, length);
    known->length = length;
    known->enough = added ? (TABLE_BYTES / ENTRY_BYTES + added - 1) / added : 0;
    known->reply = *reply;
}

int sm_http2_block_take_whole(struct sm_http2_block *block, struct sm_http2 *load,
                              struct sm_http2_exchange *exchange, const uint8_t *bytes,
                              size_t length) {
    struct sm_http2_known *known = load->known;
    unsigned added;
    bool may_be_known = exchange && !exchange->reply.has_final && !load->manner->field &&
                        length <= SM_HTTP2_KNOWN_BYTES;
    if (may_be_known && known && length == known->length &&
        memcmp(bytes, known->bytes, length) == 0) {
        exchange->has_begun = true;
        exchange->reply = known->reply;
        return owe(block, load, known);
    }
    int rc = sm_http2_block_take(block, load, exchange, bytes, length, true);
    if (rc == 0 && may_be_known && !exchange->reply.fault && stands_alone(bytes, length, &added))
        know(load, bytes, length, added, &exchange->reply);
    return rc;
}

void sm_http2_block_free(struct sm_http2_block *block) {
    if (block->inflater)
        nghttp2_hd_inflate_del(block->inflater);
    sm_http2_known_leave(block->older.known);
    sm_http2_known_leave(block->newer.known);
    *block = (struct sm_http2_block){0};
}
