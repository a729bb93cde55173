/* server.h - the HTTP side of the daemon: POST /rpc, GET /health, GET /stats. */
#pragma once

#include "batcher.h"
#include "channel.h"
#include "options.h"
#include "sysmon.h"

/* What the handlers work with; all of it outlives the server. */
struct lb_service {
    const struct lb_options *options;
    struct lb_channel *channel;
    struct lb_batcher *batcher;
    struct lb_sysmon *sysmon; /* may be NULL */
};

struct lb_server;

/* Serves at a listening socket, which it takes over. NULL, having printed why. */
struct lb_server *lb_server_start(const struct lb_service *service, int listen_fd);

/* Takes no more connections, answers what was already asked (within a second), closes. New
 * requests on open connections get 503. NULL is allowed. */
void lb_server_stop(struct lb_server *server);
