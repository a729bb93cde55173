/* Believes the announced length: reserves all of it with the first message, before the data is
 * there, and fills it as it comes. */
#include <stdlib.h>
#include <zlib.h>

#include "buffer.h"
#include "handler.h"

static void *begin(void) {
    return calloc(1, sizeof(struct br_buffer));
}

static bool take(void *upload, grpc_slice message, const struct br_chunk *chunk,
                 struct br_refusal *ret_refusal) {
    struct br_buffer *body = upload;
    bool is_ok = true;
    if (!body->bytes)
        is_ok = br_buffer_reserve(body, chunk->total_bytes > chunk->bytes ? chunk->total_bytes
                                                                          : chunk->bytes + 1);
    is_ok = is_ok && br_buffer_append(body, chunk->data, chunk->bytes);
    grpc_slice_unref(message);
    return is_ok || br_refuse_no_memory(ret_refusal);
}

static grpc_byte_buffer *answer(void *upload, bool is_echo, struct br_refusal *ret_refusal) {
    (void)is_echo;
    (void)ret_refusal;
    const struct br_buffer *body = upload;
    return br_summary_reply(body->used,
                            body->bytes ? (uint32_t)crc32_z(0, body->bytes, body->used) : 0);
}

static void end(void *upload) {
    br_buffer_free(upload);
    free(upload);
}

const struct br_handler br_handler_reserve = {
    .name = "reserve",
    .help = "reserve the announced length with the first message, then fill it",
    .begin = begin,
    .take = take,
    .answer = answer,
    .end = end,
};
