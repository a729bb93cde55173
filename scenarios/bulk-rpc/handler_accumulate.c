/* Holds the body in every form that it passes through on its way, until the call is over: as it
 * was read, as the decoded message, in a vector that grew by doubling, as the response, and as the
 * response encoded. `retain` never lets go. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "buffer.h"
#include "handler.h"

struct context {
    struct context *next;     /* among the retained */
    grpc_slice message;       /* the last one, as it was read */
    struct br_buffer decoded; /* its data */
    struct br_buffer body;    /* all of them */
    struct br_buffer response;
    grpc_slice encoded;
};

static struct context *retained; /* newest first */
static unsigned long retained_count;

unsigned long br_retained_contexts(void) {
    return retained_count;
}

static void *begin(void) {
    struct context *context = calloc(1, sizeof *context);
    if (!context)
        return NULL;
    context->message = grpc_empty_slice();
    context->encoded = grpc_empty_slice();
    return context;
}

static void hold_slice(grpc_slice *slot, grpc_slice slice) {
    br_held_change((int64_t)GRPC_SLICE_LENGTH(slice) - (int64_t)GRPC_SLICE_LENGTH(*slot));
    grpc_slice_unref(*slot);
    *slot = slice;
}

static bool take(void *upload, grpc_slice message, const struct br_chunk *chunk,
                 struct br_refusal *ret_refusal) {
    struct context *context = upload;
    hold_slice(&context->message, message);
    br_buffer_free(&context->decoded);
    if (!br_buffer_reserve(&context->decoded, chunk->bytes ? chunk->bytes : 1) ||
        !br_buffer_append(&context->decoded, chunk->data, chunk->bytes) ||
        !br_buffer_append(&context->body, context->decoded.bytes, context->decoded.used))
        return br_refuse_no_memory(ret_refusal);
    return true;
}

static uint32_t checksum(const struct br_buffer *body) {
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), body->bytes, body->used);
}

/* The response copied into one block behind its head. */
static bool encode(struct context *context) {
    uint8_t head[BR_REPLY_HEAD_MAX];
    const struct br_buffer *response = &context->response;
    size_t head_bytes =
        br_wire_write_reply_head(head, response->used, checksum(response), response->used);
    uint8_t *encoded = malloc(head_bytes + response->used);
    if (!encoded)
        return false;
    memcpy(encoded, head, head_bytes);
    if (response->used)
        memcpy(encoded + head_bytes, response->bytes, response->used);
    hold_slice(&context->encoded, grpc_slice_new(encoded, head_bytes + response->used, free));
    return true;
}

static grpc_byte_buffer *answer(void *upload, bool is_echo, struct br_refusal *ret_refusal) {
    struct context *context = upload;
    if (!is_echo)
        return br_summary_reply(context->body.used, checksum(&context->body));
    if (!br_buffer_reserve(&context->response, context->body.used ? context->body.used : 1) ||
        !br_buffer_append(&context->response, context->body.bytes, context->body.used) ||
        !encode(context)) {
        br_refuse_no_memory(ret_refusal);
        return NULL;
    }
    return grpc_raw_byte_buffer_create(&context->encoded, 1);
}

static void release(void *upload) {
    struct context *context = upload;
    hold_slice(&context->message, grpc_empty_slice());
    hold_slice(&context->encoded, grpc_empty_slice());
    br_buffer_free(&context->decoded);
    br_buffer_free(&context->body);
    br_buffer_free(&context->response);
    free(context);
}

static void retain(void *upload) {
    struct context *context = upload;
    context->next = retained;
    retained = context;
    retained_count++;
}

const struct br_handler br_handler_accumulate = {
    .name = "accumulate",
    .help = "hold the body in all its forms until the call is over",
    .begin = begin,
    .take = take,
    .answer = answer,
    .end = release,
};

const struct br_handler br_handler_retain = {
    .name = "retain",
    .help = "the same, and keep it for ever: a context for each request",
    .begin = begin,
    .take = take,
    .answer = answer,
    .end = retain,
};
