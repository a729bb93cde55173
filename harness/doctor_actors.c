/* doctor_actors.c - what is needed to do things to services and to the target: standing still, a
 * port of its own, a relay, the programs themselves, a limit without a control group. */
#include "doctor.h"

#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "free_port.h"
#include "local_socket.h"
#include "preflight.h"
#include "proc.h"
#include "relay.h"

enum { PATIENCE_MS = 2000 };

static int await_state(pid_t pid, const char *states) {
    int64_t deadline_ns = sm_now_ns() + PATIENCE_MS * INT64_C(1000000);
    do {
        struct sm_proc_stat stat;
        int rc = sm_proc_stat(pid, &stat);
        if (rc)
            return rc;
        if (strchr(states, stat.state))
            return 0;
        poll(NULL, 0, 1);
    } while (sm_now_ns() < deadline_ns);
    return -ETIMEDOUT;
}

int sm_doctor_pause(const char *dir, char *note) {
    (void)dir;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        for (;;)
            pause();
    int rc = kill(pid, SIGSTOP) ? -errno : await_state(pid, "T");
    if (rc == 0)
        rc = kill(pid, SIGCONT) ? -errno : await_state(pid, "SR");
    if (rc)
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "a child did not stand still and go on");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return rc;
}

static int socket_at(uint16_t port, int is_server) {
    const int yes = 1;
    const struct sockaddr_in address = sm_loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd >= 0 &&
        (is_server ? bind(fd, (const struct sockaddr *)&address, sizeof address) || listen(fd, 1)
                   : connect(fd, (const struct sockaddr *)&address, sizeof address))) {
        int code = -errno;
        close(fd);
        return code;
    }
    return fd < 0 ? -errno : fd;
}

/* A byte into the relay's front must come out of a connection to its back. */
static int pass_a_byte(const struct sm_relay_places *places, int back_fd) {
    char byte = 0;
    int client_fd = socket_at(places->front_port, 0), rc = -ETIMEDOUT;
    if (client_fd < 0)
        return client_fd;
    struct pollfd wait = {.fd = back_fd, .events = POLLIN};
    int service_fd = send(client_fd, "x", 1, MSG_NOSIGNAL) == 1 && poll(&wait, 1, PATIENCE_MS) == 1
                         ? accept(back_fd, NULL, NULL)
                         : -1;
    wait.fd = service_fd;
    if (service_fd >= 0 && poll(&wait, 1, PATIENCE_MS) == 1 && recv(service_fd, &byte, 1, 0) == 1)
        rc = byte == 'x' ? 0 : -EIO;
    if (service_fd >= 0)
        close(service_fd);
    close(client_fd);
    return rc;
}

int sm_doctor_relay(const char *dir, char *note) {
    char front[300], back[300];
    int locks[2] = {-1, -1}, back_fd = -1;
    struct sm_relay *relay = NULL;
    struct sm_relay_places places = {.front_unix_path = front, .back_unix_path = back};
    snprintf(front, sizeof front, "%s/front", dir);
    snprintf(back, sizeof back, "%s/back", dir);
    int rc = sm_free_port(&places.front_port, &locks[0]);
    if (rc == 0)
        rc = sm_free_port(&places.back_port, &locks[1]);
    if (rc == 0)
        rc = back_fd = socket_at(places.back_port, 1);
    if (rc >= 0)
        rc = sm_relay_open(&places, &relay, NULL);
    if (rc == 0)
        rc = pass_a_byte(&places, back_fd);
    if (rc == 0)
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "port %u through port %u", places.back_port,
                 places.front_port);
    sm_relay_close(relay);
    const int fds[] = {locks[0], locks[1], back_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    unlink(front);
    return rc;
}

static int is_there(const char *program, const char *pattern) {
    char file[PATH_MAX];
    glob_t found = {0};
    const char *path = getenv("PATH");
    int rc = sm_preflight_find(program, path ? path : "", file) == 0 ||
             glob(pattern, 0, NULL, &found) == 0;
    globfree(&found);
    return rc;
}

int sm_doctor_services(const char *dir, char *note) {
    static const struct {
        const char *name, *program, *pattern;
    } kinds[] = {{"redis", "redis-server", "/usr/bin/redis-server"},
                 {"postgres", "postgres", "/usr/lib/postgresql/*/bin/postgres"},
                 {"nginx", "nginx", "/usr/sbin/nginx"}};
    size_t used = 0;
    int rc = 0;
    (void)dir;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int has = is_there(kinds[i].program, kinds[i].pattern);
        used += (size_t)snprintf(note + used, SM_DOCTOR_NOTE_BYTES - used, "%s%s%s", i ? ", " : "",
                                 has ? "" : "no ", kinds[i].name);
        rc = has ? rc : -ENOENT;
    }
    return rc;
}

/* A child that may have 32 MB of data asks for 64 MB of it. */
int sm_doctor_data_limit(const char *dir, char *note) {
    const struct rlimit limit = {32 << 20, 32 << 20};
    int status = -1;
    (void)dir;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        void *volatile memory = setrlimit(RLIMIT_DATA, &limit) ? (void *)&limit : malloc(64 << 20);
        _exit(memory != NULL);
    }
    waitpid(pid, &status, 0);
    if (status == 0)
        return 0;
    snprintf(note, SM_DOCTOR_NOTE_BYTES, "an allocation beyond it did not fail");
    return -ENOTSUP;
}
