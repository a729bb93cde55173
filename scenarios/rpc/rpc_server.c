#include "rpc_server.h"

#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a completion of the queue is about. Its address is the tag. */
struct completion {
    void (*done)(struct completion *self, bool is_ok);
    struct rpc_call *call;
};

struct rpc_server {
    const struct rpc_service *service;
    void *context;
    grpc_server *core;
    grpc_completion_queue *queue;
    struct completion shut_down;
    size_t calls; /* that have completions to come */
    atomic_bool is_stopping;
    gpr_timespec grace_end; /* valid once is_stopping */
};

enum { TICK_MS = 100 }; /* how often a server that is to stop is noticed */

struct rpc_call {
    struct rpc_server *server;
    grpc_call *core;
    grpc_call_details details;
    grpc_metadata_array metadata;
    void *state;
    grpc_byte_buffer *incoming;
    unsigned pending;  /* completions that are still to come */
    int was_cancelled; /* the core's word at the end */
    bool is_open, is_finished, is_cancelled, has_sent_metadata;
    struct completion requested, ended, received, sent, finished;
};

static void start(struct rpc_call *call, const grpc_op *ops, size_t count,
                  struct completion *completion) {
    call->pending++;
    grpc_call_error error = grpc_call_start_batch(call->core, ops, count, completion, NULL);
    if (error != GRPC_CALL_OK) { /* a wrong use of the core, not something that happens */
        fprintf(stderr, "rpc: %s\n", grpc_call_error_to_string(error));
        abort();
    }
}

static void free_call(struct rpc_call *call) {
    call->server->calls--;
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    if (call->core)
        grpc_call_unref(call->core);
    free(call);
}

/* A completion of this call has been dealt with; after the last one there is nothing to wait
 * for. */
static void settle(struct rpc_call *call) {
    if (--call->pending)
        return;
    if (call->is_open)
        call->server->service->closed(call->state, call->is_cancelled);
    free_call(call);
}

static void on_received(struct completion *self, bool is_ok) {
    struct rpc_call *call = self->call;
    grpc_byte_buffer *message = is_ok ? call->incoming : NULL;
    call->incoming = NULL;
    if (call->is_finished) {
        if (message)
            grpc_byte_buffer_destroy(message);
    } else {
        call->server->service->received(call->state, call, message);
    }
    settle(call);
}

static void on_sent(struct completion *self, bool is_ok) {
    struct rpc_call *call = self->call;
    if (!is_ok)
        call->is_cancelled = true;
    if (!call->is_finished && call->server->service->sent)
        call->server->service->sent(call->state, call);
    settle(call);
}

static void on_finished(struct completion *self, bool is_ok) {
    if (!is_ok)
        self->call->is_cancelled = true;
    settle(self->call);
}

static void on_ended(struct completion *self, bool is_ok) {
    struct rpc_call *call = self->call;
    if (!is_ok || call->was_cancelled)
        call->is_cancelled = true;
    settle(call);
}

static void request_call(struct rpc_server *server);

static void open_call(struct rpc_call *call) {
    grpc_op ended = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    ended.data.recv_close_on_server.cancelled = &call->was_cancelled;
    start(call, &ended, 1, &call->ended);
    char *method = grpc_slice_to_c_string(call->details.method);
    call->is_open = true;
    call->state = call->server->service->opened(call->server->context, call, method);
    gpr_free(method);
    if (!call->is_finished)
        rpc_read(call);
}

static void on_requested(struct completion *self, bool is_ok) {
    struct rpc_call *call = self->call;
    if (is_ok) {
        request_call(call->server);
        open_call(call);
    }
    settle(call);
}

static void request_call(struct rpc_server *server) {
    struct rpc_call *call = calloc(1, sizeof *call);
    if (!call || atomic_load(&server->is_stopping)) {
        free(call);
        return;
    }
    call->server = server;
    call->requested = (struct completion){on_requested, call};
    call->ended = (struct completion){on_ended, call};
    call->received = (struct completion){on_received, call};
    call->sent = (struct completion){on_sent, call};
    call->finished = (struct completion){on_finished, call};
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    call->pending = 1;
    server->calls++;
    if (grpc_server_request_call(server->core, &call->core, &call->details, &call->metadata,
                                 server->queue, server->queue, &call->requested) != GRPC_CALL_OK)
        free_call(call);
}

/* The headers go with whatever is sent first. */
static size_t add_metadata(struct rpc_call *call, grpc_op *ops) {
    if (call->has_sent_metadata)
        return 0;
    call->has_sent_metadata = true;
    ops[0] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
    return 1;
}

void rpc_read(struct rpc_call *call) {
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &call->incoming;
    start(call, &op, 1, &call->received);
}

void rpc_send(struct rpc_call *call, grpc_byte_buffer *message) {
    grpc_op ops[2];
    size_t count = add_metadata(call, ops);
    ops[count] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE};
    ops[count].data.send_message.send_message = message;
    start(call, ops, count + 1, &call->sent);
    grpc_byte_buffer_destroy(message);
}

void rpc_finish(struct rpc_call *call, grpc_byte_buffer *message, grpc_status_code status,
                const char *details) {
    grpc_op ops[3];
    size_t count = add_metadata(call, ops);
    if (message) {
        ops[count] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE};
        ops[count++].data.send_message.send_message = message;
    }
    grpc_slice text = grpc_slice_from_copied_string(details);
    ops[count] = (grpc_op){.op = GRPC_OP_SEND_STATUS_FROM_SERVER};
    ops[count].data.send_status_from_server.status = status;
    ops[count].data.send_status_from_server.status_details = &text;
    call->is_finished = true;
    start(call, ops, count + 1, &call->finished);
    grpc_slice_unref(text);
    if (message)
        grpc_byte_buffer_destroy(message);
}

bool rpc_is_cancelled(const struct rpc_call *call) {
    return call->is_cancelled;
}

static grpc_server *create_core(const struct rpc_server_options *options) {
    grpc_arg settings[] = {
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_SEND_MESSAGE_LENGTH},
    };
    settings[0].value.integer = options->receive_max_bytes ? (int)options->receive_max_bytes : -1;
    settings[1].value.integer = -1;
    grpc_channel_args args = {.num_args = sizeof settings / sizeof settings[0], .args = settings};
    return grpc_server_create(&args, NULL);
}

struct rpc_server *rpc_server_create(const char *name, const struct rpc_server_options *options,
                                     const struct rpc_service *service, void *context,
                                     int *ret_port) {
    struct rpc_server *server = calloc(1, sizeof *server);
    if (!server) {
        fprintf(stderr, "%s: no memory\n", name);
        return NULL;
    }
    server->service = service;
    server->context = context;
    grpc_init();
    server->queue = grpc_completion_queue_create_for_next(NULL);
    server->core = create_core(options);
    grpc_server_register_completion_queue(server->core, server->queue, NULL);
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    *ret_port = grpc_server_add_http2_port(server->core, options->listen, credentials);
    grpc_server_credentials_release(credentials);
    if (*ret_port == 0) {
        fprintf(stderr, "%s: cannot listen at %s\n", name, options->listen);
        rpc_server_stop(server, 0);
        rpc_server_run(server);
        rpc_server_free(server);
        return NULL;
    }
    grpc_server_start(server->core);
    request_call(server);
    return server;
}

static void on_shut_down(struct completion *self, bool is_ok) {
    (void)self;
    (void)is_ok;
}

void rpc_server_stop(struct rpc_server *server, unsigned grace_ms) {
    server->shut_down.done = on_shut_down;
    server->grace_end =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(grace_ms, GPR_TIMESPAN));
    atomic_store(&server->is_stopping, true);
    grpc_server_shutdown_and_notify(server->core, server->queue, &server->shut_down);
}

static void cancel_late_calls(struct rpc_server *server) {
    if (atomic_load(&server->is_stopping) &&
        gpr_time_cmp(gpr_now(GPR_CLOCK_MONOTONIC), server->grace_end) >= 0)
        grpc_server_cancel_all_calls(server->core);
}

void rpc_server_run(struct rpc_server *server) {
    bool is_shut_down = false;
    while (!is_shut_down || server->calls) {
        gpr_timespec tick =
            gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(TICK_MS, GPR_TIMESPAN));
        grpc_event event = grpc_completion_queue_next(server->queue, tick, NULL);
        if (event.type == GRPC_QUEUE_TIMEOUT) {
            cancel_late_calls(server);
            continue;
        }
        struct completion *completion = event.tag;
        is_shut_down = is_shut_down || completion == &server->shut_down;
        completion->done(completion, event.success != 0);
    }
    grpc_completion_queue_shutdown(server->queue);
    while (
        grpc_completion_queue_next(server->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
        GRPC_QUEUE_SHUTDOWN)
        continue;
}

void rpc_server_free(struct rpc_server *server) {
    if (!server)
        return;
    grpc_server_destroy(server->core);
    grpc_completion_queue_destroy(server->queue);
    grpc_shutdown();
    free(server);
}
