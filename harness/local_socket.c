#include "local_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct sockaddr_in sm_loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int sm_unix_address(const char *path, struct sockaddr_un *ret_address) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    *ret_address = address;
    return 0;
}

int sm_unix_path_check(const char *path, const char *where, struct sm_error *err) {
    struct sockaddr_un address;
    if (sm_unix_address(path, &address) == 0)
        return 0;
    return sm_error_set(err, -ENAMETOOLONG, where, "use ${run}, which is short",
                        "the path of a unix socket has at most %zu bytes: \"%s\"",
                        sizeof address.sun_path - 1, path);
}

void sm_socket_reset(int fd) {
    const struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}
