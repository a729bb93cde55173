#include "server.h"

#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rpc.h"

enum {
    CONNECTIONS_MAX = 4096,
    CONNECTION_IDLE_S = 300,
    CONNECTION_BYTES = 16384,
    STOP_GRACE_S = 1,
};

struct lb_server {
    struct lb_service service;
    struct MHD_Daemon *daemon;
    atomic_bool is_stopping;
    pthread_mutex_t lock; /* in_progress */
    pthread_cond_t idle;
    unsigned in_progress; /* requests begun and not yet answered */
};

/* One HTTP request, from its header to the end of its answer. */
struct request {
    char *body;
    size_t body_bytes, body_capacity;
    bool is_too_large;
};

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status,
                               const char *content_type, char *body, size_t body_bytes,
                               enum MHD_ResponseMemoryMode mode) {
    struct MHD_Response *response = MHD_create_response_from_buffer(body_bytes, body, mode);
    if (!response) {
        if (mode == MHD_RESPMEM_MUST_FREE)
            free(body);
        return MHD_NO;
    }
    if (body_bytes)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result respond_text(struct MHD_Connection *connection, unsigned status,
                                    const char *text) {
    return respond(connection, status, "text/plain", (char *)text, strlen(text),
                   MHD_RESPMEM_PERSISTENT);
}

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
    return respond(connection, MHD_HTTP_OK, "application/json", text, (size_t)length,
                   MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result respond_rpc(const struct lb_server *server,
                                   struct MHD_Connection *connection,
                                   const struct request *request) {
    if (request->is_too_large)
        return respond_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "body too large\n");
    struct lb_rpc_reply reply =
        lb_rpc_handle(server->service.channel, request->body, request->body_bytes);
    return respond(connection, reply.http_status, "application/json", reply.body, reply.body_bytes,
                   MHD_RESPMEM_MUST_FREE);
}

/* Keeps a piece of the body, unless the whole has become too large. */
static void take_body(const struct lb_server *server, struct request *request, const char *piece,
                      size_t piece_bytes) {
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

static enum MHD_Result begin(struct lb_server *server, struct MHD_Connection *connection,
                             void **request_slot) {
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return MHD_NO;
    pthread_mutex_lock(&server->lock);
    server->in_progress++;
    pthread_mutex_unlock(&server->lock);
    *request_slot = request;
    /* Refused before its body is read, not after. */
    if (announces_too_much(server, connection))
        return respond_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "body too large\n");
    return MHD_YES;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request_slot) {
    (void)version;
    struct lb_server *server = context;
    struct request *request = *request_slot;
    if (!request)
        return begin(server, connection, request_slot);
    if (*upload_bytes) {
        take_body(server, request, upload, *upload_bytes);
        *upload_bytes = 0;
        return MHD_YES;
    }
    bool is_get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    bool is_post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    if (atomic_load(&server->is_stopping))
        return respond_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping\n");
    if (is_post && strcmp(url, "/rpc") == 0)
        return respond_rpc(server, connection, request);
    if (is_get && strcmp(url, "/health") == 0)
        return respond_text(connection, MHD_HTTP_OK, "ok\n");
    if (is_get && strcmp(url, "/stats") == 0)
        return respond_stats(server, connection);
    return respond_text(connection, MHD_HTTP_NOT_FOUND, "no such thing\n");
}

static void completed(void *context, struct MHD_Connection *connection, void **request_slot,
                      enum MHD_RequestTerminationCode code) {
    (void)connection;
    (void)code;
    struct lb_server *server = context;
    struct request *request = *request_slot;
    if (!request)
        return;
    free(request->body);
    free(request);
    *request_slot = NULL;
    pthread_mutex_lock(&server->lock);
    if (--server->in_progress == 0)
        pthread_cond_signal(&server->idle);
    pthread_mutex_unlock(&server->lock);
}

static struct MHD_Daemon *start_daemon(struct lb_server *server, int listen_fd) {
    unsigned threads = server->service.options->thread_count;
    /* A pool of one is not allowed; one thread is the default. */
    struct MHD_OptionItem pool[] = {
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle,
        server, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_NOTIFY_COMPLETED, completed, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)CONNECTION_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
}

struct lb_server *lb_server_start(const struct lb_service *service, int listen_fd) {
    struct lb_server *server = calloc(1, sizeof *server);
    if (!server) {
        fprintf(stderr, "log-batcher: no memory\n");
        close(listen_fd);
        return NULL;
    }
    server->service = *service;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->idle, NULL);
    server->daemon = start_daemon(server, listen_fd);
    if (!server->daemon) {
        fprintf(stderr, "log-batcher: the HTTP server did not start\n");
        close(listen_fd);
        lb_server_stop(server);
        return NULL;
    }
    return server;
}

static void wait_until_idle(struct lb_server *server) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_GRACE_S;
    pthread_mutex_lock(&server->lock);
    while (server->in_progress &&
           pthread_cond_timedwait(&server->idle, &server->lock, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&server->lock);
}

void lb_server_stop(struct lb_server *server) {
    if (!server)
        return;
    if (server->daemon) {
        atomic_store(&server->is_stopping, true);
        int listen_fd = MHD_quiesce_daemon(server->daemon);
        wait_until_idle(server);
        MHD_stop_daemon(server->daemon);
        if (listen_fd >= 0)
            close(listen_fd);
    }
    pthread_cond_destroy(&server->idle);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
