#include "child_server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct child_server {
    pid_t pid;
    int port;
    char url[64];
};

static pid_t spawn(const char *const *command, int output_fd) {
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null_fd = open("/dev/null", O_RDWR);
    dup2(null_fd, STDIN_FILENO);
    dup2(output_fd, STDOUT_FILENO);
    dup2(null_fd, STDERR_FILENO);
    if (getppid() == parent)
        execvp(command[0], (char *const *)command);
    _exit(127);
}

struct child_server *child_server_start(const char *const *command) {
    struct child_server *server = calloc(1, sizeof *server);
    int fds[2];
    char line[32] = "";
    if (pipe2(fds, O_CLOEXEC) < 0)
        abort();
    server->pid = spawn(command, fds[1]);
    close(fds[1]);
    FILE *output = fdopen(fds[0], "r");
    if (fgets(line, sizeof line, output))
        server->port = (int)strtol(line, NULL, 10);
    fclose(output);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", server->port);
    if (server->port > 0)
        return server;
    child_server_stop(server);
    return NULL;
}

int child_server_port(const struct child_server *server) {
    return server->port;
}
const char *child_server_url(const struct child_server *server) {
    return server->url;
}
long child_server_pid(const struct child_server *server) {
    return server->pid;
}

void child_server_stop(struct child_server *server) {
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    free(server);
}
