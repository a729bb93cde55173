#include "rude_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, HEAD_BYTES = 16384 };

struct rude_server {
    int listen_fd, stop_fd;
    bool is_serving;
    char url[64];
    pthread_t acceptor, threads[CONNECTIONS];
    int thread_count;
    atomic_long requests, body_bytes;
};

struct guest {
    struct rude_server *server;
    int fd;
    char head[HEAD_BYTES + 1]; /* bytes read and not used yet */
    size_t length;
};

static bool send_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool say(int fd, const char *text) {
    return send_all(fd, text, strlen(text));
}

/* False: the peer has closed, or the server stops. */
static bool receive_more(struct guest *guest) {
    struct pollfd fds[2] = {{guest->fd, POLLIN, 0}, {guest->server->stop_fd, POLLIN, 0}};
    if (guest->length == HEAD_BYTES || poll(fds, 2, -1) < 0 || fds[1].revents)
        return false;
    ssize_t n = recv(guest->fd, guest->head + guest->length, HEAD_BYTES - guest->length, 0);
    if (n <= 0)
        return false;
    guest->length += (size_t)n;
    guest->head[guest->length] = '\0';
    return true;
}

static void wait_ms(struct guest *guest, int ms) {
    struct pollfd stop = {guest->server->stop_fd, POLLIN, 0};
    poll(&stop, 1, ms);
}

static void reset(struct guest *guest) {
    struct linger now = {1, 0};
    setsockopt(guest->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static size_t body_length(const char *head) {
    const char *field = strcasestr(head, "\r\nContent-Length:");
    return field ? strtoul(field + strlen("\r\nContent-Length:"), NULL, 10) : 0;
}

static bool drain_body(struct guest *guest, size_t head_length) {
    size_t left = body_length(guest->head), have = guest->length - head_length;
    memmove(guest->head, guest->head + head_length, have);
    for (;;) {
        size_t used = have < left ? have : left;
        left -= used;
        atomic_fetch_add(&guest->server->body_bytes, (long)used);
        memmove(guest->head, guest->head + used, have - used);
        guest->length = have - used;
        guest->head[guest->length] = '\0';
        if (left == 0)
            return true;
        if (!receive_more(guest))
            return false;
        have = guest->length;
    }
}

static bool stutter(struct guest *guest) {
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    for (const char *at = reply; *at; at++)
        if (!send_all(guest->fd, at, 1))
            return false;
    return true;
}

static bool reply_status(struct guest *guest, const char *number) {
    char reply[128];
    int status = (int)strtol(number, NULL, 10);
    const char *length = status == 204 || status == 304 ? "" : "Content-Length: 0\r\n";
    snprintf(reply, sizeof reply, "HTTP/1.1 %d Because\r\n%s\r\n", status, length);
    return say(guest->fd, reply);
}

static const struct {
    const char *path, *reply;
    enum { KEEP, CLOSE, RESET, HANG } then;
} manners[] = {
    {"/ok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", KEEP},
    {"/reset", "", RESET},
    {"/close", "", CLOSE},
    {"/hang", "", HANG},
    {"/half", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", HANG},
    {"/partial", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", CLOSE},
    {"/partial-reset", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", RESET},
    {"/malformed", "220 mail.example.org ESMTP\r\n", KEEP},
    {"/chunked",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n"
     "0\r\nTrailer: x\r\n\r\n",
     KEEP},
    {"/until-close", "HTTP/1.1 200 OK\r\n\r\nuntil the end", CLOSE},
    {"/interim",
     "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
     "Content-Length: 0\r\n\r\n",
     KEEP},
    {"/extra", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n", KEEP},
    {"/once", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", CLOSE},
    {"/goodbye", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", CLOSE},
    {NULL, NULL, KEEP}};

/* True: the connection goes on. */
static bool behave(struct guest *guest, const char *path) {
    if (strncmp(path, "/status/", 8) == 0)
        return reply_status(guest, path + 8);
    if (strncmp(path, "/slow/", 6) == 0) {
        wait_ms(guest, (int)strtol(path + 6, NULL, 10));
        return reply_status(guest, "200");
    }
    if (strcmp(path, "/stutter") == 0)
        return stutter(guest);
    for (int i = 0; manners[i].path; i++) {
        if (strcmp(manners[i].path, path) != 0)
            continue;
        if (!say(guest->fd, manners[i].reply))
            return false;
        if (manners[i].then == RESET)
            reset(guest);
        if (manners[i].then == HANG)
            wait_ms(guest, -1);
        return manners[i].then == KEEP;
    }
    return reply_status(guest, "404");
}

static bool serve_one(struct guest *guest) {
    char path[64] = "";
    char *end;
    while (!(end = strstr(guest->head, "\r\n\r\n")))
        if (!receive_more(guest))
            return false;
    if (sscanf(guest->head, "%*s %63s", path) != 1)
        return false;
    if (strncmp(path, "/early/", 7) == 0) {
        reply_status(guest, path + 7);
        shutdown(guest->fd, SHUT_WR);
        /* Closing with bytes unread would reset, and the reply might be lost with it. */
        wait_ms(guest, 20);
        while (guest->length = 0, receive_more(guest))
            continue;
        return false;
    }
    if (!drain_body(guest, (size_t)(end + 4 - guest->head)))
        return false;
    atomic_fetch_add(&guest->server->requests, 1);
    return behave(guest, path);
}

static void *serve(void *argument) {
    struct guest *guest = argument;
    while (serve_one(guest))
        continue;
    close(guest->fd);
    free(guest);
    return NULL;
}

static void *accept_all(void *argument) {
    struct rude_server *server = argument;
    struct pollfd fds[2] = {{server->listen_fd, POLLIN, 0}, {server->stop_fd, POLLIN, 0}};
    while (poll(fds, 2, -1) > 0 && !fds[1].revents && server->thread_count < CONNECTIONS) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        struct guest *guest = calloc(1, sizeof *guest);
        guest->server = server;
        guest->fd = fd;
        pthread_create(&server->threads[server->thread_count++], NULL, serve, guest);
    }
    return NULL;
}

static int listen_at(struct rude_server *server, const char *unix_path, int backlog) {
    struct sockaddr_un named = {.sun_family = AF_UNIX};
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof local;
    int fd = socket(unix_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (unix_path) {
        snprintf(named.sun_path, sizeof named.sun_path, "%s", unix_path);
        if (bind(fd, (struct sockaddr *)&named, sizeof named) < 0)
            abort();
    } else if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0 ||
               getsockname(fd, (struct sockaddr *)&local, &length) < 0) {
        abort();
    }
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", ntohs(local.sin_port));
    listen(fd, backlog);
    return fd;
}

struct rude_server *rude_server_listen(const char *unix_path, int backlog) {
    struct rude_server *server = calloc(1, sizeof *server);
    server->stop_fd = eventfd(0, EFD_CLOEXEC);
    server->listen_fd = listen_at(server, unix_path, backlog);
    return server;
}

void rude_server_serve(struct rude_server *server) {
    pthread_create(&server->acceptor, NULL, accept_all, server);
    server->is_serving = true;
}

struct rude_server *rude_server_start(const char *unix_path) {
    struct rude_server *server = rude_server_listen(unix_path, 1024);
    rude_server_serve(server);
    return server;
}

const char *rude_server_url(const struct rude_server *server) {
    return server->url;
}
long rude_server_requests(const struct rude_server *server) {
    return server->requests;
}
long rude_server_body_bytes(const struct rude_server *server) {
    return server->body_bytes;
}

void rude_server_stop(struct rude_server *server) {
    uint64_t one = 1;
    if (write(server->stop_fd, &one, sizeof one) < 0)
        abort();
    if (server->is_serving)
        pthread_join(server->acceptor, NULL);
    for (int i = 0; i < server->thread_count; i++)
        pthread_join(server->threads[i], NULL);
    close(server->listen_fd);
    close(server->stop_fd);
    free(server);
}
