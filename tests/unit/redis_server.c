#include "redis_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct redis_server {
    char path[108], log[256];
    pid_t pid;
};

static int try_connect(const struct redis_server *server) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, server->path, strnlen(server->path, sizeof at.sun_path - 1));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

struct redis_server *redis_server_start(const char *directory) {
    struct redis_server *server = calloc(1, sizeof *server);
    int fd;
    snprintf(server->path, sizeof server->path, "%s/r", directory);
    snprintf(server->log, sizeof server->log, "%s/redis.log", directory);
    server->pid = fork();
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server->path,
               "--save", "", "--appendonly", "no", "--dir", directory, "--logfile", server->log,
               (char *)NULL);
        _exit(127);
    }
    /* The test's own time-out ends a wait that never does. */
    while ((fd = try_connect(server)) < 0 && waitpid(server->pid, NULL, WNOHANG) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    if (fd < 0)
        abort();
    close(fd);
    return server;
}

const char *redis_server_unix(const struct redis_server *server) {
    return server->path;
}

static void exchange(const struct redis_server *server, const char *command, char *reply,
                     int reply_bytes, const char *until) {
    int fd = try_connect(server), length = 0;
    if (fd < 0 || write(fd, command, strlen(command)) < 0 || write(fd, "\r\n", 2) < 0)
        abort();
    reply[0] = '\0';
    while (length < reply_bytes - 1 && !strstr(reply, until)) {
        ssize_t got = read(fd, reply + length, (size_t)(reply_bytes - 1 - length));
        if (got <= 0)
            break;
        length += (int)got;
        reply[length] = '\0';
    }
    close(fd);
}

void redis_server_ask(const struct redis_server *server, const char *command, char *reply,
                      int reply_bytes) {
    exchange(server, command, reply, reply_bytes, "\r\n");
    reply[strcspn(reply, "\r")] = '\0';
}

long redis_server_info(const struct redis_server *server, const char *section, const char *field) {
    char command[64], reply[16384];
    snprintf(command, sizeof command, "INFO %s", section);
    exchange(server, command, reply, sizeof reply, "\r\n\r\n");
    const char *at = strstr(reply, field);
    return at ? strtol(at + strlen(field), NULL, 10) : -1;
}

void redis_server_kill(struct redis_server *server) {
    kill(server->pid, SIGKILL);
}

void redis_server_stop(struct redis_server *server) {
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    unlink(server->path);
    unlink(server->log);
    free(server);
}
