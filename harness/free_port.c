#include "free_port.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local_socket.h"

/* Below net.ipv4.ip_local_port_range as it comes: no client's own end ever sits there. */
enum { LOWEST = 20000, PORTS = 12000, ATTEMPTS = 500 };

/* Without SO_REUSEADDR, so that no connection in TIME_WAIT, which an earlier server has left there,
 * keeps a server that does not set it either from its port. */
static bool can_be_bound(uint16_t port) {
    const struct sockaddr_in address = sm_loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                   listen(fd, 1) == 0;
    if (fd >= 0)
        close(fd);
    return is_free;
}

/* A name in the abstract space: it is gone with the descriptor, however this process ends. */
static int lock(uint16_t port) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "spillmark-port-%u", port);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    if (bind(fd, (const struct sockaddr *)&name, bytes)) {
        int code = -errno;
        close(fd);
        return code;
    }
    return fd;
}

int sm_free_port(uint16_t *ret_port, int *ret_lock_fd) {
    for (int i = 0; i < ATTEMPTS; i++) {
        uint16_t any;
        if (getrandom(&any, sizeof any, 0) != sizeof any)
            return -errno;
        uint16_t port = (uint16_t)(LOWEST + any % PORTS);
        int fd = lock(port);
        if (fd == -EADDRINUSE)
            continue;
        if (fd < 0)
            return fd;
        if (can_be_bound(port)) {
            *ret_port = port;
            *ret_lock_fd = fd;
            return 0;
        }
        close(fd);
    }
    return -EADDRNOTAVAIL;
}
