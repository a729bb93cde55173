#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch_supervisor.h"
#include "limit_cgroup.h"
#include "preflight.h"

/* In the child: tells the parent why there is no program, and goes. */
static _Noreturn void fail(int status_fd, struct sm_launch_result *result,
                           enum sm_launch_stage stage, int code) {
    result->stage = stage;
    result->code = code;
    /* Not write(): under a supervisor that one may be trapped. */
    send(status_fd, result, sizeof *result, MSG_NOSIGNAL);
    _exit(127);
}

static void reset_signals(void) {
    sigset_t none;
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int open_stdio(const struct sm_spawn *spawn) {
    int fd;
    if (!spawn->inherit_stdio) {
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
            return -errno;
    }
    if (!spawn->output_path)
        return 0;
    fd = open(spawn->output_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        return -errno;
    return 0;
}

static int set_environment(const struct sm_spawn *spawn) {
    for (size_t i = 0; spawn->env && spawn->env[i]; i++)
        if (putenv((char *)(uintptr_t)spawn->env[i]))
            return -errno;
    return 0;
}

static int limit_memory(const struct sm_spawn *spawn) {
    const struct rlimit addresses = {spawn->address_space_bytes, spawn->address_space_bytes};
    const struct rlimit data = {spawn->data_bytes, spawn->data_bytes};
    if ((addresses.rlim_cur && setrlimit(RLIMIT_AS, &addresses)) ||
        (data.rlim_cur && setrlimit(RLIMIT_DATA, &data)))
        return -errno;
    return 0;
}

static int become_user(const struct sm_spawn *spawn) {
    if (spawn->user_id == 0)
        return 0;
    if (setgroups(0, NULL) || setgid(spawn->group_id) || setuid(spawn->user_id))
        return -errno;
    /* The kernel forgets it with the change. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return 0;
}

static void join_own_group(int terminal_fd, pid_t keeper) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper)
        _exit(127);
    setpgid(0, 0);
    if (terminal_fd >= 0)
        tcsetpgrp(terminal_fd, getpid()); /* while SIGTTOU is still ignored */
    reset_signals();
}

static _Noreturn void become_program(const struct sm_spawn *spawn, int terminal_fd, pid_t keeper,
                                     int status_fd, struct sm_launch_supervisor *supervisor) {
    static struct sm_launch_result result; /* large, and the stack is not ours to judge */
    int rc;
    join_own_group(terminal_fd, keeper);
    result.pid = getpid();
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    if ((rc = open_stdio(spawn)))
        fail(status_fd, &result, SM_LAUNCH_OUTPUT, rc);
    if (spawn->cwd && chdir(spawn->cwd))
        fail(status_fd, &result, SM_LAUNCH_CWD, -errno);
    if ((rc = set_environment(spawn)))
        fail(status_fd, &result, SM_LAUNCH_FORK, rc);
    rc = sm_preflight_find(spawn->argv[0], getenv("PATH"), result.program);
    if (rc)
        fail(status_fd, &result, rc == -ENOENT ? SM_LAUNCH_LOOKUP : SM_LAUNCH_EXEC, rc);
    if (sm_preflight_interpreter(result.program, result.interpreter))
        result.interpreter[0] = '\0';
    if ((spawn->cgroup && (rc = sm_cgroup_enter(spawn->cgroup))) ||
        (spawn->disk_cgroup && (rc = sm_cgroup_enter(spawn->disk_cgroup))))
        fail(status_fd, &result, SM_LAUNCH_LIMIT, rc);
    if (supervisor && (rc = sm_launch_supervisor_enter(supervisor)))
        fail(status_fd, &result, SM_LAUNCH_SUPERVISOR, rc);
    if ((rc = limit_memory(spawn)))
        fail(status_fd, &result, SM_LAUNCH_LIMIT, rc);
    if ((rc = become_user(spawn)))
        fail(status_fd, &result, SM_LAUNCH_USER, rc);
    if (getppid() != keeper)
        _exit(127);
    execv(result.program, (char *const *)(uintptr_t)spawn->argv);
    fail(status_fd, &result, SM_LAUNCH_EXEC, -errno);
}

/* Waits until exec has closed the child's end, or the child has said why not. */
static void await_exec(pid_t pid, int status_fd, struct sm_launch_result *result) {
    ssize_t received;
    do
        received = recv(status_fd, result, sizeof *result, 0);
    while (received < 0 && errno == EINTR);
    if (received == 0) {
        result->stage = SM_LAUNCH_DONE;
    } else {
        if (received != (ssize_t)sizeof *result)
            *result = (struct sm_launch_result){.stage = SM_LAUNCH_FORK, .code = -EPROTO};
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
}

void sm_launch(const struct sm_spawn *spawn, int terminal_fd, struct sm_launch_result *ret_result) {
    struct sm_launch_supervisor supervisor = {.channel_fd = -1};
    int status[2];
    memset(ret_result, 0, sizeof *ret_result);
    ret_result->stage = SM_LAUNCH_FORK;
    if (spawn->supervisor) {
        int rc = sm_launch_supervisor_start(spawn->supervisor, &supervisor);
        if (rc) {
            ret_result->stage = SM_LAUNCH_SUPERVISOR;
            ret_result->code = rc;
            return;
        }
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status)) {
        ret_result->code = -errno;
        goto out;
    }
    pid_t keeper = getpid(), pid = fork();
    if (pid == 0)
        become_program(spawn, terminal_fd, keeper, status[1],
                       spawn->supervisor ? &supervisor : NULL);
    ret_result->code = pid < 0 ? -errno : 0;
    close(status[1]);
    if (pid > 0) {
        setpgid(pid, pid); /* whoever comes first */
        await_exec(pid, status[0], ret_result);
        ret_result->pid = pid;
    }
    close(status[0]);
out:
    sm_launch_supervisor_settle(&supervisor, ret_result->stage == SM_LAUNCH_DONE);
    ret_result->supervisor_pid = supervisor.pid;
}
