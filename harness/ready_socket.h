/* ready_socket.h - whether somebody accepts connections at an address: tcp and unix. */
#pragma once

#include <sys/socket.h>

#include "config.h"

/* Connects and closes at once: 1 = accepted, 0 = not yet, with the reason in *err. Waits at most
 * a second. `name` is the address for the message. */
int sm_ready_connect(const struct sockaddr *address, socklen_t address_bytes,
                     const struct sm_block *config, const char *name, struct sm_error *err);
