#include "server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_server.h"
#include "rpc.h"

enum { CONNECTION_BYTES = 16384, STOP_GRACE_S = 1 };

struct lb_server {
    struct lb_service service;
    struct http_server *http;
};

/* One HTTP request, from its header to the end of its answer. */
struct request {
    char *body;
    size_t body_bytes, body_capacity;
    bool is_too_large;
};

static enum MHD_Result respond_stats(const struct lb_server *server,
                                     struct MHD_Connection *connection) {
    const struct lb_service *service = &server->service;
    struct lb_channel_stats channel = lb_channel_stats(service->channel);
    struct lb_sysmon_stats sysmon = lb_sysmon_stats(service->sysmon);
    char text[1024];
    int length = snprintf(
        text, sizeof text,
        "{\"received_total\": %" PRIu64 ", \"dropped_total\": %" PRIu64
        ", \"flushed_total\": %" PRIu64 ", \"lost_total\": %" PRIu64 ", \"queued\": %" PRIu64
        ", \"queued_bytes\": %" PRIu64 ", \"capacity\": %zu, \"flushes_total\": %" PRIu64
        ", \"sysmon_fds\": %" PRIu64 ", \"sysmon_refreshes_total\": %" PRIu64
        ", \"sysmon_processes\": %" PRIu64 ", \"sysmon_tasks\": %" PRIu64
        ", \"sysmon_cpu_ticks\": %" PRIu64 "}\n",
        channel.received, channel.dropped, channel.flushed, channel.lost, channel.queued,
        channel.queued_bytes, service->options->is_bounded ? service->options->capacity : 0,
        lb_batcher_flushes(service->batcher), sysmon.fds, sysmon.refreshes, sysmon.processes,
        sysmon.tasks, sysmon.cpu_ticks);
    return http_respond(connection, MHD_HTTP_OK, "application/json", text, (size_t)length,
                        MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result respond_rpc(const struct lb_server *server,
                                   struct MHD_Connection *connection,
                                   const struct request *request) {
    if (request->is_too_large)
        return http_respond_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "body too large\n");
    struct lb_rpc_reply reply =
        lb_rpc_handle(server->service.channel, request->body, request->body_bytes);
    return http_respond(connection, reply.http_status, "application/json", reply.body,
                        reply.body_bytes, MHD_RESPMEM_MUST_FREE);
}

/* Keeps a piece of the body, unless the whole has become too large. */
static void take_body(void *context, void *opaque, const char *piece, size_t piece_bytes) {
    const struct lb_server *server = context;
    struct request *request = opaque;
    size_t needed = request->body_bytes + piece_bytes;
    if (needed > server->service.options->body_max_bytes)
        request->is_too_large = true;
    if (request->is_too_large)
        return;
    if (needed > request->body_capacity) {
        size_t capacity = needed * 2;
        char *body = realloc(request->body, capacity);
        if (!body) {
            request->is_too_large = true;
            return;
        }
        request->body = body;
        request->body_capacity = capacity;
    }
    memcpy(request->body + request->body_bytes, piece, piece_bytes);
    request->body_bytes = needed;
}

static bool announces_too_much(const struct lb_server *server, struct MHD_Connection *connection) {
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length && strtoull(length, NULL, 10) > server->service.options->body_max_bytes;
}

static enum MHD_Result begin(void *context, struct MHD_Connection *connection, void **ret_request) {
    const struct lb_server *server = context;
    *ret_request = calloc(1, sizeof(struct request));
    /* Refused before its body is read, not after. */
    if (*ret_request && announces_too_much(server, connection))
        return http_respond_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "body too large\n");
    return MHD_YES;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, void *request,
                              const char *method, const char *url) {
    const struct lb_server *server = context;
    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0 && strcmp(url, "/rpc") == 0)
        return respond_rpc(server, connection, request);
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 && strcmp(url, "/stats") == 0)
        return respond_stats(server, connection);
    return http_respond_text(connection, MHD_HTTP_NOT_FOUND, "no such thing\n");
}

static void end(void *context, void *opaque) {
    struct request *request = opaque;
    (void)context;
    free(request->body);
    free(request);
}

static const struct http_service http_service = {begin, take_body, answer, end};

struct lb_server *lb_server_start(const struct lb_service *service, int listen_fd) {
    struct lb_server *server = calloc(1, sizeof *server);
    if (!server) {
        fprintf(stderr, "log-batcher: no memory\n");
        close(listen_fd);
        return NULL;
    }
    server->service = *service;
    server->http =
        http_server_start(&(struct http_server_config){.name = "log-batcher",
                                                       .service = &http_service,
                                                       .context = server,
                                                       .threads = service->options->thread_count,
                                                       .connection_bytes = CONNECTION_BYTES,
                                                       .stop_grace_s = STOP_GRACE_S},
                          listen_fd);
    if (server->http)
        return server;
    free(server);
    return NULL;
}

void lb_server_stop(struct lb_server *server) {
    if (!server)
        return;
    http_server_stop(server->http);
    free(server);
}
