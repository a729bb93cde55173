/* remote.h - calling functions in another process, on one of its threads, so that it cannot be
 * harmed by what happens to the caller.
 *
 * The thread is stopped by ptrace and sent, in one step, into a function whose return address is
 * the C library's own signal restorer, with a signal frame above it that holds all the thread's
 * registers: whoever is gone by then, the thread finds its own way back to what it was doing. The
 * caller, if still there, meets it at that door: it sends it into the next function, or back with
 * the kernel's account of the system call that was interrupted. All signals of the thread but
 * SIGKILL and SIGSTOP wait meanwhile. Its other threads run on.
 *
 * All calls from the same thread of the caller, which ends up as the tracer; it must have SIGCHLD
 * blocked. The registers, memory and symbols that are read are hostile input. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "../reports/error.h"
#include "remote_maps.h"

enum { SM_REMOTE_XSTATE_BYTES = 16384 };

struct sm_remote {
    pid_t pid, tid; /* tid 0: no thread is stopped */
    int memory_fd;
    struct sm_remote_maps maps;
    const struct sm_remote_module *libc;
    uint64_t restorer; /* mov $15, %rax; syscall */
    /* Of the stopped thread, as it was met. */
    struct user_regs_struct regs;
    uint8_t xstate[SM_REMOTE_XSTATE_BYTES];
    size_t xstate_bytes;
    uint64_t blocked;
    int is_called; /* it is on its way, or at the door */
};

/* Looks at the process: 0, or a negative errno with *err saying why it cannot be called. */
int sm_remote_open(pid_t pid, struct sm_remote *ret_remote, struct sm_error *err);
void sm_remote_close(struct sm_remote *remote); /* no thread may be stopped */

/* Stops a thread and reads its state. -EAGAIN when it would not stop or is at no place for calls,
 * -ESRCH when it has gone, -EPERM and others for good. */
int sm_remote_stop(struct sm_remote *remote, pid_t tid);

/* Sends the stopped thread into function(arguments…) with `stack` the end of its stack, 0 = its
 * own below what it uses. 0 when it came back in time. A time-out leaves the thread where it is:
 * only sm_remote_release() is left then. */
int sm_remote_call(struct sm_remote *remote, uint64_t function, const uint64_t arguments[6],
                   uint64_t stack, double timeout_s);

/* Puts the thread back to where it was met and lets it go. */
int sm_remote_release(struct sm_remote *remote);
