/* relay_pair.h - one connection through a relay: two sockets and a buffer for each direction. Used
 * by the relay's thread only, under its lock. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "relay.h"

/* What all connections of a relay share: how much may still be taken from clients, and what was
 * counted. Zero to begin with. */
struct sm_relay_flow {
    bool is_slow;
    double bytes_per_s, tokens; /* of one byte */
    int64_t refilled_ns;
    bool has_waiting; /* something was held in the last round */
    struct sm_relay_counts counts;
};

void sm_relay_flow_slow(struct sm_relay_flow *flow, double bytes_per_s, int64_t now_ns);
void sm_relay_flow_unslow(struct sm_relay_flow *flow);
void sm_relay_flow_refill(struct sm_relay_flow *flow, int64_t now_ns);
/* How long the thread may sleep: -1 = until something happens. */
int sm_relay_flow_timeout_ms(const struct sm_relay_flow *flow);

struct sm_relay_pair {
    struct sm_relay_pair *next;
    int epoll_fd;
    struct sm_relay_end {
        struct sm_relay_pair *pair;
        int fd;
        bool is_readable, is_writable, has_ended; /* has_ended: it will send nothing more */
        bool is_shut;                             /* told that nothing more will come */
        char *buffer;                             /* read from it, not yet written to the other */
        size_t from, to;
    } ends[2]; /* the client's, the service's */
    bool is_connected, is_done;
    int64_t held_since_ns; /* something waits to be read from the client, 0 = no */
};

/* Takes the client's socket, begins to connect to the service. NULL (and the client is reset) when
 * that cannot be. */
struct sm_relay_pair *sm_relay_pair_open(int epoll_fd, int client_fd, const struct sockaddr *back,
                                         socklen_t back_bytes);
/* Notes that an end may be read or written again: `end` is what epoll has for it. */
void sm_relay_pair_ready(struct sm_relay_end *end);
/* Moves what can be moved, and settles the accounts of one that is done. */
void sm_relay_pair_move(struct sm_relay_pair *pair, struct sm_relay_flow *flow);
/* Resets both ends. */
void sm_relay_pair_cut(struct sm_relay_pair *pair);
void sm_relay_pair_close(struct sm_relay_pair *pair);
