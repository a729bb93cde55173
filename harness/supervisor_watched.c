/* supervisor_watched.c - which rules cover the file behind a descriptor of the target.
 *
 * Asking /proc costs half as much as the whole notification, so an answer on a high descriptor
 * holds for a moment, or until anything is opened, copied or closed. A number that changes its
 * meaning unseen (by exec, or taken by the kernel in a program with very many descriptors) is
 * mistaken for that moment at most.
 * Standard output changes its meaning by dup2 of a low descriptor, which nobody tells us of: it
 * is asked for each time; so is every descriptor when all writes are trapped. */
#include "clock.h"
#include "supervisor_serve.h"
#include "supervisor_target.h"

static const int64_t moment_ns = 20 * 1000 * 1000;

static sm_rule_set look(const struct sm_server *server, pid_t tid, int fd) {
    char link[SM_PROC_PATH_BYTES], path[PATH_MAX];
    if (sm_target_link(sm_target_proc_fd(link, tid, fd), path))
        return 0;
    return sm_rules_matching(server->shared, path);
}

sm_rule_set sm_serve_watched(struct sm_server *server, pid_t tid, int fd) {
    if (server->shared->way != SM_WAY_HIGH_DESCRIPTORS || fd < 0 ||
        (uint32_t)fd < server->shared->first_high)
        return look(server, tid, fd);
    struct sm_seen *seen = &server->seen[((uint32_t)tid * 31 + (uint32_t)fd) % SM_SERVE_SEEN];
    int64_t now_ns = sm_now_ns();
    if (seen->tid != tid || seen->fd != fd || seen->changes != server->changes ||
        seen->until_ns < now_ns)
        *seen = (struct sm_seen){.tid = tid,
                                 .fd = fd,
                                 .changes = server->changes,
                                 .rules = look(server, tid, fd),
                                 .until_ns = now_ns + moment_ns};
    return seen->rules;
}
