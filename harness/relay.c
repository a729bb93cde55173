/* relay.c - the thread, the listening sockets and the orders; relay_pair.c moves the bytes. */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "interrupt.h"
#include "local_socket.h"
#include "relay_pair.h"

enum { FRONTS = 2, EVENTS = 64, BACKLOG = 1024 };

struct sm_relay {
    int epoll_fd, wake_fd;
    struct sm_relay_front {
        int fd;
        struct sockaddr_storage back;
        socklen_t back_bytes;
    } fronts[FRONTS];
    pthread_t thread;
    pthread_mutex_t lock;           /* guards all below */
    int is_stopping, refuses, cuts; /* cuts: orders not yet carried out */
    pthread_cond_t carried_out;
    struct sm_relay_flow flow;
    struct sm_relay_pair *pairs;
};

static int set_tcp(uint16_t port, struct sockaddr_storage *address, socklen_t *ret_bytes) {
    const struct sockaddr_in v4 = sm_loopback(port);
    memcpy(address, &v4, sizeof v4);
    *ret_bytes = sizeof v4;
    return 0;
}

static int set_unix(const char *path, struct sockaddr_storage *address, socklen_t *ret_bytes) {
    struct sockaddr_un name;
    int rc = sm_unix_address(path, &name);
    if (rc)
        return rc;
    memcpy(address, &name, sizeof name);
    *ret_bytes = sizeof name;
    return 0;
}

static int listen_at(struct sm_relay *relay, struct sm_relay_front *front,
                     const struct sockaddr_storage *address, socklen_t bytes) {
    const int yes = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = front};
    front->fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (front->fd < 0)
        return -errno;
    if (address->ss_family == AF_INET)
        setsockopt(front->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(front->fd, (const struct sockaddr *)address, bytes) || listen(front->fd, BACKLOG) ||
        epoll_ctl(relay->epoll_fd, EPOLL_CTL_ADD, front->fd, &event))
        return -errno;
    return 0;
}

static int open_fronts(struct sm_relay *relay, const struct sm_relay_places *places) {
    struct sockaddr_storage address;
    socklen_t bytes;
    struct sm_relay_front *tcp = &relay->fronts[0], *local = &relay->fronts[1];
    set_tcp(places->back_port, &tcp->back, &tcp->back_bytes);
    set_tcp(places->front_port, &address, &bytes);
    int rc = listen_at(relay, tcp, &address, bytes);
    if (rc == 0)
        rc = set_unix(places->back_unix_path, &local->back, &local->back_bytes);
    if (rc == 0)
        rc = set_unix(places->front_unix_path, &address, &bytes);
    return rc ? rc : listen_at(relay, local, &address, bytes);
}

static void add_pair(struct sm_relay *relay, int client_fd, const struct sm_relay_front *front) {
    if (relay->refuses) {
        relay->flow.counts.refused++;
        sm_socket_reset(client_fd);
        return;
    }
    struct sm_relay_pair *pair = sm_relay_pair_open(
        relay->epoll_fd, client_fd, (const struct sockaddr *)&front->back, front->back_bytes);
    if (!pair)
        return;
    pair->next = relay->pairs;
    relay->pairs = pair;
}

static void accept_all(struct sm_relay *relay, const struct sm_relay_front *front) {
    int fd;
    while ((fd = accept4(front->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
        add_pair(relay, fd, front);
}

/* Ended pairs go only here, after a whole round: an event of the round may still name one. */
static void sweep(struct sm_relay *relay) {
    for (struct sm_relay_pair **at = &relay->pairs; *at;) {
        struct sm_relay_pair *pair = *at;
        if (!pair->is_done) {
            at = &pair->next;
            continue;
        }
        *at = pair->next;
        sm_relay_pair_close(pair);
    }
}

static void carry_out(struct sm_relay *relay) {
    uint64_t count;
    if (read(relay->wake_fd, &count, sizeof count) < 0)
        return; /* nobody called */
    for (struct sm_relay_pair *pair = relay->pairs; pair && relay->cuts; pair = pair->next) {
        if (!pair->is_done)
            relay->flow.counts.cut++;
        sm_relay_pair_cut(pair);
    }
    relay->cuts = 0;
    pthread_cond_broadcast(&relay->carried_out);
}

static void serve_round(struct sm_relay *relay, const struct epoll_event *events, int count) {
    for (int i = 0; i < count; i++) {
        void *what = events[i].data.ptr;
        if (what == relay)
            carry_out(relay);
        else if (what == &relay->fronts[0] || what == &relay->fronts[1])
            accept_all(relay, what);
        else
            sm_relay_pair_ready(what);
    }
    sm_relay_flow_refill(&relay->flow, sm_now_ns());
    for (struct sm_relay_pair *pair = relay->pairs; pair; pair = pair->next)
        sm_relay_pair_move(pair, &relay->flow);
    sweep(relay);
}

static void *run(void *argument) {
    struct sm_relay *relay = argument;
    struct epoll_event events[EVENTS];
    pthread_mutex_lock(&relay->lock);
    while (!relay->is_stopping) {
        int timeout_ms = sm_relay_flow_timeout_ms(&relay->flow);
        pthread_mutex_unlock(&relay->lock);
        int count = epoll_wait(relay->epoll_fd, events, EVENTS, timeout_ms);
        pthread_mutex_lock(&relay->lock);
        serve_round(relay, events, count < 0 ? 0 : count);
    }
    pthread_mutex_unlock(&relay->lock);
    return NULL;
}

static int start(struct sm_relay *relay) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = relay};
    relay->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (relay->wake_fd < 0 || epoll_ctl(relay->epoll_fd, EPOLL_CTL_ADD, relay->wake_fd, &event))
        return -errno;
    return sm_interrupt_start_thread(&relay->thread, run, relay);
}

static void free_relay(struct sm_relay *relay) {
    const int fds[] = {relay->epoll_fd, relay->wake_fd, relay->fronts[0].fd, relay->fronts[1].fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    while (relay->pairs) {
        struct sm_relay_pair *pair = relay->pairs;
        relay->pairs = pair->next;
        sm_relay_pair_close(pair);
    }
    pthread_cond_destroy(&relay->carried_out);
    pthread_mutex_destroy(&relay->lock);
    free(relay);
}

int sm_relay_open(const struct sm_relay_places *places, struct sm_relay **ret_relay,
                  struct sm_error *err) {
    struct sm_relay *relay = calloc(1, sizeof *relay);
    if (!relay)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    relay->wake_fd = relay->fronts[0].fd = relay->fronts[1].fd = -1;
    pthread_mutex_init(&relay->lock, NULL);
    pthread_cond_init(&relay->carried_out, NULL);
    relay->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int rc = relay->epoll_fd < 0 ? -errno : open_fronts(relay, places);
    if (rc == 0)
        rc = start(relay);
    if (rc) {
        free_relay(relay);
        return sm_error_errno(err, rc, places->front_unix_path, NULL, "the relay cannot be opened");
    }
    *ret_relay = relay;
    return 0;
}

/* Under the lock. */
static void wake(struct sm_relay *relay) {
    const uint64_t one = 1;
    ssize_t written = write(relay->wake_fd, &one, sizeof one);
    (void)written; /* full means that it is awake */
}

void sm_relay_cut(struct sm_relay *relay, int refuse) {
    pthread_mutex_lock(&relay->lock);
    relay->refuses = refuse;
    relay->cuts++;
    wake(relay);
    while (relay->cuts)
        pthread_cond_wait(&relay->carried_out, &relay->lock);
    pthread_mutex_unlock(&relay->lock);
}

void sm_relay_restore(struct sm_relay *relay) {
    pthread_mutex_lock(&relay->lock);
    relay->refuses = 0;
    pthread_mutex_unlock(&relay->lock);
}

void sm_relay_slow(struct sm_relay *relay, double bytes_per_s) {
    pthread_mutex_lock(&relay->lock);
    sm_relay_flow_slow(&relay->flow, bytes_per_s, sm_now_ns());
    wake(relay);
    pthread_mutex_unlock(&relay->lock);
}

void sm_relay_unslow(struct sm_relay *relay) {
    pthread_mutex_lock(&relay->lock);
    sm_relay_flow_unslow(&relay->flow);
    wake(relay);
    pthread_mutex_unlock(&relay->lock);
}

void sm_relay_counts(struct sm_relay *relay, struct sm_relay_counts *ret_counts) {
    pthread_mutex_lock(&relay->lock);
    *ret_counts = relay->flow.counts;
    for (const struct sm_relay_pair *pair = relay->pairs; pair; pair = pair->next)
        if (pair->held_since_ns)
            ret_counts->held_s += (double)(sm_now_ns() - pair->held_since_ns) / 1e9;
    pthread_mutex_unlock(&relay->lock);
}

void sm_relay_close(struct sm_relay *relay) {
    if (!relay)
        return;
    pthread_mutex_lock(&relay->lock);
    relay->is_stopping = 1;
    wake(relay);
    pthread_mutex_unlock(&relay->lock);
    pthread_join(relay->thread, NULL);
    free_relay(relay);
}
