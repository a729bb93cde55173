#include "uploads.h"

#include <grpc/byte_buffer_reader.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct upload {
    struct br_uploads *uploads;
    const struct br_handler *handler;
    void *state; /* the handler's; NULL when the call was refused at once */
    uint64_t bytes;
    bool is_stream;
    bool is_refused;
};

static void refuse(struct upload *upload, struct rpc_call *call, grpc_status_code status,
                   const char *details) {
    upload->is_refused = true;
    rpc_finish(call, NULL, status, details);
}

static void *opened(void *context, struct rpc_call *call, const char *method) {
    struct br_uploads *uploads = context;
    struct upload *upload = calloc(1, sizeof *upload);
    atomic_fetch_add(&uploads->begun, 1);
    if (!upload) {
        atomic_fetch_add(&uploads->refused, 1);
        rpc_finish(call, NULL, GRPC_STATUS_RESOURCE_EXHAUSTED, "no memory");
        return NULL;
    }
    upload->uploads = uploads;
    upload->handler = uploads->options->handler;
    upload->is_stream = strcmp(method, "/bulk.v1.Bulk/UploadStream") == 0;
    if (!upload->is_stream && strcmp(method, "/bulk.v1.Bulk/Upload") != 0) {
        refuse(upload, call, GRPC_STATUS_UNIMPLEMENTED, "no such method");
        return upload;
    }
    upload->state = upload->handler->begin();
    if (!upload->state)
        refuse(upload, call, GRPC_STATUS_RESOURCE_EXHAUSTED, "no memory");
    return upload;
}

static void answer(struct upload *upload, struct rpc_call *call) {
    struct br_refusal refusal;
    grpc_byte_buffer *reply =
        upload->handler->answer(upload->state, upload->uploads->options->is_echo, &refusal);
    if (reply)
        rpc_finish(call, reply, GRPC_STATUS_OK, "");
    else
        refuse(upload, call, refusal.status, refusal.details);
}

static bool is_over_limit(const struct upload *upload, const struct br_chunk *chunk,
                          struct br_refusal *ret_refusal) {
    uint64_t max = upload->uploads->options->upload_max_bytes;
    uint64_t bytes = upload->bytes + chunk->bytes;
    if (bytes < chunk->total_bytes)
        bytes = chunk->total_bytes;
    if (max == 0 || bytes <= max)
        return false;
    ret_refusal->status = GRPC_STATUS_OUT_OF_RANGE;
    snprintf(ret_refusal->details, sizeof ret_refusal->details,
             "upload of %" PRIu64 " bytes or more, the limit is %" PRIu64
             ": send it in several, or raise --upload-max",
             bytes, max);
    return true;
}

/* Reads one message and hands it to the handler, which then owns its bytes. */
static bool take(struct upload *upload, grpc_byte_buffer *message, struct br_refusal *ret_refusal) {
    grpc_byte_buffer_reader reader;
    struct br_chunk chunk;
    *ret_refusal = (struct br_refusal){GRPC_STATUS_INVALID_ARGUMENT, "not a bulk.v1.Chunk"};
    if (!grpc_byte_buffer_reader_init(&reader, message))
        return false;
    grpc_slice whole = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    if (!br_wire_read_chunk(GRPC_SLICE_START_PTR(whole), GRPC_SLICE_LENGTH(whole), &chunk) ||
        is_over_limit(upload, &chunk, ret_refusal)) {
        grpc_slice_unref(whole);
        return false;
    }
    upload->bytes += chunk.bytes;
    atomic_fetch_add(&upload->uploads->bytes, chunk.bytes);
    return upload->handler->take(upload->state, whole, &chunk, ret_refusal);
}

static void received(void *state, struct rpc_call *call, grpc_byte_buffer *message) {
    struct upload *upload = state;
    struct br_refusal refusal;
    if (!message) {
        if (rpc_is_cancelled(call))
            rpc_finish(call, NULL, GRPC_STATUS_CANCELLED, "the client hung up");
        else
            answer(upload, call);
        return;
    }
    bool is_taken = take(upload, message, &refusal);
    grpc_byte_buffer_destroy(message);
    if (!is_taken)
        refuse(upload, call, refusal.status, refusal.details);
    else if (upload->is_stream)
        rpc_read(call);
    else
        answer(upload, call);
}

static void closed(void *state, bool is_cancelled) {
    struct upload *upload = state;
    if (!upload)
        return;
    struct br_uploads *uploads = upload->uploads;
    if (upload->is_refused)
        atomic_fetch_add(&uploads->refused, 1);
    else
        atomic_fetch_add(is_cancelled ? &uploads->cancelled : &uploads->completed, 1);
    if (upload->state)
        upload->handler->end(upload->state);
    atomic_store(&uploads->retained, br_retained_contexts());
    free(upload);
}

const struct rpc_service br_uploads_service = {
    .opened = opened,
    .received = received,
    .closed = closed,
};
