#include "remote.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "clock.h"

static const double stop_patience_s = 0.5;
enum {
    SYSCALL_STOP = SIGTRAP | 0x80, /* PTRACE_O_TRACESYSGOOD */
    EVENT_STOP = PTRACE_EVENT_STOP,
    RT_SIGRETURN = 15,
    RESTART_SYSCALL = 219,
    RED_ZONE_BYTES = 128,
    CODE_64 = 0x33, /* cs of 64-bit code */
};

/* ---- what is called ---- */

/* The bytes of the restorer that the C library gives with every signal handler. */
static uint64_t find_restorer(const struct sm_remote *remote) {
    static const uint8_t pattern[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    enum { CODE_MAX = 16 << 20 };
    uint64_t low = remote->libc->code_low, found = 0;
    size_t bytes = remote->libc->code_high - low;
    uint8_t *code = low && bytes < CODE_MAX ? malloc(bytes) : NULL;
    if (code && sm_remote_read(remote->memory_fd, low, code, bytes) == 0) {
        const uint8_t *at = memmem(code, bytes, pattern, sizeof pattern);
        found = at ? low + (uint64_t)(at - code) : 0;
    }
    free(code);
    return found;
}

int sm_remote_open(pid_t pid, struct sm_remote *ret_remote, struct sm_error *err) {
    struct sm_remote *remote = ret_remote;
    char path[64];
    *remote = (struct sm_remote){.pid = pid, .memory_fd = -1};
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int rc = sm_remote_maps_read(pid, &remote->maps);
    if (rc == 0) {
        remote->memory_fd = open(path, O_RDWR | O_CLOEXEC);
        rc = remote->memory_fd < 0 ? -errno : 0;
    }
    if (rc)
        return sm_error_errno(err, rc, NULL,
                              rc == -EACCES ? "attach as its user, or as root" : NULL,
                              "its memory cannot be reached");
    remote->libc = sm_remote_module_named(&remote->maps, "libc.so.6");
    if (!remote->libc || remote->maps.room == 0)
        return sm_error_set(err, -ENOEXEC, NULL, NULL, "it has no C library of glibc loaded");
    remote->restorer = find_restorer(remote);
    if (!remote->restorer)
        return sm_error_set(err, -ENOEXEC, NULL, NULL, "its C library is of an unknown kind");
    return 0;
}

void sm_remote_close(struct sm_remote *remote) {
    sm_remote_maps_free(&remote->maps);
    if (remote->memory_fd >= 0)
        close(remote->memory_fd);
    remote->memory_fd = -1;
}

/* ---- stopping ---- */

/* 0 and the status of the next stop; -ETIMEDOUT; -ESRCH when the thread has gone. */
static int await(pid_t tid, int64_t deadline_ns, int *ret_status) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    for (;;) {
        pid_t got = waitpid(tid, ret_status, __WALL | WNOHANG);
        if (got == tid)
            return WIFSTOPPED(*ret_status) ? 0 : -ESRCH;
        if (got < 0 && errno != EINTR)
            return -ESRCH;
        int64_t left_ns = deadline_ns - sm_now_ns();
        if (left_ns <= 0)
            return -ETIMEDOUT;
        if (left_ns > 50000000)
            left_ns = 50000000;
        const struct timespec left = {.tv_nsec = left_ns};
        sigtimedwait(&children, NULL, &left);
    }
}

static int64_t deadline(double seconds) {
    return sm_now_ns() + (int64_t)(seconds * 1e9);
}

static int is_event_stop(int status) {
    return status >> 16 == EVENT_STOP;
}

/* Runs until the stop that PTRACE_INTERRUPT asked for; signals that come first are delivered. */
static int await_interrupt(pid_t tid) {
    int status, rc;
    int64_t deadline_ns = deadline(stop_patience_s);
    while ((rc = await(tid, deadline_ns, &status)) == 0 && !is_event_stop(status)) {
        int delivered = WSTOPSIG(status) == SYSCALL_STOP ? 0 : WSTOPSIG(status);
        if (ptrace(PTRACE_CONT, tid, NULL, (long)delivered))
            return -errno;
    }
    /* A stop of the whole group, by SIGSTOP, looks alike but for its signal. */
    return rc == 0 && WSTOPSIG(status) != SIGTRAP ? -EAGAIN : rc;
}

static int get_set(pid_t tid, uintptr_t kind, void *buffer, size_t *bytes) {
    struct iovec set = {buffer, *bytes};
    if (ptrace(PTRACE_GETREGSET, tid, (void *)kind, &set))
        return -errno;
    *bytes = set.iov_len;
    return 0;
}

static int put_set(pid_t tid, uintptr_t kind, const void *buffer, size_t bytes) {
    struct iovec set = {(void *)(uintptr_t)buffer, bytes};
    return ptrace(PTRACE_SETREGSET, tid, (void *)kind, &set) ? -errno : 0;
}

static int put_registers(pid_t tid, const struct user_regs_struct *regs) {
    return put_set(tid, NT_PRSTATUS, regs, sizeof *regs);
}

static int read_state(struct sm_remote *remote, pid_t tid) {
    size_t bytes = sizeof remote->regs;
    remote->xstate_bytes = sizeof remote->xstate;
    int rc = get_set(tid, NT_PRSTATUS, &remote->regs, &bytes);
    if (rc == 0)
        rc = get_set(tid, NT_X86_XSTATE, remote->xstate, &remote->xstate_bytes);
    if (rc == 0 && ptrace(PTRACE_GETSIGMASK, tid, (void *)sizeof remote->blocked, &remote->blocked))
        rc = -errno;
    if (rc)
        return rc;
    /* No control block: made by a raw clone, and the C library's functions are not for it. */
    if (bytes != sizeof remote->regs || remote->regs.cs != CODE_64 || remote->regs.fs_base == 0)
        return -EAGAIN;
    return 0;
}

int sm_remote_stop(struct sm_remote *remote, pid_t tid) {
    if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)PTRACE_O_TRACESYSGOOD))
        return -errno;
    int rc = ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ? -errno : await_interrupt(tid);
    if (rc == 0)
        rc = read_state(remote, tid);
    if (rc == 0) {
        remote->tid = tid;
        remote->is_called = 0;
        return 0;
    }
    /* One that does not stop cannot be let go either, until we are gone. */
    if (ptrace(PTRACE_DETACH, tid, NULL, NULL) && rc == -ETIMEDOUT)
        return -EBUSY;
    return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

/* ---- calling ---- */

/* An interrupted system call as it is to be entered again from the program's side. */
static struct user_regs_struct resumed(const struct user_regs_struct *met) {
    enum { RESTARTSYS = 512, RESTARTNOINTR = 513, RESTARTNOHAND = 514, RESTART_BLOCK = 516 };
    struct user_regs_struct regs = *met;
    long result = (long)regs.rax;
    if ((long)regs.orig_rax >= 0 && (result == -RESTARTSYS || result == -RESTARTNOINTR ||
                                     result == -RESTARTNOHAND || result == -RESTART_BLOCK)) {
        regs.rax = result == -RESTART_BLOCK ? (unsigned long long)RESTART_SYSCALL : regs.orig_rax;
        regs.rip -= 2;
    }
    regs.orig_rax = (unsigned long long)-1;
    return regs;
}

/* As the kernel lays it out: <asm/ucontext.h>; glibc's begins alike. The mask is eight bytes. */
enum { CONTEXT_BYTES = offsetof(ucontext_t, uc_sigmask) + 8, SOFTWARE_AT = 464 };

/* What the kernel keeps in an image of the extended registers for itself; <asm/sigcontext.h>. */
struct software_bytes {
    uint32_t magic1, extended_bytes;
    uint64_t features;
    uint32_t xstate_bytes, padding[7];
};
static const uint32_t magic1 = 0x46505853, magic2 = 0x46505845;

static void fill_context(const struct sm_remote *remote, uint64_t xstate_at, uint8_t *to) {
    const struct user_regs_struct regs = resumed(&remote->regs);
    ucontext_t context;
    memset(&context, 0, sizeof context);
    const struct {
        int index;
        unsigned long long value;
    } words[] = {{REG_R8, regs.r8},
                 {REG_R9, regs.r9},
                 {REG_R10, regs.r10},
                 {REG_R11, regs.r11},
                 {REG_R12, regs.r12},
                 {REG_R13, regs.r13},
                 {REG_R14, regs.r14},
                 {REG_R15, regs.r15},
                 {REG_RDI, regs.rdi},
                 {REG_RSI, regs.rsi},
                 {REG_RBP, regs.rbp},
                 {REG_RBX, regs.rbx},
                 {REG_RDX, regs.rdx},
                 {REG_RAX, regs.rax},
                 {REG_RCX, regs.rcx},
                 {REG_RSP, regs.rsp},
                 {REG_RIP, regs.rip},
                 {REG_EFL, regs.eflags},
                 {REG_CSGSFS, regs.cs | regs.ss << 48}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        context.uc_mcontext.gregs[words[i].index] = (greg_t)words[i].value;
    context.uc_flags = 7; /* UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */
    context.uc_mcontext.fpregs = (fpregset_t)xstate_at;
    memcpy(&context.uc_sigmask, &remote->blocked, sizeof remote->blocked);
    memcpy(to, &context, CONTEXT_BYTES);
}

static void fill_xstate(const struct sm_remote *remote, uint8_t *to) {
    uint64_t features;
    memcpy(to, remote->xstate, remote->xstate_bytes);
    memcpy(&features, remote->xstate + SOFTWARE_AT, sizeof features); /* as ptrace tells them */
    const struct software_bytes software = {.magic1 = magic1,
                                            .extended_bytes =
                                                (uint32_t)(remote->xstate_bytes + sizeof magic2),
                                            .features = features,
                                            .xstate_bytes = (uint32_t)remote->xstate_bytes};
    memcpy(to + SOFTWARE_AT, &software, sizeof software);
    memcpy(to + remote->xstate_bytes, &magic2, sizeof magic2);
}

/* From *ret_sp on: return address, context, extended registers. */
static int lay_frame(const struct sm_remote *remote, uint64_t stack, uint64_t *ret_sp) {
    static uint8_t frame[8 + CONTEXT_BYTES + 64 + SM_REMOTE_XSTATE_BYTES + 8];
    uint64_t end = stack ? stack : remote->regs.rsp - RED_ZONE_BYTES;
    uint64_t xstate_at = (end - remote->xstate_bytes - sizeof magic2) / 64 * 64;
    uint64_t sp = (xstate_at - 8 - CONTEXT_BYTES) / 16 * 16 - 8; /* as after a call */
    size_t bytes = xstate_at + remote->xstate_bytes + sizeof magic2 - sp;
    memset(frame, 0, sizeof frame);
    memcpy(frame, &remote->restorer, sizeof remote->restorer);
    fill_context(remote, xstate_at, frame + 8);
    fill_xstate(remote, frame + (xstate_at - sp));
    int rc = sm_remote_write(remote->memory_fd, sp, frame, bytes);
    *ret_sp = sp;
    return rc;
}

static int is_at_door(const struct sm_remote *remote, const struct user_regs_struct *regs) {
    enum { ENTRY_RESULT = -38 }; /* -ENOSYS, until it has been carried out */
    return regs->orig_rax == RT_SIGRETURN && (long)regs->rax == ENTRY_RESULT &&
           regs->rip == remote->restorer + 9;
}

/* Until the thread has come back to the restorer. Nothing but SIGKILL, SIGSTOP and a fault of its
 * own can come in between. */
static int run_to_door(const struct sm_remote *remote, double timeout_s) {
    int64_t deadline_ns = deadline(timeout_s);
    for (;;) {
        struct user_regs_struct regs;
        size_t bytes = sizeof regs;
        int status, rc;
        if (ptrace(PTRACE_SYSCALL, remote->tid, NULL, NULL))
            return -ESRCH;
        if ((rc = await(remote->tid, deadline_ns, &status)))
            return rc;
        if (WSTOPSIG(status) == SIGSEGV || WSTOPSIG(status) == SIGBUS ||
            WSTOPSIG(status) == SIGILL || WSTOPSIG(status) == SIGFPE)
            return -EFAULT;
        if (WSTOPSIG(status) != SYSCALL_STOP)
            continue;
        if ((rc = get_set(remote->tid, NT_PRSTATUS, &regs, &bytes)))
            return rc;
        if (is_at_door(remote, &regs))
            return 0;
    }
}

int sm_remote_call(struct sm_remote *remote, uint64_t function, const uint64_t arguments[6],
                   uint64_t stack, double timeout_s) {
    const unsigned long long plain_flags = 0x202;
    const uint64_t all = ~UINT64_C(0);
    struct user_regs_struct regs = remote->regs;
    uint64_t sp;
    int rc = lay_frame(remote, stack, &sp);
    if (rc)
        return rc;
    regs.rdi = arguments[0];
    regs.rsi = arguments[1];
    regs.rdx = arguments[2];
    regs.rcx = arguments[3];
    regs.r8 = arguments[4];
    regs.r9 = arguments[5];
    regs.rax = 0;
    regs.orig_rax = (unsigned long long)-1; /* no system call to enter again */
    regs.rip = function;
    regs.rsp = sp;
    regs.rbp = 0;
    regs.eflags = plain_flags;
    if ((rc = put_registers(remote->tid, &regs)))
        return rc;
    remote->is_called = 1;
    ptrace(PTRACE_SETSIGMASK, remote->tid, (void *)sizeof all, &all);
    return run_to_door(remote, timeout_s);
}

/* In this order the thread is on its way home by itself after each step. The last one is made at
 * a stop where the kernel still minds system calls that were interrupted. */
static int put_back(const struct sm_remote *remote, int *ret_signal) {
    const struct user_regs_struct again = resumed(&remote->regs);
    int status;
    int rc = put_set(remote->tid, NT_X86_XSTATE, remote->xstate, remote->xstate_bytes);
    if (rc == 0 &&
        ptrace(PTRACE_SETSIGMASK, remote->tid, (void *)sizeof remote->blocked, &remote->blocked))
        rc = -errno;
    if (rc == 0)
        rc = put_registers(remote->tid, &again);
    if (rc == 0 && (ptrace(PTRACE_INTERRUPT, remote->tid, NULL, NULL) ||
                    ptrace(PTRACE_CONT, remote->tid, NULL, NULL)))
        rc = -errno;
    if (rc == 0)
        rc = await(remote->tid, deadline(stop_patience_s), &status);
    if (rc == 0 && is_event_stop(status))
        return put_registers(remote->tid, &remote->regs);
    if (rc == 0) /* a signal was quicker: it is delivered as the thread stands */
        *ret_signal = WSTOPSIG(status) == SYSCALL_STOP ? 0 : WSTOPSIG(status);
    return rc;
}

/* A thread that was sent somewhere and did not come back runs: it must be stopped first. */
static int halt(const struct sm_remote *remote) {
    struct user_regs_struct regs;
    size_t bytes = sizeof regs;
    if (get_set(remote->tid, NT_PRSTATUS, &regs, &bytes) == 0)
        return 0;
    return ptrace(PTRACE_INTERRUPT, remote->tid, NULL, NULL) ? -errno
                                                             : await_interrupt(remote->tid);
}

int sm_remote_release(struct sm_remote *remote) {
    int rc = 0, delivered = 0;
    if (remote->tid == 0)
        return 0;
    if (remote->is_called) {
        rc = halt(remote);
        if (rc == 0)
            rc = put_back(remote, &delivered);
    }
    ptrace(PTRACE_DETACH, remote->tid, NULL, (long)delivered);
    remote->tid = 0;
    return rc;
}
