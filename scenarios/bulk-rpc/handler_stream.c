/* Consumes message by message and keeps nothing: what a large upload needs. */
#include <stdlib.h>
#include <zlib.h>

#include "handler.h"

struct progress {
    uint64_t bytes;
    uint32_t crc32;
};

static void *begin(void) {
    return calloc(1, sizeof(struct progress));
}

static bool take(void *upload, grpc_slice message, const struct br_chunk *chunk,
                 struct br_refusal *ret_refusal) {
    (void)ret_refusal;
    struct progress *progress = upload;
    progress->bytes += chunk->bytes;
    if (chunk->bytes)
        progress->crc32 = (uint32_t)crc32_z(progress->crc32, chunk->data, chunk->bytes);
    grpc_slice_unref(message);
    return true;
}

static grpc_byte_buffer *answer(void *upload, bool is_echo, struct br_refusal *ret_refusal) {
    (void)is_echo; /* there is nothing left to echo */
    (void)ret_refusal;
    const struct progress *progress = upload;
    return br_summary_reply(progress->bytes, progress->crc32);
}

static void end(void *upload) {
    free(upload);
}

const struct br_handler br_handler_stream = {
    .name = "stream",
    .help = "consume message by message, keep nothing",
    .begin = begin,
    .take = take,
    .answer = answer,
    .end = end,
};
