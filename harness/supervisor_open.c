/* supervisor_open.c - calls that name a file by its path: opens watched files on behalf of the
 * target and hands them over at a high descriptor; truncations.
 *
 * A path is first resolved without side effects, as the target sees it (its root, its working
 * directory, its mounts), and only then compared with the rules. Whatever goes wrong, and every
 * path that no rule covers: the target's own call goes on, so that it meets the kernel's own
 * errors. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "supervisor_resolve.h"
#include "supervisor_serve.h"
#include "supervisor_target.h"

/* Reads what the four calls have in common out of the target; negative errno. */
static int decode(const struct seccomp_notif *call, struct sm_open_request *ret_request) {
    const __u64 *args = call->data.args;
    pid_t tid = (pid_t)call->pid;
    struct sm_open_request request = {.tid = tid, .directory = AT_FDCWD};
    struct open_how how = {0};
    uint64_t path_address = args[0];
    switch (call->data.nr) {
#ifdef __NR_open
    case __NR_open:
        request.flags = (uint32_t)args[1];
        request.mode = (mode_t)args[2];
        break;
    case __NR_creat:
        request.flags = O_WRONLY | O_CREAT | O_TRUNC;
        request.mode = (mode_t)args[1];
        break;
#endif
    case __NR_openat:
        request.directory = (int)args[0];
        path_address = args[1];
        request.flags = (uint32_t)args[2];
        request.mode = (mode_t)args[3];
        break;
    default: /* openat2 */
        request.directory = (int)args[0];
        path_address = args[1];
        if (args[3] < sizeof how || sm_target_read(tid, args[2], &how, sizeof how))
            return -EINVAL;
        request.flags = (uint32_t)how.flags;
        request.mode = (mode_t)how.mode;
        request.resolve = how.resolve & ~(uint64_t)RESOLVE_CACHED;
    }
    int rc = sm_target_read_path(tid, path_address, request.path);
    if (rc == 0)
        *ret_request = request;
    return rc;
}

/* The descriptor of a resolved file, opened anew with the target's flags; negative errno. */
static int open_resolved(const struct sm_open_request *request,
                         const struct sm_resolved *resolved) {
    char link[SM_PROC_PATH_BYTES];
    struct sm_target_status status;
    int flags = (int)request->flags | O_CLOEXEC | O_NOCTTY;
    int rc = sm_target_status(request->tid, &status);
    if (rc)
        return rc;
    sm_target_become(&status);
    if (!resolved->exists)
        rc = openat(resolved->fd, resolved->name, flags | O_NOFOLLOW, request->mode);
    else if ((flags & O_TMPFILE) == O_TMPFILE)
        rc = openat(resolved->fd, ".", flags, request->mode);
    else
        rc = open(sm_target_proc_fd(link, getpid(), resolved->fd),
                  flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW));
    if (rc < 0)
        rc = -errno;
    sm_target_unbecome();
    return rc;
}

static bool is_movable(const struct sm_open_request *request, const struct sm_resolved *resolved) {
    struct stat status;
    if (!resolved->exists)
        return true;
    if (fstat(resolved->fd, &status))
        return false;
    if (S_ISDIR(status.st_mode))
        return (request->flags & O_TMPFILE) == O_TMPFILE;
    /* With O_EXCL the answer is an error, and that is the kernel's to give. */
    bool exclusive = (request->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    return S_ISREG(status.st_mode) && !exclusive;
}

static void hand_over(struct sm_server *server, const struct seccomp_notif *call,
                      const struct sm_open_request *request, const struct sm_resolved *resolved) {
    int ours = open_resolved(request, resolved);
    if (ours < 0) {
        sm_serve_continue(server, call->id);
        return;
    }
    int fd = sm_target_free_descriptor(request->tid, server->shared->first_high);
    bool given =
        fd >= 0 && sm_serve_give(server, call->id, ours, fd, (request->flags & O_CLOEXEC) != 0);
    close(ours);
    if (given || !sm_serve_is_waiting(server, call->id) || sm_target_is_dying(request->tid))
        return; /* done, or the target is gone */
    sm_serve_count(&server->shared->escaped);
    sm_serve_continue(server, call->id);
}

/* Whether a rule fails opening this file. The errors of the target's own making come first, but
 * only the kernel knows them: a call that would fail anyway may get the rule's error instead. */
static int judge_open(struct sm_server *server, sm_rule_set rules) {
    sm_rule_set failing = sm_rules_failing(server->shared, sm_rules_active(server->shared, rules));
    return failing ? sm_fail_judge(&server->fail, failing, SM_CALL_OPEN, 0).code : 0;
}

static void serve_resolved(struct sm_server *server, const struct seccomp_notif *call,
                           const struct sm_open_request *request,
                           const struct sm_resolved *resolved) {
    sm_rule_set rules = sm_rules_matching(server->shared, resolved->full);
    int code = 0;
    if (!rules || !is_movable(request, resolved))
        sm_serve_continue(server, call->id);
    else if ((code = judge_open(server, rules)) != 0)
        sm_serve_fail(server, call->id, code);
    else if (server->shared->way != SM_WAY_HIGH_DESCRIPTORS || sm_target_lacks_stdio(request->tid))
        sm_serve_continue(server, call->id);
    else
        hand_over(server, call, request, resolved);
}

void sm_serve_open(struct sm_server *server, const struct seccomp_notif *call) {
    struct sm_open_request request;
    struct sm_resolved resolved;
    server->changes++;
    int rc = decode(call, &request);
    if (rc == -EPERM || rc == -ESRCH)
        sm_serve_count(&server->shared->unreadable);
    if (rc || !sm_serve_is_waiting(server, call->id) || sm_resolve_path(&request, &resolved)) {
        sm_serve_continue(server, call->id);
        return;
    }
    serve_resolved(server, call, &request, &resolved);
    close(resolved.fd);
}

void sm_serve_truncate(struct sm_server *server, const struct seccomp_notif *call) {
    struct sm_open_request request = {
        .tid = (pid_t)call->pid, .directory = AT_FDCWD, .flags = O_WRONLY};
    struct sm_resolved resolved;
    sm_rule_set rules = sm_rules_active(server->shared, UINT32_MAX);
    int rc = sm_target_read_path(request.tid, call->data.args[0], request.path);
    if (rc == -EPERM || rc == -ESRCH)
        sm_serve_count(&server->shared->unreadable);
    if (!rules || rc || !sm_serve_is_waiting(server, call->id) ||
        sm_resolve_path(&request, &resolved)) {
        sm_serve_continue(server, call->id);
        return;
    }
    close(resolved.fd);
    sm_serve_judge(server, call, rules & sm_rules_matching(server->shared, resolved.full));
}
