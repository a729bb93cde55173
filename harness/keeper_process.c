#include "keeper_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"
#include "keeper_sweep.h"
#include "keeper_terminal.h"
#include "keeper_wire.h"

static const double lost_harness_grace_s = 1;
enum { SUSPENDED_POLL_MS = 100 };

struct program {
    pid_t pid;
    int interactive;
    int ended; /* reaped, its exit not yet told */
    int status;
};

struct keeper {
    int requests_fd, exits_fd, signals_fd, harness_fd;
    struct program *programs;
    size_t program_count, program_capacity;
    struct sm_pid_list supervisors;
    struct sm_owned_paths *owned;
    struct sm_keeper_terminal terminal;
    int done;
    double grace_s;
};

static struct program *find_program(struct keeper *keeper, pid_t pid) {
    for (size_t i = 0; i < keeper->program_count; i++)
        if (keeper->programs[i].pid == pid && !keeper->programs[i].ended)
            return &keeper->programs[i];
    return NULL;
}

static int reserve_program(struct keeper *keeper) {
    if (keeper->program_count < keeper->program_capacity)
        return 0;
    size_t capacity = keeper->program_capacity ? keeper->program_capacity * 2 : 16;
    struct program *programs = realloc(keeper->programs, capacity * sizeof *programs);
    if (!programs)
        return -ENOMEM;
    keeper->programs = programs;
    keeper->program_capacity = capacity;
    return 0;
}

static void reap(struct keeper *keeper) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        struct program *program = find_program(keeper, pid);
        if (!program)
            continue; /* somebody's orphan, or a supervisor */
        if (WIFSTOPPED(status)) {
            if (program->interactive)
                sm_keeper_terminal_suspend(&keeper->terminal, pid);
            continue;
        }
        sm_keeper_terminal_return(&keeper->terminal, pid);
        program->ended = 1;
        program->status = status;
    }
}

/* The pipe holds thousands; what finds no room waits in the table for the next turn. */
static int tell_exits(struct keeper *keeper) {
    size_t kept = 0;
    int full = 0;
    for (size_t i = 0; i < keeper->program_count; i++) {
        struct program *program = &keeper->programs[i];
        const struct sm_exit ended = {.pid = program->pid, .status = program->status};
        if (program->ended && !full && write(keeper->exits_fd, &ended, sizeof ended) > 0)
            continue;
        full |= program->ended;
        keeper->programs[kept++] = *program;
    }
    keeper->program_count = kept;
    return full;
}

static void spawn_failed(int code, struct sm_launch_result *result) {
    *result = (struct sm_launch_result){.stage = SM_LAUNCH_FORK, .code = code};
}

static int on_spawn(struct keeper *keeper, const void *body, size_t bytes) {
    static struct sm_launch_result result;
    struct sm_spawn spawn;
    const char **pointers = NULL;
    int rc = sm_wire_unpack_spawn(body, bytes, &spawn, &pointers);
    if (rc == 0)
        rc = reserve_program(keeper);
    if (rc) {
        spawn_failed(rc, &result);
    } else {
        int terminal_fd = spawn.inherit_stdio ? sm_keeper_terminal_lend(&keeper->terminal) : -1;
        sm_launch(&spawn, terminal_fd, &result);
        if (result.stage == SM_LAUNCH_DONE) {
            keeper->programs[keeper->program_count++] =
                (struct program){.pid = result.pid, .interactive = terminal_fd >= 0};
            if (result.supervisor_pid)
                sm_pid_list_add(&keeper->supervisors, result.supervisor_pid);
        }
        if (terminal_fd >= 0) {
            sm_keeper_terminal_lent_to(&keeper->terminal, result.pid);
            if (result.stage != SM_LAUNCH_DONE)
                sm_keeper_terminal_return(&keeper->terminal, result.pid);
        }
    }
    free(pointers);
    return sm_wire_send(keeper->requests_fd, &result, sizeof result);
}

static int on_signal(struct keeper *keeper, const void *body, size_t bytes) {
    struct sm_keeper_signal request;
    int32_t code = -EBADMSG;
    if (bytes == sizeof request) {
        memcpy(&request, body, sizeof request);
        code = 0;
        /* Only what is still ours: the number of a reaped process may be somebody else's. */
        if (!find_program(keeper, request.pid))
            code = -ESRCH;
        else if (kill(request.to_group ? -request.pid : request.pid, request.signal))
            code = -errno;
    }
    return sm_wire_send(keeper->requests_fd, &code, sizeof code);
}

static int on_own_path(struct keeper *keeper, const void *body, size_t bytes) {
    int32_t code = bytes ? sm_owned_add(keeper->owned, body, bytes) : -EINVAL;
    return sm_wire_send(keeper->requests_fd, &code, sizeof code);
}

static int on_stop(struct keeper *keeper, const void *body, size_t bytes) {
    struct sm_keeper_stop request;
    if (bytes != sizeof request)
        return -EBADMSG;
    memcpy(&request, body, sizeof request);
    keeper->grace_s = request.grace_s;
    keeper->done = 1;
    return 0;
}

static int on_request(struct keeper *keeper) {
    struct sm_keeper_header header;
    int rc = sm_wire_receive(keeper->requests_fd, &header, sizeof header);
    if (rc)
        return rc;
    if (header.body_bytes > SM_KEEPER_BODY_MAX)
        return -EBADMSG;
    void *body = malloc((size_t)header.body_bytes + 1);
    if (!body)
        return -ENOMEM;
    rc = sm_wire_receive(keeper->requests_fd, body, header.body_bytes);
    if (rc == 0) {
        switch (header.request) {
        case SM_KEEPER_SPAWN:
            rc = on_spawn(keeper, body, header.body_bytes);
            break;
        case SM_KEEPER_SIGNAL:
            rc = on_signal(keeper, body, header.body_bytes);
            break;
        case SM_KEEPER_OWN_PATH:
            rc = on_own_path(keeper, body, header.body_bytes);
            break;
        case SM_KEEPER_STOP:
            rc = on_stop(keeper, body, header.body_bytes);
            break;
        default:
            rc = -EBADMSG;
        }
    }
    free(body);
    return rc;
}

static void drain_signals(int signals_fd) {
    struct signalfd_siginfo info;
    while (read(signals_fd, &info, sizeof info) > 0)
        ;
}

/* Until the harness says stop, or is gone. */
static void serve(struct keeper *keeper) {
    while (!keeper->done) {
        int waiting = tell_exits(keeper);
        struct pollfd polled[] = {{.fd = keeper->signals_fd, .events = POLLIN},
                                  {.fd = keeper->requests_fd, .events = POLLIN},
                                  {.fd = keeper->harness_fd, .events = POLLIN},
                                  {.fd = waiting ? keeper->exits_fd : -1, .events = POLLOUT}};
        int timeout_ms = keeper->terminal.suspended ? SUSPENDED_POLL_MS : -1;
        if (poll(polled, sizeof polled / sizeof *polled, timeout_ms) < 0)
            continue;
        sm_keeper_terminal_poll(&keeper->terminal);
        if (polled[0].revents) {
            drain_signals(keeper->signals_fd);
            reap(keeper);
        }
        if (polled[1].revents && on_request(keeper))
            keeper->done = 1;
        if (polled[2].revents && !polled[1].revents)
            keeper->done = 1;
    }
}

static int open_signals(void) {
    sigset_t children;
    sm_interrupt_ignore();
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_SETMASK, &children, NULL);
    return signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Leaves the descriptors of the harness: an inherited end of one of its sockets or files would
 * keep that alive after it. */
static void close_others(const int *kept, size_t kept_count) {
    unsigned from = 3;
    for (unsigned fd = 3; fd < 1u << 16; fd++) {
        int keep = 0;
        for (size_t i = 0; i < kept_count; i++)
            keep |= kept[i] == (int)fd;
        if (!keep)
            continue;
        if (fd > from)
            close_range(from, fd - 1, 0);
        from = fd + 1;
    }
    close_range(from, ~0u, 0);
}

_Noreturn void sm_keeper_process(int requests_fd, int exits_fd, pid_t harness,
                                 struct sm_owned_paths *owned) {
    struct keeper keeper = {.requests_fd = requests_fd,
                            .exits_fd = exits_fd,
                            .owned = owned,
                            .grace_s = lost_harness_grace_s};
    const int kept[] = {requests_fd, exits_fd};
    close_others(kept, sizeof kept / sizeof *kept);
    keeper.signals_fd = open_signals();
    keeper.harness_fd = (int)syscall(SYS_pidfd_open, harness, 0);
    sm_keeper_terminal_open(&keeper.terminal, harness);
    /* A group of its own, so that Ctrl-C passes it by, in the same session, so that programs may
     * have the terminal. */
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "spillmark-kp");
    fcntl(exits_fd, F_SETFL, O_NONBLOCK);
    serve(&keeper);
    sm_owned_lift(owned);
    sm_sweep(keeper.grace_s, &keeper.supervisors, NULL);
    if (keeper.terminal.borrower)
        sm_keeper_terminal_return(&keeper.terminal, keeper.terminal.borrower);
    sm_owned_remove(keeper.owned);
    _exit(0);
}
