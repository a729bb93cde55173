/* payload.h - the bytes of one request: its body, and what decompression made of it.
 *
 * One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes that grow by an eighth when they are full, as Python's BytesIO does. */
struct mi_bytes {
    char *bytes;
    size_t length, capacity;
};

/* 0 or -ENOMEM; what was there before stays. */
int mi_bytes_append(struct mi_bytes *to, const char *bytes, size_t length);

struct mi_chunk;

struct mi_payload {
    struct mi_payload *next; /* for the list of whoever releases it later */
    struct mi_bytes body;    /* as it came */
    struct mi_bytes plain;   /* decompressed; without compression the body itself is the payload */
    struct mi_chunk *chunks; /* the list that was joined into plain: held as long as it */
    size_t chunk_bytes;
};

/* Bytes declared as held by a payload: its body, its chunks and what they were joined to. */
size_t mi_payload_bytes(const struct mi_payload *payload);
void mi_payload_free(struct mi_payload *payload); /* with all it holds; NULL is allowed */

enum mi_gunzip_result {
    MI_GUNZIP_DONE,
    MI_GUNZIP_BROKEN,    /* no gzip, damaged, or cut off */
    MI_GUNZIP_TOO_LARGE, /* more than max_bytes come out */
    MI_GUNZIP_NO_MEMORY,
};

/* Decompresses the body 8 KiB at a time. With keeps_chunks every piece is a chunk of a list, which
 * is then joined; else one buffer grows. On any failure what was made is freed. */
enum mi_gunzip_result mi_payload_gunzip(struct mi_payload *payload, bool keeps_chunks,
                                        size_t max_bytes);
