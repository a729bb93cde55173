#include "ready_socket.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { TIMEOUT_MS = 1000 };

static int await(int fd) {
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t error_bytes = sizeof error;
    int ready = poll(&wait, 1, TIMEOUT_MS);
    if (ready < 0)
        return errno;
    if (ready == 0)
        return ETIMEDOUT;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
    return error;
}

int sm_ready_connect(const struct sockaddr *address, socklen_t address_bytes,
                     const struct sm_block *config, const char *name, struct sm_error *err) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return sm_error_errno(err, -errno, config->where, NULL, "no socket");
    int error = connect(fd, address, address_bytes) ? errno : 0;
    if (error == EINPROGRESS)
        error = await(fd);
    close(fd);
    if (error == 0)
        return 1;
    sm_error_errno(err, -error, config->where, NULL, "%s", name);
    return 0;
}
