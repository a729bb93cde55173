#include "body.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER_MAX_BYTES = 20 };

size_t sm_body_number_bytes(enum sm_body_number number) {
    static const size_t bytes[] = {0,
#define X(id, length) length,
                                   SM_BODY_NUMBER_TABLE(X)
#undef X
    };
    return bytes[number];
}

const struct sm_body_variant *sm_body_variant(const struct sm_body *body, int64_t unit_number) {
    return &body->variants[(uint64_t)unit_number % body->variant_count];
}

bool sm_body_is_fixed(const struct sm_body *body) {
    const struct sm_body_variant *only = body->variants;
    for (size_t i = 0; i < only->part_count; i++)
        if (!only->parts[i].bytes)
            return false;
    return body->variant_count == 1;
}

static void write_number(enum sm_body_number format, int64_t number, char *to) {
    char digits[NUMBER_MAX_BYTES + 1];
    uint64_t left = (uint64_t)number;
    switch (format) {
    case SM_BODY_NUMBER_DECIMAL:
        snprintf(digits, sizeof digits, "%20llu", (unsigned long long)left);
        memcpy(to, digits, NUMBER_MAX_BYTES);
        break;
    case SM_BODY_NUMBER_BIG_ENDIAN:
        for (int i = 7; i >= 0; i--, left >>= 8)
            to[i] = (char)left;
        break;
    case SM_BODY_NUMBER_VARINT:
        for (int i = 0; i < 10; i++, left >>= 7)
            to[i] = (char)((left & 0x7f) | (i < 9 ? 0x80 : 0));
        break;
    case SM_BODY_NUMBER_NONE:
        break;
    }
}

static ssize_t read_file(int fd, size_t offset, char *to, size_t length) {
    ssize_t got;
    do
        got = pread(fd, to, length, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got == 0 ? -EIO : got;
}

/* The bytes of one part from `at` on. */
static ssize_t part_piece(const struct sm_body_part *part, int64_t unit_number, size_t at,
                          char *scratch, const char **ret_piece) {
    size_t left = part->length - at;
    if (part->bytes) {
        size_t within = at % part->held, together = part->held - within;
        *ret_piece = part->bytes + within;
        return (ssize_t)(together < left ? together : left);
    }
    *ret_piece = scratch;
    if (part->number == SM_BODY_NUMBER_NONE)
        return read_file(part->fd, at, scratch, left < SM_BODY_SCRATCH ? left : SM_BODY_SCRATCH);
    write_number(part->number, unit_number, scratch);
    *ret_piece += at;
    return (ssize_t)left;
}

ssize_t sm_body_piece(const struct sm_body_variant *variant, int64_t unit_number, size_t offset,
                      char *scratch, const char **ret_piece) {
    const struct sm_body_part *part = variant->parts, *end = part + variant->part_count;
    for (; part < end; part++) {
        if (offset < part->length)
            return part_piece(part, unit_number, offset, scratch, ret_piece);
        offset -= part->length;
    }
    return 0;
}

size_t sm_body_held(const struct sm_body_variant *variant, size_t offset, const char **ret_bytes) {
    const struct sm_body_part *part = variant->parts, *end = part + variant->part_count;
    for (; part < end && offset >= part->length; part++)
        offset -= part->length;
    return part < end && part->bytes ? (size_t)part_piece(part, 0, offset, NULL, ret_bytes) : 0;
}

static int copy_file(int fd, size_t at, char *to, size_t length) {
    for (ssize_t got; length > 0; at += (size_t)got, to += got, length -= (size_t)got)
        if ((got = read_file(fd, at, to, length)) < 0)
            return (int)got;
    return 0;
}

static int copy_part(const struct sm_body_part *part, int64_t unit_number, size_t at, char *to,
                     size_t length) {
    char number[NUMBER_MAX_BYTES];
    if (!part->bytes && part->number == SM_BODY_NUMBER_NONE)
        return copy_file(part->fd, at, to, length);
    if (!part->bytes) {
        write_number(part->number, unit_number, number);
        memcpy(to, number + at, length);
        return 0;
    }
    for (size_t within = at % part->held; length > 0; within = 0) {
        size_t together = part->held - within < length ? part->held - within : length;
        memcpy(to, part->bytes + within, together);
        to += together;
        length -= together;
    }
    return 0;
}

int sm_body_copy(const struct sm_body_variant *variant, int64_t unit_number, size_t offset,
                 char *to, size_t length) {
    for (const struct sm_body_part *part = variant->parts; length > 0; part++) {
        if (offset >= part->length) {
            offset -= part->length;
            continue;
        }
        size_t together = part->length - offset < length ? part->length - offset : length;
        int rc = copy_part(part, unit_number, offset, to, together);
        if (rc < 0)
            return rc;
        offset = 0;
        to += together;
        length -= together;
    }
    return 0;
}

static bool same_part(const struct sm_body_part *a, const struct sm_body_part *b) {
    if (a->length != b->length || a->held != b->held || a->number != b->number ||
        (a->bytes == NULL) != (b->bytes == NULL))
        return false;
    return a->bytes ? memcmp(a->bytes, b->bytes, a->held) == 0 : a->fd == b->fd;
}

bool sm_body_same(const struct sm_body *a, const struct sm_body *b) {
    if (a->variant_count != b->variant_count || a->content_type != b->content_type ||
        a->content_encoding != b->content_encoding)
        return false;
    for (size_t v = 0; v < a->variant_count; v++) {
        if (a->variants[v].part_count != b->variants[v].part_count)
            return false;
        for (size_t i = 0; i < a->variants[v].part_count; i++)
            if (!same_part(&a->variants[v].parts[i], &b->variants[v].parts[i]))
                return false;
    }
    return true;
}
