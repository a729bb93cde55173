/* local_socket.h - addresses on this machine. No state; any thread. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>
#include <sys/un.h>

#include "../reports/error.h"

/* A port of 127.0.0.1. */
struct sockaddr_in sm_loopback(uint16_t port);

/* 0, or -ENAMETOOLONG for a path of more than 107 bytes. */
int sm_unix_address(const char *path, struct sockaddr_un *ret_address);
/* The same with *err filled, `where` being the block that gives the path. */
int sm_unix_path_check(const char *path, const char *where, struct sm_error *err);

/* Closes a socket so that the other side meets a reset. */
void sm_socket_reset(int fd);
