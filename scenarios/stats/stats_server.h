/* stats_server.h - GET /health and GET /stats over HTTP on a unix socket, for pipelines whose own
 * protocol is another. */
#pragma once

#include <stddef.h>

/* Writes one JSON object with a NUL at its end; returns its length, less than size. Called from the
 * server's thread. */
typedef size_t stats_write_fn(void *context, char *text, size_t size);

struct stats_server;

enum { STATS_MAX = 4096 }; /* bytes of the object */

/* Listens at `path`. `name` begins the lines about what is wrong; it and the context outlive the
 * server. NULL, having printed why. */
struct stats_server *stats_server_start(const char *name, const char *path, stats_write_fn *write,
                                        void *context);

/* Closes and removes the socket. NULL is allowed. */
void stats_server_stop(struct stats_server *server);
