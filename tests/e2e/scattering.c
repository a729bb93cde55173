/* scattering.c - an HTTP server on a unix socket whose first request makes it allocate many small
 * blocks and free most of them: what stays is scattered, so that the allocator keeps the pages.
 * While it waits it goes on allocating a little. Argument: the socket's path. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BLOCKS = 200000, BLOCK_BYTES = 256, KEPT_OF = 256, CONNECTIONS = 64, IDLE_MS = 20 };

static void *blocks[BLOCKS];

static void scatter(void) {
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK_BYTES);
        if (!blocks[i])
            abort();
        memset(blocks[i], 1, BLOCK_BYTES);
    }
    for (int i = 0; i < BLOCKS; i++)
        if (i % KEPT_OF != 0)
            free(blocks[i]);
}

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >=
        (int)sizeof address.sun_path)
        return -1;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, CONNECTIONS))
        return -1;
    return fd;
}

/* One request, none of which has a body, is one read here. 0 when the connection is over. */
static int answer(int fd) {
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    static int has_scattered;
    char request[4096];
    ssize_t got = read(fd, request, sizeof request);
    if (got <= 0)
        return 0;
    if (!has_scattered && strncmp(request, "GET /work", 9) == 0) {
        has_scattered = 1;
        scatter();
    }
    return write(fd, reply, sizeof reply - 1) == (ssize_t)sizeof reply - 1;
}

int main(int argc, char **argv) {
    struct pollfd fds[1 + CONNECTIONS];
    nfds_t count = 1;
    fds[0] = (struct pollfd){.fd = argc == 2 ? listen_at(argv[1]) : -1, .events = POLLIN};
    if (fds[0].fd < 0)
        return 1;
    for (;;) {
        void *volatile little = malloc(100000);
        free(little);
        if (poll(fds, count, IDLE_MS) <= 0)
            continue;
        for (nfds_t i = count; i-- > 1;)
            if (fds[i].revents && !answer(fds[i].fd)) {
                close(fds[i].fd);
                fds[i] = fds[--count];
            }
        if (fds[0].revents && count <= CONNECTIONS)
            fds[count++] = (struct pollfd){.fd = accept(fds[0].fd, NULL, NULL), .events = POLLIN};
    }
}
