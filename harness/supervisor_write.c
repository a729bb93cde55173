/* supervisor_write.c - writes, syncs and truncations: how much they move, and how long they are
 * held back. */
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.h"
#include "supervisor_serve.h"
#include "supervisor_target.h"

/* What one call moves at most (MAX_RW_COUNT of the kernel). */
static const uint64_t most_bytes = 0x7ffff000;

static uint64_t clip(uint64_t bytes) {
    return bytes < most_bytes ? bytes : most_bytes;
}

static uint64_t vector_bytes(pid_t tid, uint64_t address, uint64_t count) {
    struct iovec parts[IOV_MAX];
    uint64_t total = 0;
    if (count > IOV_MAX || sm_target_read(tid, address, parts, count * sizeof parts[0]))
        return 0;
    for (uint64_t i = 0; i < count; i++)
        total += clip(parts[i].iov_len);
    return clip(total);
}

/* sendfile and its kin are often asked for "all": what the source has left is what will move. */
static uint64_t source_bytes(pid_t tid, int source, uint64_t offset_address, uint64_t asked) {
    int64_t offset = 0, left = 0;
    struct stat status;
    int ours = sm_target_descriptor(tid, source);
    if (ours < 0)
        return clip(asked);
    if (fstat(ours, &status) == 0 && S_ISREG(status.st_mode)) {
        if (!offset_address)
            offset = lseek(ours, 0, SEEK_CUR);
        else if (sm_target_read(tid, offset_address, &offset, sizeof offset))
            offset = 0;
        left = status.st_size > offset ? status.st_size - offset : 0;
    } else {
        int waiting = 0;
        if (ioctl(ours, FIONREAD, &waiting) == 0)
            left = waiting;
    }
    close(ours);
    return clip((uint64_t)left < asked ? (uint64_t)left : asked);
}

static int written_descriptor(const struct seccomp_data *data) {
    if (data->nr == __NR_copy_file_range || data->nr == __NR_splice)
        return (int)data->args[2];
    return (int)data->args[0];
}

static uint64_t moved_bytes(pid_t tid, const struct seccomp_data *data) {
    const __u64 *args = data->args;
    switch (data->nr) {
    case __NR_write:
    case __NR_pwrite64:
        return clip(args[2]);
    case __NR_writev:
    case __NR_pwritev:
    case __NR_pwritev2:
        return vector_bytes(tid, args[1], args[2]);
    case __NR_sendfile:
        return source_bytes(tid, (int)args[1], args[2], args[3]);
    case __NR_copy_file_range:
    case __NR_splice:
        return source_bytes(tid, (int)args[0], args[1], args[4]);
    default: /* syncs, truncations, reservations */
        return 0;
    }
}

static enum sm_disk_call kind_of(int number) {
    switch (number) {
    case __NR_fsync:
    case __NR_fdatasync:
    case __NR_sync_file_range:
    case __NR_syncfs:
        return SM_CALL_SYNC;
    case __NR_truncate:
    case __NR_ftruncate:
    case __NR_fallocate:
        return SM_CALL_TRUNCATE;
    default:
        return SM_CALL_WRITE;
    }
}

static struct sm_answer plan_answer(struct sm_server *server, const struct seccomp_notif *call,
                                    sm_rule_set failing, uint64_t bytes) {
    struct sm_verdict verdict =
        sm_fail_judge(&server->fail, failing, kind_of(call->data.nr), bytes);
    if (verdict.cut_short)
        return sm_serve_plan_cut(call, bytes / 2);
    return (struct sm_answer){.code = verdict.code};
}

void sm_serve_judge(struct sm_server *server, const struct seccomp_notif *call, sm_rule_set rules) {
    struct sm_answer answer = {0};
    if (rules) {
        sm_rule_set failing = sm_rules_failing(server->shared, rules);
        uint64_t bytes = moved_bytes((pid_t)call->pid, &call->data);
        if (failing)
            answer = plan_answer(server, call, failing, bytes);
        if (rules != failing &&
            sm_delay_admit(&server->delay, call->id, rules & ~failing, bytes, &answer, sm_now_ns()))
            return;
    }
    sm_serve_answer(server, call->id, &answer);
}

void sm_serve_write(struct sm_server *server, const struct seccomp_notif *call) {
    sm_rule_set rules = sm_rules_active(server->shared, UINT32_MAX);
    if (rules)
        rules &= sm_serve_watched(server, (pid_t)call->pid, written_descriptor(&call->data));
    sm_serve_judge(server, call, rules);
}
