/* redis_server.h - a real redis-server on a unix socket in a test's directory. */
#pragma once

struct redis_server;

/* Returns when it answers; ends the test program when it does not start. */
struct redis_server *redis_server_start(const char *directory);
const char *redis_server_unix(const struct redis_server *server); /* the socket's path */
/* The value of `field` in what INFO says of `section`: redis's own count. -1: it says none. */
long redis_server_info(const struct redis_server *server, const char *section, const char *field);
/* Sends a command line and reads a line of the reply into reply. */
void redis_server_ask(const struct redis_server *server, const char *command, char *reply,
                      int reply_bytes);
/* By SIGKILL; the socket stays behind. */
void redis_server_kill(struct redis_server *server);
/* The same, and removes what it left. */
void redis_server_stop(struct redis_server *server);
