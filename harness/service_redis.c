/* service_redis.c - redis-server, without persistence unless its arguments ask for it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local_socket.h"
#include "service.h"

static const struct sm_key keys[] = {
    {.name = "args", .type = SM_KEY_TEXTS, .help = "more arguments: { \"--appendonly\", \"yes\" }"},
    SM_SERVICE_KEYS("TERM"),
    {.name = NULL}};

static void command(const struct sm_service *service, struct sm_service_command *command) {
    static const char *const plain[] = {"--bind", "127.0.0.1", "--daemonize", "no",
                                        "--save", "",          NULL};
    sm_service_add(command, "redis-server");
    sm_service_add_all(command, plain);
    sm_service_add(command, "--port");
    sm_service_add(command, "%u", service->port);
    sm_service_add(command, "--unixsocket");
    sm_service_add(command, "%s", service->unix_path);
    sm_service_add(command, "--dir");
    sm_service_add(command, "%s", service->directory);
    sm_service_add_all(command, sm_block_texts(service->block, "args", NULL));
}

/* A server that still reads its files accepts connections and answers -LOADING. */
static int ping(const struct sm_service *service, char *reply, size_t reply_bytes) {
    static const char request[] = "PING\r\n";
    const struct sockaddr_in address = sm_loopback(service->port);
    enum { TIMEOUT_MS = 900 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int rc = connect(fd, (const struct sockaddr *)&address, sizeof address) ? -errno : 0;
    if (rc == 0 && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
        rc = -errno;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (rc == 0 && poll(&wait, 1, TIMEOUT_MS) == 0)
        rc = -ETIMEDOUT;
    ssize_t got = rc == 0 ? recv(fd, reply, reply_bytes - 1, MSG_DONTWAIT) : 0;
    if (rc == 0 && got < 0)
        rc = -errno;
    reply[got > 0 ? got : 0] = '\0';
    close(fd);
    return rc;
}

static int check(const struct sm_service *service, struct sm_error *err) {
    char reply[128];
    int rc = ping(service, reply, sizeof reply);
    if (rc == 0 && strncmp(reply, "+PONG", 5) == 0)
        return 1;
    /* With a password it says -NOAUTH, which is an answer too. */
    if (rc == 0 && strncmp(reply, "-NOAUTH", 7) == 0)
        return 1;
    if (rc)
        sm_error_errno(err, rc, service->block->where, NULL, "port %u", service->port);
    else
        sm_error_set(err, -EAGAIN, service->block->where, NULL, "PING is answered with \"%.40s\"",
                     reply);
    return 0;
}

const struct sm_service_ops sm_redis_service = {
    .name = "redis",
    .help = "redis-server on ${NAME.port} and ${NAME.unix}, with nothing in it",
    .keys = keys,
    .command = command,
    .check = check,
};
