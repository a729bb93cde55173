/* Delivered units: one number that a command prints, such as a count of rows in files:
 *     command { "${bin}/avro-rows", "${data}" }
 *
 * It runs beside the target twice a second and once more after its end, so it should be quick. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "sources.h"

enum { TIMEOUT_MS = 10000, OUTPUT_BYTES = 256 };

extern char **environ;

static const struct sm_key keys[] = {
    {.name = "command",
     .type = SM_KEY_TEXTS,
     .required = true,
     .help = "the program and its arguments; it prints one number"},
    {.name = NULL}};

/* Standard input is empty, what it complains of goes nowhere: its exit status tells. The caller's
 * thread has all signals blocked, which a program is not to inherit. */
static int spawn(const char *const *command, int output_fd, pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int rc = posix_spawnp(ret_pid, command[0], &actions, &attributes,
                          (char *const *)(uintptr_t)command, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

/* Reads to the end of the output, of which the beginning is kept. */
static int read_output(int fd, char *output) {
    int64_t deadline_ns = sm_now_ns() + (int64_t)TIMEOUT_MS * 1000000;
    size_t used = 0;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ms = (deadline_ns - sm_now_ns()) / 1000000;
        int rc = left_ms > 0 ? poll(&ready, 1, (int)left_ms) : 0;
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc <= 0)
            return rc < 0 ? -errno : -ETIMEDOUT;
        char rest[OUTPUT_BYTES];
        bool has_room = used < OUTPUT_BYTES - 1;
        ssize_t got = read(fd, has_room ? output + used : rest,
                           has_room ? OUTPUT_BYTES - 1 - used : sizeof rest);
        if (got <= 0)
            return got < 0 ? -errno : 0;
        if (has_room)
            used += (size_t)got;
        output[used] = '\0';
    }
}

/* Its exit status, after its end; one that does not end is killed. */
static int reap(pid_t pid, int rc) {
    int status = 0;
    if (rc)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

static int parse(const struct sm_block *config, const char *output, double *ret_count,
                 struct sm_error *err) {
    char *end;
    double value = strtod(output, &end);
    if (end == output || end[strspn(end, " \r\n")] != '\0' || !(value >= 0 && value < 1e15))
        return sm_error_set(err, -EINVAL, config->where, NULL,
                            "the command prints \"%.40s\", no number", output);
    *ret_count = value;
    return 0;
}

static int read_count(const struct sm_block *config, double *ret_count, struct sm_error *err) {
    size_t count = 0;
    const char *const *command = sm_block_texts(config, "command", &count);
    char output[OUTPUT_BYTES] = "";
    int pipe_fds[2];
    pid_t pid = -1;
    if (pipe2(pipe_fds, O_CLOEXEC))
        return sm_error_errno(err, -errno, config->where, NULL, "%s", command[0]);
    int rc = spawn(command, pipe_fds[1], &pid);
    close(pipe_fds[1]);
    if (rc == 0) {
        rc = read_output(pipe_fds[0], output);
        int status = reap(pid, rc);
        if (rc == 0 && status)
            rc = sm_error_set(err, -EIO, config->where, NULL, "%s fails (status %d)", command[0],
                              WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        else if (rc == 0)
            rc = parse(config, output, ret_count, err);
        else
            sm_error_errno(err, rc, config->where, NULL, "%s", command[0]);
    } else {
        sm_error_errno(err, rc, config->where, NULL, "%s", command[0]);
    }
    close(pipe_fds[0]);
    return rc;
}

const struct sm_delivered_ops sm_command_delivered = {
    .name = "command",
    .help = "a command that prints a number",
    .keys = keys,
    .read = read_count,
};
