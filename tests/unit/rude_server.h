/* rude_server.h - an HTTP server for tests whose manners the path decides.
 *
 *   /ok           200 with a short body          /slow/MS     200 after MS milliseconds
 *   /status/N     N with an empty body           /hang        reads, never answers
 *   /reset        resets after the request       /close       closes without a reply
 *   /partial      half a reply, then closes      /partial-reset   half a reply, then resets
 *   /malformed    something else than HTTP       /early/N     N before the body is read, closes
 *   /chunked      200 in chunks                  /until-close 200 without a length, then closes
 *   /interim      103, then 200                  /stutter     200, byte by byte
 *   /extra        200 and bytes nobody asked for /half        half a reply, then nothing
 *   /once         200 and closes, saying so      /goodbye     200 and closes without saying so
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct rude_server;

/* Listens on a unix socket at path, or with NULL on a free port of 127.0.0.1. */
struct rude_server *rude_server_start(const char *unix_path);
/* The same in two steps: at first nobody accepts, and `backlog` connections wait. */
struct rude_server *rude_server_listen(const char *unix_path, int backlog);
void rude_server_serve(struct rude_server *server);
/* "http://127.0.0.1:PORT"; owned by the server. */
const char *rude_server_url(const struct rude_server *server);
/* Whole requests read, and bytes of their bodies, so far. */
long rude_server_requests(const struct rude_server *server);
long rude_server_body_bytes(const struct rude_server *server);
/* Closes every connection, ends every thread, removes no socket. */
void rude_server_stop(struct rude_server *server);
