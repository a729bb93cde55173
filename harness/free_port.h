/* free_port.h - ports for services: free now, below those that the kernel gives to clients, and
 * taken by no other run of spillmark on this machine. Any thread. */
#pragma once

#include <stdint.h>

/* A TCP port of 127.0.0.1. While *ret_lock_fd is open, which the caller closes, no other run
 * chooses it; it is not bound.
 * 0, or -EADDRNOTAVAIL when there is none, or another negative errno. */
int sm_free_port(uint16_t *ret_port, int *ret_lock_fd);
