/* supervisor_answer.c - what a call gets when its time has come; and short writes, which nobody
 * but the supervisor can make: it writes a part itself, into the target's own open file. */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "supervisor_serve.h"
#include "supervisor_target.h"

enum { CUT_BYTES = 65536 };

/* Where the bytes of a write lie, and where they go. False: it is none that can be cut. */
static bool locate(const struct seccomp_notif *call, uint64_t *ret_address, uint64_t *ret_length,
                   int64_t *ret_offset) {
    const __u64 *args = call->data.args;
    struct iovec first;
    *ret_offset = -1;
    switch (call->data.nr) {
    case __NR_pwrite64:
        *ret_offset = (int64_t)args[3];
        /* fall through */
    case __NR_write:
        *ret_address = args[1];
        *ret_length = args[2];
        return true;
    case __NR_pwritev2:
        if (args[5])
            return false; /* with flags of its own */
        /* fall through */
    case __NR_pwritev:
        *ret_offset = (int64_t)args[3];
        /* fall through */
    case __NR_writev:
        if (args[2] < 1 || sm_target_read((pid_t)call->pid, args[1], &first, sizeof first))
            return false;
        *ret_address = (uint64_t)(uintptr_t)first.iov_base;
        *ret_length = first.iov_len;
        return true;
    default:
        return false;
    }
}

struct sm_answer sm_serve_plan_cut(const struct seccomp_notif *call, uint64_t bytes) {
    uint64_t address, length;
    int64_t offset;
    if (!locate(call, &address, &length, &offset) || length == 0)
        return (struct sm_answer){0};
    uint64_t most = length < CUT_BYTES ? length : CUT_BYTES;
    return (struct sm_answer){.cut_bytes = bytes < most ? bytes : most,
                              .cut_address = address,
                              .cut_offset = offset,
                              .cut_tid = (pid_t)call->pid,
                              .cut_fd = (int)call->data.args[0]};
}

static void write_part(const struct sm_server *server, uint64_t id,
                       const struct sm_answer *answer) {
    static char bytes[CUT_BYTES];
    int ours = -1;
    ssize_t written = -1;
    bool ready =
        sm_target_read(answer->cut_tid, answer->cut_address, bytes, answer->cut_bytes) == 0 &&
        (ours = sm_target_descriptor(answer->cut_tid, answer->cut_fd)) >= 0 &&
        sm_serve_is_waiting(server, id);
    if (!ready)
        sm_serve_continue(server, id);
    else if ((written = answer->cut_offset < 0
                            ? write(ours, bytes, answer->cut_bytes)
                            : pwrite(ours, bytes, answer->cut_bytes, answer->cut_offset)) < 0)
        sm_serve_fail(server, id, errno);
    else
        sm_serve_return(server, id, written);
    if (ours >= 0)
        close(ours);
}

void sm_serve_answer(const struct sm_server *server, uint64_t id, const struct sm_answer *answer) {
    if (answer->code)
        sm_serve_fail(server, id, answer->code);
    else if (answer->cut_bytes)
        write_part(server, id, answer);
    else
        sm_serve_continue(server, id);
}
