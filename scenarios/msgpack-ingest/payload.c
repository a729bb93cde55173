#include "payload.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "spillmark_mark.h"

enum { CHUNK_BYTES = 8192, WINDOW_BITS_GZIP = 15 + 16 };

/* What decompression holds: the payload once or twice. */
SPILLMARK_MARK(decompressed, "decompressed bytes held");

struct mi_chunk {
    struct mi_chunk *next;
    size_t length;
    char bytes[CHUNK_BYTES];
};

int mi_bytes_append(struct mi_bytes *to, const char *bytes, size_t length) {
    size_t needed = to->length + length;
    if (needed > to->capacity) {
        size_t capacity = needed + needed / 8;
        char *grown = realloc(to->bytes, capacity);
        if (!grown)
            return -ENOMEM;
        to->bytes = grown;
        to->capacity = capacity;
    }
    memcpy(to->bytes + to->length, bytes, length);
    to->length = needed;
    return 0;
}

static void bytes_free(struct mi_bytes *bytes) {
    free(bytes->bytes);
    *bytes = (struct mi_bytes){0};
}

static void free_chunks(struct mi_payload *payload) {
    while (payload->chunks) {
        struct mi_chunk *chunk = payload->chunks;
        payload->chunks = chunk->next;
        free(chunk);
    }
    spillmark_mark_sub(&decompressed, payload->chunk_bytes, 0);
    payload->chunk_bytes = 0;
}

static void free_plain(struct mi_payload *payload) {
    spillmark_mark_sub(&decompressed, payload->plain.length, payload->plain.bytes != NULL);
    bytes_free(&payload->plain);
}

size_t mi_payload_bytes(const struct mi_payload *payload) {
    return payload->body.capacity + payload->plain.capacity + payload->chunk_bytes;
}

void mi_payload_free(struct mi_payload *payload) {
    if (!payload)
        return;
    free_chunks(payload);
    free_plain(payload);
    bytes_free(&payload->body);
    free(payload);
}

static int append_chunk(struct mi_payload *payload, struct mi_chunk **last, const char *piece,
                        size_t length) {
    struct mi_chunk *chunk = malloc(sizeof *chunk);
    if (!chunk)
        return -ENOMEM;
    chunk->next = NULL;
    chunk->length = length;
    memcpy(chunk->bytes, piece, length);
    if (*last)
        (*last)->next = chunk;
    else
        payload->chunks = chunk;
    *last = chunk;
    payload->chunk_bytes += length;
    spillmark_mark_add(&decompressed, length, 0);
    return 0;
}

/* Puts the list together; it stays, as the variable that names it does in the original. */
static int join_chunks(struct mi_payload *payload) {
    struct mi_bytes *plain = &payload->plain;
    plain->bytes = malloc(payload->chunk_bytes ? payload->chunk_bytes : 1);
    if (!plain->bytes)
        return -ENOMEM;
    for (const struct mi_chunk *chunk = payload->chunks; chunk; chunk = chunk->next) {
        memcpy(plain->bytes + plain->length, chunk->bytes, chunk->length);
        plain->length += chunk->length;
    }
    plain->capacity = plain->length;
    spillmark_mark_add(&decompressed, plain->length, 1);
    return 0;
}

/* Gives back the eighth that growing left over. */
static void trim(struct mi_payload *payload) {
    struct mi_bytes *plain = &payload->plain;
    char *trimmed = plain->length ? realloc(plain->bytes, plain->length) : NULL;
    if (trimmed) {
        plain->bytes = trimmed;
        plain->capacity = plain->length;
    }
    spillmark_mark_add(&decompressed, 0, plain->bytes != NULL);
}

static int take_piece(struct mi_payload *payload, bool keeps_chunks, struct mi_chunk **last,
                      const char *piece, size_t length) {
    if (keeps_chunks)
        return append_chunk(payload, last, piece, length);
    int rc = mi_bytes_append(&payload->plain, piece, length);
    if (rc == 0)
        spillmark_mark_add(&decompressed, length, 0);
    return rc;
}

static enum mi_gunzip_result inflate_all(struct mi_payload *payload, z_stream *stream,
                                         bool keeps_chunks, size_t max_bytes) {
    char piece[CHUNK_BYTES];
    struct mi_chunk *last = NULL;
    size_t total = 0;
    int result;
    do {
        stream->next_out = (unsigned char *)piece;
        stream->avail_out = sizeof piece;
        result = inflate(stream, Z_NO_FLUSH);
        if (result == Z_MEM_ERROR)
            return MI_GUNZIP_NO_MEMORY;
        /* Z_BUF_ERROR: the input has ended before its end. */
        if (result != Z_OK && result != Z_STREAM_END)
            return MI_GUNZIP_BROKEN;
        size_t length = sizeof piece - stream->avail_out;
        total += length;
        if (total > max_bytes)
            return MI_GUNZIP_TOO_LARGE;
        if (take_piece(payload, keeps_chunks, &last, piece, length))
            return MI_GUNZIP_NO_MEMORY;
        /* A file of several members is one gzip file (RFC 1952, 2.2). */
        if (result == Z_STREAM_END && stream->avail_in > 0 && inflateReset(stream) == Z_OK)
            result = Z_OK;
    } while (result != Z_STREAM_END);
    return MI_GUNZIP_DONE;
}

enum mi_gunzip_result mi_payload_gunzip(struct mi_payload *payload, bool keeps_chunks,
                                        size_t max_bytes) {
    z_stream stream = {.next_in = (unsigned char *)payload->body.bytes,
                       .avail_in = (unsigned)payload->body.length};
    if (payload->body.length > UINT_MAX)
        return MI_GUNZIP_TOO_LARGE;
    if (inflateInit2(&stream, WINDOW_BITS_GZIP) != Z_OK)
        return MI_GUNZIP_NO_MEMORY;
    enum mi_gunzip_result result = inflate_all(payload, &stream, keeps_chunks, max_bytes);
    inflateEnd(&stream);
    if (result == MI_GUNZIP_DONE && keeps_chunks && join_chunks(payload))
        result = MI_GUNZIP_NO_MEMORY;
    if (result == MI_GUNZIP_DONE && !keeps_chunks)
        trim(payload);
    if (result != MI_GUNZIP_DONE) {
        free_chunks(payload);
        /* Counted by its bytes so far, not yet as one. */
        spillmark_mark_sub(&decompressed, payload->plain.length, 0);
        bytes_free(&payload->plain);
    }
    return result;
}
