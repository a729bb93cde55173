/* nginx_server.h - a real nginx with a configuration, port and directory of a test's own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct nginx_server;

/* Listens on directory/s and on a free port of 127.0.0.1 (with `tcp_options`: "", "ssl", "http2");
 * `locations` is nginx configuration within `server { }`. NULL when there is no nginx. */
struct nginx_server *nginx_server_start(const char *directory, const char *tcp_options,
                                        const char *locations);
const char *nginx_server_url(const struct nginx_server *server); /* "http://127.0.0.1:PORT" */
int nginx_server_port(const struct nginx_server *server);
const char *nginx_server_unix(const struct nginx_server *server); /* path of the unix socket */
/* Waits until `wanted` lines of its access log contain `text` (it logs after it has answered);
 * returns how many do then. */
long nginx_server_logged(const struct nginx_server *server, const char *text, long wanted);
void nginx_server_stop(struct nginx_server *server);
/* Makes a key, and a certificate for 127.0.0.1 signed by itself: DIRECTORY/key and /cert. */
bool nginx_server_certify(const char *directory);
/* The same, with `locations` that use it and take bodies of any size, and the path of the
 * certificate for those who are to trust it. */
bool nginx_server_tls(const char *directory, char *locations, size_t locations_size, char *ca,
                      size_t ca_size);
