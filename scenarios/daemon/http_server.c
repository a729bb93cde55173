#include "http_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, CONNECTION_IDLE_S = 300 };

struct http_server {
    struct http_server_config config;
    struct MHD_Daemon *daemon;
    atomic_bool is_stopping;
    pthread_mutex_t lock; /* in_progress */
    pthread_cond_t idle;
    unsigned in_progress; /* requests begun and not yet answered */
};

enum MHD_Result http_respond(struct MHD_Connection *connection, unsigned status,
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

enum MHD_Result http_respond_text(struct MHD_Connection *connection, unsigned status,
                                  const char *text) {
    return http_respond(connection, status, "text/plain", (char *)text, strlen(text),
                        MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result begin(struct http_server *server, struct MHD_Connection *connection,
                             void **request_slot) {
    enum MHD_Result result =
        server->config.service->begin(server->config.context, connection, request_slot);
    if (!*request_slot)
        return MHD_NO;
    pthread_mutex_lock(&server->lock);
    server->in_progress++;
    pthread_mutex_unlock(&server->lock);
    return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request_slot) {
    (void)version;
    struct http_server *server = context;
    const struct http_server_config *config = &server->config;
    if (!*request_slot)
        return begin(server, connection, request_slot);
    if (*upload_bytes) {
        config->service->take(config->context, *request_slot, upload, *upload_bytes);
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (atomic_load(&server->is_stopping))
        return http_respond_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping\n");
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 && strcmp(url, "/health") == 0)
        return http_respond_text(connection, MHD_HTTP_OK, "ok\n");
    return config->service->answer(config->context, connection, *request_slot, method, url);
}

static void completed(void *context, struct MHD_Connection *connection, void **request_slot,
                      enum MHD_RequestTerminationCode code) {
    (void)connection;
    (void)code;
    struct http_server *server = context;
    if (!*request_slot)
        return;
    server->config.service->end(server->config.context, *request_slot);
    *request_slot = NULL;
    pthread_mutex_lock(&server->lock);
    if (--server->in_progress == 0)
        pthread_cond_signal(&server->idle);
    pthread_mutex_unlock(&server->lock);
}

static struct MHD_Daemon *start_daemon(struct http_server *server, int listen_fd) {
    unsigned threads = server->config.threads;
    /* A pool of one is not allowed; one thread is the default. */
    struct MHD_OptionItem pool[] = {
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle,
        server, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_NOTIFY_COMPLETED, completed, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)CONNECTION_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        server->config.connection_bytes, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
}

struct http_server *http_server_start(const struct http_server_config *config, int listen_fd) {
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) {
        fprintf(stderr, "%s: no memory\n", config->name);
        close(listen_fd);
        return NULL;
    }
    server->config = *config;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->idle, NULL);
    server->daemon = start_daemon(server, listen_fd);
    if (!server->daemon) {
        fprintf(stderr, "%s: the HTTP server did not start\n", config->name);
        close(listen_fd);
        http_server_stop(server);
        return NULL;
    }
    return server;
}

static void wait_until_idle(struct http_server *server) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += server->config.stop_grace_s;
    pthread_mutex_lock(&server->lock);
    while (server->in_progress &&
           pthread_cond_timedwait(&server->idle, &server->lock, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&server->lock);
}

void http_server_stop(struct http_server *server) {
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
