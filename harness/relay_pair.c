#include "relay_pair.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "local_socket.h"

enum { CLIENT, SERVICE, BUFFER_BYTES = 1 << 16, TICK_MS = 5 };
static const double ns_per_s = 1e9, burst_s = 0.02;

/* ---- how much may flow ---- */

void sm_relay_flow_slow(struct sm_relay_flow *flow, double bytes_per_s, int64_t now_ns) {
    flow->is_slow = true;
    flow->bytes_per_s = bytes_per_s;
    flow->tokens = 0;
    flow->refilled_ns = now_ns;
}

void sm_relay_flow_unslow(struct sm_relay_flow *flow) {
    flow->is_slow = false;
}

void sm_relay_flow_refill(struct sm_relay_flow *flow, int64_t now_ns) {
    double most = flow->bytes_per_s * burst_s;
    flow->has_waiting = false;
    if (!flow->is_slow)
        return;
    flow->tokens += flow->bytes_per_s * (double)(now_ns - flow->refilled_ns) / ns_per_s;
    flow->refilled_ns = now_ns;
    /* What nobody wanted is not saved up; but a byte must come together at any rate. */
    if (flow->tokens > most && flow->tokens > 1)
        flow->tokens = most > 1 ? most : 1;
}

int sm_relay_flow_timeout_ms(const struct sm_relay_flow *flow) {
    return flow->is_slow && flow->has_waiting ? TICK_MS : -1;
}

/* ---- one connection ---- */

static int watch(struct sm_relay_end *end) {
    const int yes = 1;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = end};
    setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* not for unix sockets */
    return epoll_ctl(end->pair->epoll_fd, EPOLL_CTL_ADD, end->fd, &event);
}

struct sm_relay_pair *sm_relay_pair_open(int epoll_fd, int client_fd, const struct sockaddr *back,
                                         socklen_t back_bytes) {
    struct sm_relay_pair *pair = calloc(1, sizeof *pair);
    if (!pair) {
        sm_socket_reset(client_fd);
        return NULL;
    }
    pair->epoll_fd = epoll_fd;
    for (int i = 0; i < 2; i++)
        pair->ends[i] =
            (struct sm_relay_end){.pair = pair, .fd = -1, .buffer = malloc(BUFFER_BYTES)};
    pair->ends[CLIENT].fd = client_fd;
    pair->ends[SERVICE].fd = socket(back->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int fd = pair->ends[SERVICE].fd;
    if (!pair->ends[CLIENT].buffer || !pair->ends[SERVICE].buffer || fd < 0 ||
        (connect(fd, back, back_bytes) && errno != EINPROGRESS) || watch(&pair->ends[CLIENT]) ||
        watch(&pair->ends[SERVICE])) {
        sm_relay_pair_cut(pair);
        sm_relay_pair_close(pair);
        return NULL;
    }
    return pair;
}

void sm_relay_pair_ready(struct sm_relay_end *end) {
    end->is_readable = end->is_writable = true; /* tried, and settled by EAGAIN */
}

static bool is_over(ssize_t done) {
    return done < 0 && errno != EAGAIN && errno != EINTR;
}

/* Waits no longer, or begins to wait, for leave to read from the client. */
static void hold(struct sm_relay_pair *pair, struct sm_relay_flow *flow, bool is_held) {
    int64_t now_ns = sm_now_ns();
    if (is_held && !pair->held_since_ns) {
        pair->held_since_ns = now_ns;
        flow->counts.slowed_reads++;
    } else if (!is_held && pair->held_since_ns) {
        flow->counts.held_s += (double)(now_ns - pair->held_since_ns) / ns_per_s;
        pair->held_since_ns = 0;
    }
    flow->has_waiting |= is_held;
}

/* How much may be read from an end now; a client that is held is noted. */
static size_t allowance(struct sm_relay_pair *pair, struct sm_relay_flow *flow, int from) {
    char byte;
    if (from != CLIENT)
        return BUFFER_BYTES;
    if (!flow->is_slow) {
        hold(pair, flow, false);
        return BUFFER_BYTES;
    }
    if (flow->tokens >= 1) {
        hold(pair, flow, false);
        return flow->tokens < BUFFER_BYTES ? (size_t)flow->tokens : BUFFER_BYTES;
    }
    /* Held only when there is something to be read. */
    hold(pair, flow, recv(pair->ends[from].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0);
    return 0;
}

static void read_some(struct sm_relay_pair *pair, struct sm_relay_flow *flow, int from) {
    struct sm_relay_end *end = &pair->ends[from];
    if (end->from < end->to || end->has_ended || !end->is_readable)
        return;
    size_t most = allowance(pair, flow, from);
    if (most == 0)
        return;
    ssize_t got = recv(end->fd, end->buffer, most, MSG_DONTWAIT);
    end->from = 0;
    end->to = got > 0 ? (size_t)got : 0;
    end->has_ended = got == 0;
    end->is_readable = got > 0;
    if (is_over(got))
        sm_relay_pair_cut(pair);
    if (got <= 0 || from != CLIENT)
        return;
    if (flow->is_slow) {
        flow->tokens -= (double)got;
        flow->counts.slowed_bytes += got;
    }
}

static bool write_some(struct sm_relay_pair *pair, int from) {
    struct sm_relay_end *end = &pair->ends[from], *other = &pair->ends[!from];
    if (end->from == end->to || !other->is_writable)
        return false;
    ssize_t put =
        send(other->fd, end->buffer + end->from, end->to - end->from, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0) {
        other->is_writable = false;
        /* A connection that is still being made says so with EAGAIN or ENOTCONN. */
        if (is_over(put) && errno != ENOTCONN)
            sm_relay_pair_cut(pair);
        return false;
    }
    end->from += (size_t)put;
    return true;
}

/* A connection that could not be made shows as an error on the socket. */
static bool has_failed(struct sm_relay_pair *pair) {
    int error = 0;
    socklen_t bytes = sizeof error;
    if (pair->is_connected)
        return false;
    if (getsockopt(pair->ends[SERVICE].fd, SOL_SOCKET, SO_ERROR, &error, &bytes) || error)
        return true;
    pair->is_connected = true;
    return false;
}

/* Hands an end on, and is done when both have ended. */
static void pass_end(struct sm_relay_pair *pair, int from) {
    struct sm_relay_end *end = &pair->ends[from];
    if (!end->has_ended || end->from < end->to || end->is_shut)
        return;
    end->is_shut = true;
    shutdown(pair->ends[!from].fd, SHUT_WR);
    pair->is_done |= pair->ends[!from].is_shut;
}

void sm_relay_pair_move(struct sm_relay_pair *pair, struct sm_relay_flow *flow) {
    if (!pair->is_done && pair->ends[SERVICE].is_writable && has_failed(pair))
        sm_relay_pair_cut(pair);
    for (int from = 0; from < 2; from++) {
        do
            if (!pair->is_done)
                read_some(pair, flow, from);
        while (!pair->is_done && write_some(pair, from));
        if (!pair->is_done)
            pass_end(pair, from);
    }
    if (pair->is_done)
        hold(pair, flow, false);
}

void sm_relay_pair_cut(struct sm_relay_pair *pair) {
    for (int i = 0; i < 2; i++) {
        if (pair->ends[i].fd >= 0)
            sm_socket_reset(pair->ends[i].fd);
        pair->ends[i].fd = -1;
    }
    pair->is_done = true;
}

void sm_relay_pair_close(struct sm_relay_pair *pair) {
    for (int i = 0; i < 2; i++) {
        if (pair->ends[i].fd >= 0)
            close(pair->ends[i].fd);
        free(pair->ends[i].buffer);
    }
    free(pair);
}
