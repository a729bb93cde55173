#include "websocket_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "local_socket.h"
#include "websocket_upgrade.h"

enum { BACKLOG = 64, RECEIVE_BYTES = 65536, WORDS = 96, MOST_PEERS = 64 };
#define LEAVE_NS     INT64_C(1000000000)
#define HANDSHAKE_NS INT64_C(10000000000)

enum peer_state {
    PEER_HANDSHAKE,
    PEER_OPEN,
    PEER_LEAVING, /* nobody's any more: the rest is sent, then it is closed */
    PEER_GONE,    /* to be freed when no event can speak of it */
};

struct sm_peer {
    struct sm_websocket_server *server;
    enum peer_state state;
    int fd;
    bool wants_write, is_shut;
    int error; /* negative errno of a send; told in the next tick */
    int64_t deadline_ns;
    struct sm_upgrade upgrade;
    char target[SM_UPGRADE_TARGET];
    struct sm_websocket *socket;
    char words[WORDS]; /* how the peer closes */
    TAILQ_ENTRY(sm_peer) entry;
};
TAILQ_HEAD(peer_list, sm_peer);

struct sm_websocket_server {
    struct sm_websocket_server_events events;
    void *owner;
    int epoll_fd, listen_fd;
    struct sm_websocket_readers readers;
    size_t room_bytes, peer_count;
    bool refuses;
    char *unix_path;
    struct peer_list peers;
    char received[RECEIVE_BYTES];
};

static void watch(struct sm_peer *peer, bool wants_write) {
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0u),
                                .data.ptr = peer};
    peer->wants_write = wants_write;
    epoll_ctl(peer->server->epoll_fd, EPOLL_CTL_MOD, peer->fd, &event);
}

/* Closes the descriptor; the rest goes in the next tick. */
static void bury(struct sm_peer *peer) {
    if (peer->state == PEER_GONE)
        return;
    close(peer->fd);
    peer->state = PEER_GONE;
}

static void end(struct sm_peer *peer, const char *words) {
    struct sm_websocket_server *server = peer->server;
    enum peer_state state = peer->state;
    bury(peer);
    if (state == PEER_OPEN)
        server->events.closed(server->owner, peer, words);
    else if (state == PEER_HANDSHAKE)
        server->events.refused(server->owner, words);
}

static void on_pong(void *user, const void *bytes, size_t length) {
    struct sm_peer *peer = user;
    if (peer->state == PEER_OPEN)
        peer->server->events.pong(peer->server->owner, peer, bytes, length);
}

static void on_closing(void *user, int status, const char *reason) {
    struct sm_peer *peer = user;
    snprintf(peer->words, sizeof peer->words, "closed by the consumer: %d%s%.60s", status,
             reason[0] ? " " : "", reason);
}

static int make_socket(struct sm_peer *peer) {
    static const struct sm_websocket_events events = {.pong = on_pong, .closing = on_closing};
    return sm_websocket_new(SM_WEBSOCKET_SERVER, &peer->server->readers, peer->server->room_bytes,
                            &events, peer, &peer->socket);
}

static void take_peer(struct sm_websocket_server *server, int fd) {
    int one = 1;
    struct sm_peer *peer = server->peer_count < MOST_PEERS ? calloc(1, sizeof *peer) : NULL;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    if (!peer || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        free(peer);
        close(fd);
        server->events.refused(server->owner, "too many connections at once");
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on a unix socket */
    peer->server = server;
    peer->fd = fd;
    peer->deadline_ns = sm_now_ns() + HANDSHAKE_NS;
    sm_upgrade_begin(&peer->upgrade, peer->target);
    TAILQ_INSERT_TAIL(&server->peers, peer, entry);
    server->peer_count++;
}

static void take_peers(struct sm_websocket_server *server) {
    int fd;
    while ((fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (server->refuses)
            sm_socket_reset(fd);
        else
            take_peer(server, fd);
    }
}

/* False: it cannot go on. */
static bool feed(struct sm_peer *peer, const char *bytes, size_t length) {
    int rc = sm_websocket_feed(peer->socket, bytes, length);
    if (peer->state == PEER_GONE) /* an event's doing */
        return false;
    if (rc < 0)
        snprintf(peer->words, sizeof peer->words, "%s",
                 rc == -ENOMEM ? "out of memory" : "the consumer breaks the protocol");
    if (peer->words[0]) {
        sm_peer_flush(peer); /* the answer to its closing */
        return false;
    }
    return true;
}

static void open_peer(struct sm_peer *peer, const char *rest, size_t length) {
    struct sm_websocket_server *server = peer->server;
    char answer[SM_UPGRADE_ANSWER];
    if (make_socket(peer) < 0) {
        end(peer, "out of memory");
        return;
    }
    sm_websocket_raw(peer->socket, answer, sm_upgrade_answer(&peer->upgrade, answer));
    peer->state = PEER_OPEN;
    server->events.opened(server->owner, peer, peer->target);
    if (peer->state != PEER_OPEN)
        return;
    sm_peer_flush(peer);
    if (length > 0 && !feed(peer, rest, length))
        end(peer, peer->words);
}

static void shake_hands(struct sm_peer *peer, const char *bytes, size_t length) {
    char answer[SM_UPGRADE_ANSWER];
    size_t used;
    switch (sm_upgrade_feed(&peer->upgrade, NULL, bytes, length, &used)) {
    case SM_UPGRADE_MORE:
        return;
    case SM_UPGRADE_DONE:
        open_peer(peer, bytes + used, length - used);
        return;
    case SM_UPGRADE_REFUSED:
        /* A short answer into an empty socket goes at once or not at all. */
        if (send(peer->fd, answer, sm_upgrade_answer(&peer->upgrade, answer), MSG_NOSIGNAL) < 0)
            peer->error = -errno;
        end(peer, peer->upgrade.words);
        return;
    }
}

static void receive(struct sm_peer *peer) {
    struct sm_websocket_server *server = peer->server;
    ssize_t length = recv(peer->fd, server->received, RECEIVE_BYTES, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length < 0) {
        end(peer, errno == ECONNRESET ? "connection reset by the consumer" : strerror(errno));
    } else if (length == 0) {
        end(peer, peer->words[0] ? peer->words : "closed by the consumer without a word");
    } else if (peer->state == PEER_HANDSHAKE) {
        shake_hands(peer, server->received, (size_t)length);
    } else if (peer->state == PEER_OPEN && !feed(peer, server->received, (size_t)length)) {
        end(peer, peer->words);
    }
}

struct sm_websocket *sm_peer_socket(struct sm_peer *peer) {
    return peer->socket;
}

void sm_peer_flush(struct sm_peer *peer) {
    const void *bytes;
    size_t length;
    while (!peer->wants_write && !peer->error && peer->state != PEER_GONE &&
           (length = sm_websocket_pending(peer->socket, &bytes)) > 0) {
        ssize_t sent = send(peer->fd, bytes, length, MSG_NOSIGNAL);
        if (sent >= 0)
            sm_websocket_sent(peer->socket, (size_t)sent);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            watch(peer, true);
        else if (errno != EINTR)
            peer->error = -errno;
    }
}

/* All is sent: no more will come, and what the other side still says is read to its end, lest
 * closing become a reset. */
static void go_on_leaving(struct sm_peer *peer) {
    const void *bytes;
    sm_peer_flush(peer);
    if (!peer->is_shut && sm_websocket_pending(peer->socket, &bytes) == 0) {
        peer->is_shut = true;
        shutdown(peer->fd, SHUT_WR);
    }
    if (peer->error)
        bury(peer);
}

void sm_peer_leave(struct sm_peer *peer) {
    peer->state = PEER_LEAVING;
    peer->deadline_ns = sm_now_ns() + LEAVE_NS;
    go_on_leaving(peer);
}

void sm_peer_reset(struct sm_peer *peer) {
    sm_socket_reset(peer->fd);
    peer->state = PEER_GONE;
}

void sm_websocket_server_ready(struct sm_websocket_server *server, void *what, uint32_t events) {
    struct sm_peer *peer = what;
    if (what == server) {
        take_peers(server);
        return;
    }
    if (peer->state == PEER_GONE)
        return;
    if (events & EPOLLOUT) {
        watch(peer, false);
        sm_peer_flush(peer);
    }
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        receive(peer);
    if (peer->state == PEER_LEAVING)
        go_on_leaving(peer);
}

static void tell_error(struct sm_peer *peer) {
    bool reset = peer->error == -ECONNRESET || peer->error == -EPIPE;
    end(peer, reset ? "connection reset by the consumer" : strerrordesc_np(-peer->error));
}

static void free_peer(struct sm_peer *peer) {
    TAILQ_REMOVE(&peer->server->peers, peer, entry);
    peer->server->peer_count--;
    if (peer->state != PEER_GONE)
        close(peer->fd);
    sm_websocket_free(peer->socket);
    free(peer);
}

int64_t sm_websocket_server_tick(struct sm_websocket_server *server, int64_t now_ns) {
    int64_t next_ns = INT64_MAX;
    struct sm_peer *peer, *after;
    for (peer = TAILQ_FIRST(&server->peers); peer; peer = after) {
        after = TAILQ_NEXT(peer, entry);
        if (peer->state == PEER_OPEN && peer->error)
            tell_error(peer);
        if (peer->state == PEER_HANDSHAKE && peer->deadline_ns <= now_ns)
            end(peer, "no handshake within 10 s");
        if (peer->state == PEER_LEAVING && peer->deadline_ns <= now_ns)
            bury(peer);
        if ((peer->state == PEER_HANDSHAKE || peer->state == PEER_LEAVING) &&
            peer->deadline_ns < next_ns)
            next_ns = peer->deadline_ns;
        if (peer->state == PEER_GONE)
            free_peer(peer);
    }
    return next_ns;
}

void sm_websocket_server_refuse(struct sm_websocket_server *server, bool refuses) {
    server->refuses = refuses;
}

static int bind_unix(struct sm_websocket_server *server, const char *path) {
    struct sockaddr_un address;
    int rc = sm_unix_address(path, &address);
    if (rc)
        return rc;
    server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->listen_fd < 0 ||
        bind(server->listen_fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    server->unix_path = strdup(path);
    return server->unix_path ? 0 : -ENOMEM;
}

static int bind_tcp(struct sm_websocket_server *server,
                    const struct sm_websocket_server_options *options) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)options->port)};
    int one = 1;
    if (inet_pton(AF_INET, options->address, &address.sin_addr) != 1)
        return -EINVAL;
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->listen_fd < 0 ||
        setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(server->listen_fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    return 0;
}

int sm_websocket_server_open(const struct sm_websocket_server_options *options, int epoll_fd,
                             const struct sm_websocket_server_events *events, void *owner,
                             struct sm_websocket_server **ret_server, struct sm_error *err) {
    struct sm_websocket_server *server = calloc(1, sizeof *server);
    if (!server)
        return sm_error_errno(err, -ENOMEM, NULL, NULL, "cannot listen");
    TAILQ_INIT(&server->peers);
    server->events = *events;
    server->owner = owner;
    server->epoll_fd = epoll_fd;
    server->listen_fd = -1;
    server->room_bytes = options->room_bytes;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = server};
    int rc = options->unix_path ? bind_unix(server, options->unix_path) : bind_tcp(server, options);
    if (rc == 0 && (listen(server->listen_fd, BACKLOG) < 0 ||
                    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, server->listen_fd, &event) < 0))
        rc = -errno;
    if (rc < 0) {
        char port[16];
        snprintf(port, sizeof port, "%d", options->port);
        sm_websocket_server_close(server);
        return sm_error_errno(err, rc, options->unix_path ? options->unix_path : options->address,
                              NULL, "cannot listen%s%s", options->unix_path ? "" : " on port ",
                              options->unix_path ? "" : port);
    }
    *ret_server = server;
    return 0;
}

void sm_websocket_server_close(struct sm_websocket_server *server) {
    struct sm_peer *peer;
    if (!server)
        return;
    while ((peer = TAILQ_FIRST(&server->peers)))
        free_peer(peer);
    sm_websocket_readers_free(&server->readers);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    if (server->unix_path)
        unlink(server->unix_path);
    free(server->unix_path);
    free(server);
}
