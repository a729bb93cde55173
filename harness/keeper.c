/* keeper.c - the harness's side. */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "keeper_guard.h"
#include "keeper_sweep.h"
#include "keeper_wire.h"

static const double lost_keeper_grace_s = 1;
enum { KEEPER_PATIENCE_MS = 20000 };

struct sm_keeper {
    pid_t pid;
    int requests_fd, exits_fd;
    /* Mapped here too, though only the others use it: so no memory of ours that they do not share
     * can come to lie at its address. */
    struct sm_owned_paths *owned;
};

static struct sm_owned_paths *share_owned(void) {
    void *memory = mmap(NULL, sizeof(struct sm_owned_paths), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

int sm_keeper_start(struct sm_keeper **ret_keeper, struct sm_error *err) {
    int requests[2] = {-1, -1}, exits[2] = {-1, -1};
    struct sm_keeper *keeper = calloc(1, sizeof *keeper);
    struct sm_owned_paths *owned = share_owned();
    int rc = -ENOMEM;
    if (!keeper || !owned || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, requests) ||
        pipe2(exits, O_CLOEXEC)) {
        rc = keeper && owned ? -errno : rc;
        goto fail;
    }
    pid_t harness = getpid(), pid = fork();
    if (pid < 0) {
        rc = -errno;
        goto fail;
    }
    if (pid == 0) {
        close(requests[0]);
        close(exits[0]);
        sm_keeper_guard(requests[1], exits[1], harness, owned);
    }
    close(requests[1]);
    close(exits[1]);
    setpgid(pid, pid);
    /* Should the guard be killed, the keeper and what it leaves come to us. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    *keeper = (struct sm_keeper){
        .pid = pid, .requests_fd = requests[0], .exits_fd = exits[0], .owned = owned};
    *ret_keeper = keeper;
    return 0;
fail:
    for (int i = 0; i < 2; i++) {
        if (requests[i] >= 0)
            close(requests[i]);
        if (exits[i] >= 0)
            close(exits[i]);
    }
    if (owned)
        munmap(owned, sizeof *owned);
    free(keeper);
    return sm_error_errno(err, rc, NULL, NULL, "the process that keeps the others cannot start");
}

/* Sends a request and receives its reply of a known size. */
static int ask(struct sm_keeper *keeper, enum sm_keeper_request request, const void *body,
               size_t body_bytes, void *reply, size_t reply_bytes) {
    const struct sm_keeper_header header = {request, (uint32_t)body_bytes};
    int rc = sm_wire_send(keeper->requests_fd, &header, sizeof header);
    if (rc == 0)
        rc = sm_wire_send(keeper->requests_fd, body, body_bytes);
    if (rc == 0)
        rc = sm_wire_receive(keeper->requests_fd, reply, reply_bytes);
    return rc;
}

int sm_keeper_spawn(struct sm_keeper *keeper, const struct sm_spawn *spawn, pid_t *ret_pid,
                    struct sm_error *err) {
    struct sm_launch_result *result = malloc(sizeof *result);
    void *body = NULL;
    size_t bytes = 0;
    int rc = result ? sm_wire_pack_spawn(spawn, &body, &bytes) : -ENOMEM;
    if (rc == 0)
        rc = ask(keeper, SM_KEEPER_SPAWN, body, bytes, result, sizeof *result);
    if (rc)
        rc = sm_error_errno(err, rc, spawn->argv ? spawn->argv[0] : NULL, NULL,
                            "the program cannot be handed to the process that starts it");
    else if (result->stage != SM_LAUNCH_DONE)
        rc = sm_launch_explain(result, spawn, err);
    else
        *ret_pid = result->pid;
    free(body);
    free(result);
    return rc;
}

int sm_keeper_signal(struct sm_keeper *keeper, pid_t pid, int signal_number, int to_group) {
    const struct sm_keeper_signal request = {pid, signal_number, to_group};
    int32_t code = 0;
    int rc = ask(keeper, SM_KEEPER_SIGNAL, &request, sizeof request, &code, sizeof code);
    return rc ? rc : code;
}

int sm_keeper_next_exit(struct sm_keeper *keeper, double timeout_s, struct sm_exit *ret_exit) {
    int64_t deadline_ns = sm_now_ns() + (int64_t)(timeout_s * 1e9);
    for (;;) {
        struct pollfd polled = {.fd = keeper->exits_fd, .events = POLLIN};
        int64_t left_ns = deadline_ns - sm_now_ns();
        int timeout_ms = left_ns > 0 ? (int)((left_ns + 999999) / 1000000) : 0;
        int ready = poll(&polled, 1, timeout_ms);
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready < 0)
            return 0; /* a signal: the caller looks at its flags */
        if (ready == 0)
            return 0;
        /* Writes of this size to a pipe are whole. */
        ssize_t got = read(keeper->exits_fd, ret_exit, sizeof *ret_exit);
        if (got == (ssize_t)sizeof *ret_exit)
            return 1;
        if (got == 0)
            return -EPIPE;
        if (errno != EINTR)
            return -errno;
    }
}

int sm_keeper_own_path(struct sm_keeper *keeper, const char *path) {
    char absolute[PATH_MAX], cwd[PATH_MAX];
    int32_t code = 0;
    int used;
    if (path[0] == '/')
        used = snprintf(absolute, sizeof absolute, "%s", path);
    else if (!getcwd(cwd, sizeof cwd))
        return -errno;
    else
        used = snprintf(absolute, sizeof absolute, "%s/%s", cwd, path);
    if (used < 0 || (size_t)used >= sizeof absolute)
        return -ENAMETOOLONG;
    int rc = ask(keeper, SM_KEEPER_OWN_PATH, absolute, (size_t)used, &code, sizeof code);
    return rc ? rc : code;
}

/* Programs are started in groups of their own; what the harness forked itself shares its group. */
static int is_not_in_our_group(pid_t pid) {
    struct sm_proc_stat stat;
    return sm_proc_stat(pid, &stat) == 0 && stat.group != getpgrp();
}

/* Without its guard the keeper is our child, and does its work all the same: it holds the other end
 * of this socket until it has. */
static void await_keeper(const struct sm_keeper *keeper) {
    struct pollfd polled = {.fd = keeper->requests_fd, .events = POLLIN};
    poll(&polled, 1, KEEPER_PATIENCE_MS);
}

void sm_keeper_stop(struct sm_keeper *keeper, double grace_s) {
    if (!keeper)
        return;
    const struct sm_keeper_header header = {SM_KEEPER_STOP, sizeof(struct sm_keeper_stop)};
    const struct sm_keeper_stop body = {grace_s};
    if (sm_wire_send(keeper->requests_fd, &header, sizeof header) == 0)
        sm_wire_send(keeper->requests_fd, &body, sizeof body);
    int status = 0;
    while (waitpid(keeper->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status)) {
        await_keeper(keeper);
        sm_sweep(lost_keeper_grace_s, NULL, is_not_in_our_group);
    }
    /* A guard that went before we did could not remove what we made since. */
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        sm_owned_remove(keeper->owned);
    close(keeper->requests_fd);
    close(keeper->exits_fd);
    munmap(keeper->owned, sizeof *keeper->owned);
    free(keeper);
}
