/* child_server.h - a server of somebody else's make, started for a test. */
#pragma once

struct child_server;

/* Starts a command (NULL-terminated), whose first line on standard output is its port; NULL when
 * that does not come, as where what it needs is not installed. It ends with the test at the
 * latest. */
struct child_server *child_server_start(const char *const *command);
int child_server_port(const struct child_server *server);
/* "http://127.0.0.1:PORT"; owned by the server. */
const char *child_server_url(const struct child_server *server);
long child_server_pid(const struct child_server *server);
void child_server_stop(struct child_server *server);
