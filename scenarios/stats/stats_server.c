#include "stats_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct stats_server {
    struct MHD_Daemon *daemon;
    stats_write_fn *write;
    void *context;
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
};

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, const char *text,
                               size_t bytes) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes, (char *)text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request) {
    (void)version;
    (void)upload;
    (void)upload_bytes;
    (void)request;
    const struct stats_server *server = context;
    char text[STATS_MAX] = "no such thing\n";
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return respond(connection, MHD_HTTP_METHOD_NOT_ALLOWED, text, strlen(text));
    if (strcmp(url, "/health") == 0)
        return respond(connection, MHD_HTTP_OK, "ok\n", 3);
    if (strcmp(url, "/stats") == 0)
        return respond(connection, MHD_HTTP_OK, text,
                       server->write(server->context, text, sizeof text));
    return respond(connection, MHD_HTTP_NOT_FOUND, text, strlen(text));
}

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

struct stats_server *stats_server_start(const char *name, const char *path, stats_write_fn *write,
                                        void *context) {
    struct stats_server *server = calloc(1, sizeof *server);
    int fd = server ? listen_at(path) : -1;
    if (fd < 0) {
        fprintf(stderr, "%s: %s: %s\n", name, path, server ? strerror(errno) : "no memory");
        free(server);
        return NULL;
    }
    snprintf(server->path, sizeof server->path, "%s", path);
    server->write = write;
    server->context = context;
    server->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL,
                                      handle, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_END);
    if (!server->daemon) {
        fprintf(stderr, "%s: the HTTP server did not start\n", name);
        close(fd);
        stats_server_stop(server);
        return NULL;
    }
    return server;
}

void stats_server_stop(struct stats_server *server) {
    if (!server)
        return;
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    unlink(server->path);
    free(server);
}
