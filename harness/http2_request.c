#include "http2_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http2_frame.h"

enum {
    TABLE_BYTES = 4096, /* of a peer that says nothing else */
    ENTRY_BYTES = 32,   /* each takes in addition (RFC 7541, 4.1) */
    LENGTH_BYTES = 24,  /* "content-length" and its value, at the most */
};

static int encode(nghttp2_hd_deflater *deflater, const nghttp2_nv *fields, size_t field_count,
                  struct sm_http2_wordings *wording) {
    size_t room = nghttp2_hd_deflate_bound(deflater, fields, field_count);
    wording->block = malloc(room);
    if (!wording->block)
        return -ENOMEM;
    ssize_t length =
        nghttp2_hd_deflate_hd(deflater, wording->block, room, (nghttp2_nv *)fields, field_count);
    if (length < 0)
        return -ENOMEM;
    wording->block_length = (size_t)length;
    return 0;
}

/* How the first and the second request of a connection read, whose table has so many bytes. */
static int encode_two(size_t table_bytes, const nghttp2_nv *fields, size_t field_count,
                      struct sm_http2_wordings *two) {
    nghttp2_hd_deflater *deflater;
    if (nghttp2_hd_deflate_new(&deflater, table_bytes) != 0)
        return -ENOMEM;
    int rc = encode(deflater, fields, field_count, &two[0]);
    if (rc == 0)
        rc = encode(deflater, fields, field_count, &two[1]);
    nghttp2_hd_deflate_del(deflater);
    return rc;
}

int sm_http2_request_make(struct sm_http2_request *request, const nghttp2_nv *fields,
                          size_t field_count, bool ends_stream) {
    size_t entries = 0;
    for (size_t i = 0; i < field_count; i++)
        entries += fields[i].namelen + fields[i].valuelen + ENTRY_BYTES;
    request->ends_stream = ends_stream;
    /* Where all fit nothing is ever driven out, and from the second on requests read alike. */
    request->first = entries <= TABLE_BYTES ? SM_HTTP2_FILLING : SM_HTTP2_RENOUNCING;
    int rc = encode_two(TABLE_BYTES, fields, field_count, &request->wordings[SM_HTTP2_FILLING]);
    if (rc == 0)
        rc = encode_two(0, fields, field_count, &request->wordings[SM_HTTP2_RENOUNCING]);
    return rc;
}

void sm_http2_request_free(struct sm_http2_request *request) {
    for (int i = 0; i < SM_HTTP2_WORDINGS; i++) {
        free(request->wordings[i].block);
        free(request->wordings[i].frames);
    }
}

/* A literal without indexing whose name is number 28 of the static table (RFC 7541, 6.2.2). */
static size_t write_length(uint8_t *to, int64_t body_length) {
    char digits[LENGTH_BYTES];
    if (body_length < 0)
        return 0;
    int count = snprintf(digits, sizeof digits, "%lld", (long long)body_length);
    to[0] = 0x0f;
    to[1] = 28 - 0x0f;
    to[2] = (uint8_t)count;
    memcpy(to + 3, digits, (size_t)count);
    return 3 + (size_t)count;
}

/* Cuts a block into HEADERS and as many CONTINUATIONs as it needs. Returns the length of all. */
static size_t write_frames(uint8_t *to, const uint8_t *block, size_t length, bool ends_stream) {
    const uint8_t *begin = to;
    for (size_t done = 0; done == 0 || done < length;) {
        size_t now = length - done < SM_HTTP2_FRAME_BYTES ? length - done : SM_HTTP2_FRAME_BYTES;
        int flags = (done == 0 && ends_stream ? NGHTTP2_FLAG_END_STREAM : 0) |
                    (done + now == length ? NGHTTP2_FLAG_END_HEADERS : 0);
        sm_http2_head_write(
            to, &(struct sm_http2_head){.length = (uint32_t)now,
                                        .type = done ? NGHTTP2_CONTINUATION : NGHTTP2_HEADERS,
                                        .flags = (uint8_t)flags});
        memcpy(to + SM_HTTP2_HEAD_BYTES, block + done, now);
        to += SM_HTTP2_HEAD_BYTES + now;
        done += now;
    }
    return (size_t)(to - begin);
}

static int make_frames(const struct sm_http2_request *request, struct sm_http2_wordings *wording,
                       int64_t body_length) {
    size_t most = wording->block_length + LENGTH_BYTES;
    uint8_t *block = malloc(most);
    free(wording->frames);
    wording->frames =
        block ? malloc(most + (most / SM_HTTP2_FRAME_BYTES + 1) * SM_HTTP2_HEAD_BYTES) : NULL;
    if (!wording->frames) {
        free(block);
        return -ENOMEM;
    }
    memcpy(block, wording->block, wording->block_length);
    size_t length =
        wording->block_length + write_length(block + wording->block_length, body_length);
    wording->frames_length = write_frames(wording->frames, block, length, request->ends_stream);
    wording->body_length = body_length;
    free(block);
    return 0;
}

const uint8_t *sm_http2_request_frames(struct sm_http2_request *request,
                                       enum sm_http2_wording wording, uint32_t stream_id,
                                       int64_t body_length, size_t *ret_length) {
    struct sm_http2_wordings *chosen = &request->wordings[wording];
    if ((!chosen->frames || chosen->body_length != body_length) &&
        make_frames(request, chosen, body_length) < 0)
        return NULL;
    for (size_t at = 0; at < chosen->frames_length;) {
        struct sm_http2_head head = sm_http2_head_read(chosen->frames + at);
        head.stream_id = stream_id;
        sm_http2_head_write(chosen->frames + at, &head);
        at += SM_HTTP2_HEAD_BYTES + head.length;
    }
    *ret_length = chosen->frames_length;
    return chosen->frames;
}

enum sm_http2_wording sm_http2_wording_after(enum sm_http2_wording wording) {
    return wording == SM_HTTP2_FILLING      ? SM_HTTP2_REFERRING
           : wording == SM_HTTP2_RENOUNCING ? SM_HTTP2_PLAIN
                                            : wording;
}

enum sm_http2_wording sm_http2_wording_within(enum sm_http2_wording wording, uint32_t table_bytes) {
    bool uses_table = wording == SM_HTTP2_FILLING || wording == SM_HTTP2_REFERRING;
    return uses_table && table_bytes < TABLE_BYTES ? SM_HTTP2_RENOUNCING : wording;
}
