/* server.h - one worker's HTTP server: takes requests, answers, hands rows to the buffers. */
#pragma once

#include "buffers.h"
#include "flusher.h"
#include "options.h"
#include "release.h"
#include "stats.h"

/* What requests are answered with; must outlive the server. */
struct mi_service {
    const struct mi_options *options;
    const struct mi_stats *stats; /* of all workers */
    struct mi_worker_stats *own;  /* of this one */
    struct mi_buffers *buffers;
    struct mi_flusher *flusher;
    struct mi_release *release;
};

struct mi_server;

/* Serves at a listening socket, which other processes may share, and takes this process's
 * descriptor of it over. NULL on failure, told on standard error. */
struct mi_server *mi_server_start(const struct mi_service *service, int listen_fd);

/* Takes no new connections, answers what was asked, closes. NULL is allowed. */
void mi_server_stop(struct mi_server *server);
