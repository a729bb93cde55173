#include "server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stop_signals.h"
#include "wire.h"
#include "writer.h"

enum { STOP_GRACE_MS = 100, WRITERS_MAX = 64 };

struct server {
    const struct rc_options *options;
    struct rc_figures *figures;
    struct rc_hub *hub;
    struct rc_writer *writers[WRITERS_MAX];
};

/* One call: of one method. */
struct session {
    struct server *server;
    struct rc_writer *writer;
    struct rc_reader *reader;
    bool reads, is_refused;
};

static void refuse(struct session *session, struct rpc_call *call, grpc_status_code status,
                   const char *details) {
    session->is_refused = true;
    rpc_finish(call, NULL, status, details);
}

static void begin_writing(struct session *session, struct rpc_call *call) {
    struct server *server = session->server;
    struct rc_writer **place = server->writers, **end = place + WRITERS_MAX;
    while (place < end && *place)
        place++;
    if (place < end)
        *place = session->writer =
            rc_writer_create(server->hub, server->options, server->figures, call);
    if (!session->writer)
        refuse(session, call, GRPC_STATUS_RESOURCE_EXHAUSTED, "no more SDKs at once");
}

static void *opened(void *context, struct rpc_call *call, const char *method) {
    struct session *session = calloc(1, sizeof *session);
    if (!session) {
        rpc_finish(call, NULL, GRPC_STATUS_RESOURCE_EXHAUSTED, "no memory");
        return NULL;
    }
    session->server = context;
    session->reads = strcmp(method, "/recorder.v1.Recorder/ReadMessages") == 0;
    if (strcmp(method, "/recorder.v1.Recorder/WriteMessages") == 0)
        begin_writing(session, call);
    else if (!session->reads && strcmp(method, "/recorder.v1.Recorder/Info") != 0)
        refuse(session, call, GRPC_STATUS_UNIMPLEMENTED, "no such method");
    return session;
}

static void begin_reading(struct session *session, struct rpc_call *call) {
    session->reader = rc_reader_create(session->server->hub, call);
    if (!session->reader)
        refuse(session, call, GRPC_STATUS_RESOURCE_EXHAUSTED, "no memory");
}

static void received(void *state, struct rpc_call *call, grpc_byte_buffer *message) {
    struct session *session = state;
    if (session->writer) {
        rc_writer_received(session->writer, message);
        return;
    }
    if (message)
        grpc_byte_buffer_destroy(message);
    if (!message) {
        refuse(session, call, GRPC_STATUS_CANCELLED, "the client hung up");
    } else if (session->reads) {
        begin_reading(session, call);
    } else {
        uint64_t limit_bytes = (uint64_t)session->server->options->server_limit_bytes;
        rpc_finish(call, rc_wire_numbers(&limit_bytes, 1), GRPC_STATUS_OK, "");
    }
}

static void sent(void *state, struct rpc_call *call) {
    (void)call;
    struct session *session = state;
    struct server *server = session->server;
    if (session->writer)
        rc_writer_sent(session->writer);
    if (!session->reader)
        return;
    rc_reader_sent(session->reader);
    for (size_t i = 0; i < WRITERS_MAX; i++)
        if (server->writers[i])
            rc_writer_retry(server->writers[i]);
}

static void closed(void *state, bool is_cancelled) {
    (void)is_cancelled;
    struct session *session = state;
    if (!session)
        return;
    struct server *server = session->server;
    for (size_t i = 0; i < WRITERS_MAX; i++)
        if (server->writers[i] && server->writers[i] == session->writer)
            server->writers[i] = NULL;
    rc_writer_free(session->writer);
    rc_reader_free(session->reader);
    /* Whoever waited for this viewer need not any more. */
    for (size_t i = 0; i < WRITERS_MAX && session->reads; i++)
        if (server->writers[i])
            rc_writer_retry(server->writers[i]);
    free(session);
}

static const struct rpc_service service = {
    .opened = opened, .received = received, .sent = sent, .closed = closed};

static void *serve(void *server) {
    rpc_server_run(server);
    return NULL;
}

static int run(struct server *server, const sigset_t *stop_signals) {
    struct rpc_server_options options = {server->options->listen, 0};
    int port;
    struct rpc_server *core = rpc_server_create("recorder", &options, &service, server, &port);
    if (!core)
        return EXIT_FAILURE;
    pthread_t thread;
    int status = pthread_create(&thread, NULL, serve, core) ? EXIT_FAILURE : EXIT_SUCCESS;
    if (status == EXIT_SUCCESS)
        stop_signals_wait(stop_signals);
    rpc_server_stop(core, STOP_GRACE_MS);
    if (status == EXIT_SUCCESS)
        pthread_join(thread, NULL);
    else
        rpc_server_run(core);
    rpc_server_free(core);
    return status;
}

int rc_server_main(const struct rc_options *options, struct rc_figures *figures,
                   const sigset_t *stop_signals) {
    struct server server = {.options = options, .figures = figures};
    server.hub = rc_hub_create(options, figures);
    if (!server.hub) {
        fprintf(stderr, "recorder: server: no memory\n");
        return EXIT_FAILURE;
    }
    int status = run(&server, stop_signals);
    rc_hub_free(server.hub);
    return status;
}
