#include "stats.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buffer.h"

struct br_stats {
    struct MHD_Daemon *daemon;
    struct br_uploads *uploads;
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

static size_t write_stats(struct br_uploads *uploads, char *text, size_t size) {
    unsigned long completed = atomic_load(&uploads->completed);
    unsigned long refused = atomic_load(&uploads->refused);
    unsigned long cancelled = atomic_load(&uploads->cancelled);
    unsigned long begun = atomic_load(&uploads->begun);
    return (size_t)snprintf(
        text, size,
        "{\"uploads_total\": %lu, \"completed_total\": %lu, \"refused_total\": %lu,"
        " \"cancelled_total\": %lu, \"in_progress\": %lu, \"received_bytes\": %lu,"
        " \"held_bytes\": %lu, \"retained_contexts\": %lu}\n",
        begun, completed, refused, cancelled, begun - completed - refused - cancelled,
        atomic_load(&uploads->bytes), (unsigned long)br_held_bytes(),
        atomic_load(&uploads->retained));
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request) {
    (void)version;
    (void)upload;
    (void)upload_bytes;
    (void)request;
    const struct br_stats *stats = context;
    char text[512] = "no such thing\n";
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return respond(connection, MHD_HTTP_METHOD_NOT_ALLOWED, text, strlen(text));
    if (strcmp(url, "/health") == 0)
        return respond(connection, MHD_HTTP_OK, "ok\n", 3);
    if (strcmp(url, "/stats") == 0)
        return respond(connection, MHD_HTTP_OK, text,
                       write_stats(stats->uploads, text, sizeof text));
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

struct br_stats *br_stats_start(const char *path, struct br_uploads *uploads) {
    struct br_stats *stats = calloc(1, sizeof *stats);
    int fd = stats ? listen_at(path) : -1;
    if (fd < 0) {
        fprintf(stderr, "bulk-rpc: %s: %s\n", path, stats ? strerror(errno) : "no memory");
        free(stats);
        return NULL;
    }
    snprintf(stats->path, sizeof stats->path, "%s", path);
    stats->uploads = uploads;
    stats->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL,
                                     handle, stats, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_END);
    if (!stats->daemon) {
        fprintf(stderr, "bulk-rpc: the HTTP server did not start\n");
        close(fd);
        br_stats_stop(stats);
        return NULL;
    }
    return stats;
}

void br_stats_stop(struct br_stats *stats) {
    if (!stats)
        return;
    if (stats->daemon)
        MHD_stop_daemon(stats->daemon);
    unlink(stats->path);
    free(stats);
}
