#include "server.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "write.h"

enum {
    CONNECTIONS_MAX = 4096,
    CONNECTION_IDLE_S = 300,
    CONNECTION_BYTES = 65536,
    STOP_GRACE_S = 2,
};

static const char write_path[] = "/api/v1/write/msgpack";
static const char stats_path[] = "/api/v1/write/msgpack/stats";

struct mi_server {
    const struct mi_service *service;
    struct MHD_Daemon *daemon;
    atomic_bool is_stopping;
    pthread_mutex_t lock; /* in_progress */
    pthread_cond_t idle;
    unsigned in_progress; /* requests begun and not yet answered */
};

/* One HTTP request, from its header to the end of its answer. */
struct request {
    struct mi_payload *payload; /* NULL once it has been handed on */
    unsigned refused_with;      /* a status, while the body still comes; 0 = not refused */
};

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status,
                               const char *content_type, char *text,
                               enum MHD_ResponseMemoryMode mode) {
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), text, mode);
    if (!response) {
        if (mode == MHD_RESPMEM_MUST_FREE)
            free(text);
        return MHD_NO;
    }
    if (*text)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result respond_text(struct MHD_Connection *connection, unsigned status,
                                    const char *text) {
    return respond(connection, status, "text/plain", (char *)text, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result respond_stats(const struct mi_server *server,
                                     struct MHD_Connection *connection) {
    char *text = mi_stats_json(server->service->stats);
    if (!text)
        return respond_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
    return respond(connection, MHD_HTTP_OK, "application/json", text, MHD_RESPMEM_MUST_FREE);
}

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result respond_write(const struct mi_server *server,
                                     struct MHD_Connection *connection, struct request *request) {
    struct mi_write_headers headers = {
        .content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
        .content_encoding = header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING)};
    struct mi_payload *payload = request->payload;
    char line[sizeof((struct mi_write_reply *)NULL)->text + 1];
    request->payload = NULL;
    struct mi_write_reply reply = mi_write(server->service, &headers, payload);
    snprintf(line, sizeof line, "%s%s", reply.text, reply.text[0] ? "\n" : "");
    return respond_text(connection, reply.http_status, line);
}

static bool is_checked_early(const struct mi_server *server, size_t body_bytes) {
    const struct mi_options *options = server->service->options;
    return options->body_check && body_bytes > (size_t)options->compressed_max_bytes;
}

/* Lets go what has come of a body that will be refused; the rest is read past. */
static void refuse(struct mi_server *server, struct request *request, unsigned status) {
    request->refused_with = status;
    mi_payload_free(request->payload);
    request->payload = NULL;
    server->service->own->requests++;
    server->service->own->rejected++;
}

static void take_body(struct mi_server *server, struct request *request, const char *piece,
                      size_t piece_bytes) {
    if (request->refused_with)
        return;
    if (is_checked_early(server, request->payload->body.length + piece_bytes))
        refuse(server, request, MHD_HTTP_CONTENT_TOO_LARGE);
    else if (mi_bytes_append(&request->payload->body, piece, piece_bytes))
        refuse(server, request, MHD_HTTP_SERVICE_UNAVAILABLE);
}

static enum MHD_Result begin(struct mi_server *server, struct MHD_Connection *connection,
                             void **request_slot) {
    struct request *request = calloc(1, sizeof *request);
    if (request)
        request->payload = calloc(1, sizeof *request->payload);
    if (!request || !request->payload) {
        free(request);
        return MHD_NO;
    }
    pthread_mutex_lock(&server->lock);
    server->in_progress++;
    pthread_mutex_unlock(&server->lock);
    *request_slot = request;
    const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (!length || !is_checked_early(server, strtoull(length, NULL, 10)))
        return MHD_YES;
    /* Refused before its body is read, not after. */
    refuse(server, request, MHD_HTTP_CONTENT_TOO_LARGE);
    return respond_text(connection, request->refused_with, "the body is too large\n");
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request_slot) {
    (void)version;
    struct mi_server *server = context;
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
    if (request->refused_with)
        return respond_text(connection, request->refused_with, "the body is too large\n");
    if (atomic_load(&server->is_stopping))
        return respond_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping\n");
    if (is_post && strcmp(url, write_path) == 0)
        return respond_write(server, connection, request);
    if (is_get && strcmp(url, "/health") == 0)
        return respond_text(connection, MHD_HTTP_OK, "ok\n");
    if (is_get && strcmp(url, stats_path) == 0)
        return respond_stats(server, connection);
    return respond_text(connection, MHD_HTTP_NOT_FOUND, "no such thing\n");
}

static void completed(void *context, struct MHD_Connection *connection, void **request_slot,
                      enum MHD_RequestTerminationCode code) {
    (void)connection;
    (void)code;
    struct mi_server *server = context;
    struct request *request = *request_slot;
    if (!request)
        return;
    mi_payload_free(request->payload);
    free(request);
    *request_slot = NULL;
    pthread_mutex_lock(&server->lock);
    if (--server->in_progress == 0)
        pthread_cond_signal(&server->idle);
    pthread_mutex_unlock(&server->lock);
}

static struct MHD_Daemon *start_daemon(struct mi_server *server, int listen_fd) {
    int64_t threads = server->service->options->threads;
    /* A pool of one is not allowed; one thread is the default. */
    struct MHD_OptionItem pool[] = {
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle,
        server, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_NOTIFY_COMPLETED, completed, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)CONNECTION_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
}

struct mi_server *mi_server_start(const struct mi_service *service, int listen_fd) {
    struct mi_server *server = calloc(1, sizeof *server);
    if (!server) {
        fprintf(stderr, "msgpack-ingest: no memory\n");
        return NULL;
    }
    server->service = service;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->idle, NULL);
    server->daemon = start_daemon(server, listen_fd);
    if (server->daemon)
        return server;
    fprintf(stderr, "msgpack-ingest: the HTTP server did not start\n");
    mi_server_stop(server);
    return NULL;
}

static void wait_until_idle(struct mi_server *server) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_GRACE_S;
    pthread_mutex_lock(&server->lock);
    while (server->in_progress &&
           pthread_cond_timedwait(&server->idle, &server->lock, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&server->lock);
}

void mi_server_stop(struct mi_server *server) {
    if (!server)
        return;
    if (server->daemon) {
        atomic_store(&server->is_stopping, true);
        MHD_quiesce_daemon(server->daemon);
        wait_until_idle(server);
        MHD_stop_daemon(server->daemon);
    }
    pthread_cond_destroy(&server->idle);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
