/* sampler_sockets.h - bytes waiting in the kernel's queues of given sockets, by sock_diag: TCP and
 * unix sockets of this network name space, without privileges. One thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sm_sockets;

/* 0 or a negative errno where the kernel has no sock_diag. */
int sm_sockets_open(struct sm_sockets **ret_sockets);
void sm_sockets_close(struct sm_sockets *sockets); /* NULL is allowed */

struct sm_socket_queues {
    uint64_t receive_bytes; /* arrived, not read */
    uint64_t send_bytes;    /* written, not yet read (unix) or acknowledged (TCP) by the peer */
    uint64_t pending;       /* connections not yet accepted */
};

/* Sums over the sockets whose inodes are in a sorted list. What one socket of the list has sent to
 * another is counted once, as arrived. */
int sm_sockets_read(struct sm_sockets *sockets, const uint64_t *inodes, size_t count,
                    struct sm_socket_queues *ret_queues);
