#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject_process.h"
#include "interrupt.h"

struct sm_injector {
    pid_t pid;
    int channel_fd;
    pid_t target;
    struct sm_inject_options options;
};

/* What the injector's process sends: outcomes, then one with pid 0; in the end one of these. */
struct farewell {
    int32_t code; /* 0, or a negative errno and */
    pid_t pid;    /* in which process */
    char text[256];
};

/* ---- the injector's process ---- */

static void become_quiet(void) {
    sigset_t children;
    sm_interrupt_ignore();
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    prctl(PR_SET_NAME, "spillmark-in");
}

/* Until the other end is closed, by whom or how ever. */
static void wait_for_close(int fd) {
    char byte;
    while (read(fd, &byte, 1) < 0 && errno == EINTR)
        ;
}

/* Another user's process may not look into ours: one that is its user's holds the pool for it, as
 * soon as this returns. */
static pid_t start_holder(uid_t user, gid_t group) {
    int is_ready[2];
    if (pipe2(is_ready, O_CLOEXEC))
        return getpid();
    pid_t injector = getpid(), pid = fork();
    if (pid != 0) {
        close(is_ready[1]);
        wait_for_close(is_ready[0]);
        close(is_ready[0]);
        return pid;
    }
    if (setgroups(0, NULL) || setgid(group) || setuid(user) || prctl(PR_SET_DUMPABLE, 1))
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != injector)
        _exit(1);
    close(is_ready[1]);
    for (;;)
        pause();
}

static pid_t pool_holder(pid_t pid) {
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    if (stat(path, &st) || st.st_uid == geteuid() || geteuid() != 0)
        return getpid();
    return start_holder(st.st_uid, st.st_gid);
}

static const char *base_text(uint32_t base_from) {
    static const char *const texts[] = {
#define X(id, text) text,
        SPILLMARK_BASE_TABLE(X)
#undef X
    };
    return texts[base_from < sizeof texts / sizeof *texts ? base_from : 0];
}

static void bring(pid_t pid, const struct sm_inject_options *options,
                  struct sm_inject_outcome *outcome) {
    struct spillmark_injection request = {.keeper_pid = (uint32_t)getpid()};
    struct sm_error err = {0};
    *outcome = (struct sm_inject_outcome){.pid = pid};
    int rc = sm_inject_check(pid, &err);
    if (rc == 0) {
        snprintf(request.pool_path, sizeof request.pool_path, "/proc/%d/fd/%d",
                 (int)pool_holder(pid), options->pool_fd);
        rc = sm_inject_bring(pid, options->patience_s, &request, &err);
    }
    outcome->is_in = rc == 0;
    outcome->base_bytes = request.base_bytes;
    outcome->patched = request.patched;
    if (rc == 0)
        snprintf(outcome->text, sizeof outcome->text, "%s", base_text(request.base_from));
    else
        sm_error_format(&err, outcome->text, sizeof outcome->text);
}

static int bring_all(const struct sm_injector *injector, int children) {
    struct sm_pid_list pids = {0};
    struct sm_inject_outcome outcome;
    int any = 0;
    sm_pid_list_add(&pids, injector->target);
    if (children)
        sm_proc_descendants(injector->target, NULL, &pids);
    for (size_t i = 0; i < pids.count; i++) {
        if (pids.pids[i] == getpid())
            continue;
        bring(pids.pids[i], &injector->options, &outcome);
        any |= outcome.is_in;
        send(injector->channel_fd, &outcome, sizeof outcome, MSG_NOSIGNAL);
    }
    outcome = (struct sm_inject_outcome){0};
    send(injector->channel_fd, &outcome, sizeof outcome, MSG_NOSIGNAL);
    sm_pid_list_free(&pids);
    return any;
}

static void withdraw_all(const struct sm_injector *injector, struct farewell *farewell) {
    struct sm_pid_list pids = {0};
    injector->options.writers(injector->options.context, &pids);
    if (!sm_pid_list_has(&pids, injector->target))
        sm_pid_list_add(&pids, injector->target);
    for (size_t i = 0; i < pids.count; i++) {
        struct sm_error err = {0};
        int rc = sm_inject_withdraw(pids.pids[i], &err);
        if (rc && farewell->code == 0) {
            *farewell = (struct farewell){.code = rc, .pid = pids.pids[i]};
            sm_error_format(&err, farewell->text, sizeof farewell->text);
        }
    }
    sm_pid_list_free(&pids);
}

/* Until the harness says that it is enough, or is no more. */
static void await_end(int channel_fd) {
    char byte;
    ssize_t got;
    do
        got = recv(channel_fd, &byte, sizeof byte, 0);
    while (got < 0 && errno == EINTR);
}

static _Noreturn void serve(const struct sm_injector *injector, int children) {
    struct farewell farewell = {0};
    become_quiet();
    if (bring_all(injector, children)) {
        await_end(injector->channel_fd);
        withdraw_all(injector, &farewell);
        send(injector->channel_fd, &farewell, sizeof farewell, MSG_NOSIGNAL);
    }
    _exit(0);
}

/* ---- the harness's side ---- */

static int start_process(struct sm_injector *injector, int children) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -errno;
    injector->pid = fork();
    if (injector->pid == 0) {
        close(pair[0]);
        injector->channel_fd = pair[1];
        serve(injector, children);
    }
    int rc = injector->pid < 0 ? -errno : 0;
    close(pair[1]);
    injector->channel_fd = pair[0];
    return rc;
}

static ssize_t receive(const struct sm_injector *injector, void *buffer, size_t bytes) {
    ssize_t got;
    do
        got = recv(injector->channel_fd, buffer, bytes, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

static void injector_free(struct sm_injector *injector) {
    if (injector->channel_fd >= 0)
        close(injector->channel_fd);
    while (injector->pid > 0 && waitpid(injector->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    free(injector);
}

int sm_inject_start(pid_t pid, int children, const struct sm_inject_options *options,
                    struct sm_inject_outcome *outcomes, size_t capacity, size_t *ret_count,
                    struct sm_injector **ret_injector, struct sm_error *err) {
    struct sm_injector *injector = calloc(1, sizeof *injector);
    struct sm_inject_outcome outcome;
    int any = 0;
    *ret_count = 0;
    *ret_injector = NULL;
    if (!injector)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    *injector = (struct sm_injector){.channel_fd = -1, .target = pid, .options = *options};
    int rc = start_process(injector, children);
    while (rc == 0 && receive(injector, &outcome, sizeof outcome) == (ssize_t)sizeof outcome &&
           outcome.pid) {
        any |= outcome.is_in;
        if (*ret_count < capacity)
            outcomes[(*ret_count)++] = outcome;
    }
    if (any) {
        *ret_injector = injector;
        return 0;
    }
    injector_free(injector);
    return rc ? sm_error_errno(err, rc, NULL, NULL, "no process for it can be started")
              : sm_error_set(err, -EPERM, NULL, NULL, "the probe is in none of the processes");
}

int sm_inject_stop(struct sm_injector *injector, struct sm_error *err) {
    struct farewell farewell = {.code = -EPIPE, .text = "the process that was to do it was killed"};
    if (!injector)
        return 0;
    send(injector->channel_fd, "", 1, MSG_NOSIGNAL);
    if (receive(injector, &farewell, sizeof farewell) == (ssize_t)sizeof farewell)
        farewell.text[sizeof farewell.text - 1] = '\0';
    injector_free(injector);
    if (farewell.code == 0)
        return 0;
    return sm_error_set(err, farewell.code, NULL, NULL, "process %d: %s", (int)farewell.pid,
                        farewell.text);
}
