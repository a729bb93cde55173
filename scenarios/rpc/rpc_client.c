#include "rpc_client.h"

#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECONNECT_MS = 50 };

struct rpc_client {
    grpc_channel *channel;
};

struct rpc_stream {
    grpc_call *call;
    grpc_completion_queue *queue;
    grpc_metadata_array headers, trailers;
    grpc_status_code status;
    grpc_slice details;
    /* Their addresses are the tags of what is under way. */
    char opened, ended, sent, received;
};

struct rpc_client *rpc_client_create(const char *address) {
    struct rpc_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    grpc_arg settings[] = {
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_SEND_MESSAGE_LENGTH},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MIN_RECONNECT_BACKOFF_MS},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_RECONNECT_BACKOFF_MS},
    };
    settings[0].value.integer = settings[1].value.integer = -1; /* no limit of gRPC's own */
    for (size_t i = 2; i < sizeof settings / sizeof *settings; i++)
        settings[i].value.integer = RECONNECT_MS;
    grpc_channel_args args = {.num_args = sizeof settings / sizeof *settings, .args = settings};
    grpc_init();
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    client->channel = grpc_channel_create(address, credentials, &args);
    grpc_channel_credentials_release(credentials);
    return client;
}

void rpc_client_free(struct rpc_client *client) {
    if (!client)
        return;
    grpc_channel_destroy(client->channel);
    grpc_shutdown();
    free(client);
}

static void start(struct rpc_stream *stream, const grpc_op *ops, size_t count, void *tag) {
    grpc_call_error error = grpc_call_start_batch(stream->call, ops, count, tag, NULL);
    if (error != GRPC_CALL_OK) { /* a wrong use of the core, not something that happens */
        fprintf(stderr, "rpc: %s\n", grpc_call_error_to_string(error));
        abort();
    }
}

static bool wait_for(struct rpc_stream *stream, void *tag) {
    grpc_event event =
        grpc_completion_queue_pluck(stream->queue, tag, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    return event.type == GRPC_OP_COMPLETE && event.success;
}

struct rpc_stream *rpc_stream_open(struct rpc_client *client, const char *method) {
    struct rpc_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->queue = grpc_completion_queue_create_for_pluck(NULL);
    grpc_slice name = grpc_slice_from_copied_string(method);
    stream->call =
        grpc_channel_create_call(client->channel, NULL, GRPC_PROPAGATE_DEFAULTS, stream->queue,
                                 name, NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_slice_unref(name);
    stream->details = grpc_empty_slice();
    grpc_metadata_array_init(&stream->headers);
    grpc_metadata_array_init(&stream->trailers);
    grpc_op end = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
    end.data.recv_status_on_client.trailing_metadata = &stream->trailers;
    end.data.recv_status_on_client.status = &stream->status;
    end.data.recv_status_on_client.status_details = &stream->details;
    start(stream, &end, 1, &stream->ended);
    grpc_op begin[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA, .flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY},
        {.op = GRPC_OP_RECV_INITIAL_METADATA},
    };
    begin[1].data.recv_initial_metadata.recv_initial_metadata = &stream->headers;
    start(stream, begin, sizeof begin / sizeof *begin, &stream->opened);
    return stream;
}

bool rpc_stream_send(struct rpc_stream *stream, grpc_byte_buffer *message) {
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
    op.data.send_message.send_message = message;
    start(stream, &op, 1, &stream->sent);
    bool is_sent = wait_for(stream, &stream->sent);
    grpc_byte_buffer_destroy(message);
    return is_sent;
}

void rpc_stream_end(struct rpc_stream *stream) {
    grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    start(stream, &op, 1, &stream->sent);
    wait_for(stream, &stream->sent);
}

grpc_byte_buffer *rpc_stream_receive(struct rpc_stream *stream) {
    grpc_byte_buffer *message = NULL;
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &message;
    start(stream, &op, 1, &stream->received);
    return wait_for(stream, &stream->received) ? message : NULL;
}

void rpc_stream_cancel(struct rpc_stream *stream) {
    grpc_call_cancel(stream->call, NULL);
}

static void drain(grpc_completion_queue *queue) {
    grpc_completion_queue_shutdown(queue);
    while (
        grpc_completion_queue_pluck(queue, NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
        GRPC_QUEUE_SHUTDOWN)
        continue;
    grpc_completion_queue_destroy(queue);
}

grpc_status_code rpc_stream_close(struct rpc_stream *stream, char *details, size_t details_bytes) {
    wait_for(stream, &stream->opened);
    wait_for(stream, &stream->ended);
    char *text = grpc_slice_to_c_string(stream->details);
    snprintf(details, details_bytes, "%s", text);
    gpr_free(text);
    grpc_status_code status = stream->status;
    grpc_slice_unref(stream->details);
    grpc_metadata_array_destroy(&stream->headers);
    grpc_metadata_array_destroy(&stream->trailers);
    grpc_call_unref(stream->call);
    drain(stream->queue);
    free(stream);
    return status;
}
