/* supervisor_duplicate.c - copies of watched descriptors stay where their writes are seen. */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor_serve.h"
#include "supervisor_target.h"

static const unsigned last_stdio = 2;

struct duplicate {
    int from;
    bool any_number; /* dup and F_DUPFD: the kernel chooses, at least `least` */
    unsigned least;
    unsigned to; /* dup2, dup3 */
    bool close_on_exec;
};

static struct duplicate decode(const struct seccomp_data *data) {
    struct duplicate copy = {.from = (int)data->args[0]};
    switch (data->nr) {
    case __NR_dup:
        copy.any_number = true;
        break;
    case __NR_fcntl:
        copy.any_number = true;
        copy.least = (unsigned)data->args[2];
        copy.close_on_exec = (int)data->args[1] == F_DUPFD_CLOEXEC;
        break;
    default:
        copy.to = (unsigned)data->args[1];
    }
    return copy;
}

static bool give_high(struct sm_server *server, const struct seccomp_notif *call,
                      const struct duplicate *copy) {
    pid_t tid = (pid_t)call->pid;
    unsigned first_high = server->shared->first_high;
    int fd = sm_target_free_descriptor(tid, copy->least > first_high ? copy->least : first_high);
    int ours = fd < 0 ? fd : sm_target_descriptor(tid, copy->from);
    if (ours < 0)
        return false;
    bool given = sm_serve_is_waiting(server, call->id) &&
                 sm_serve_give(server, call->id, ours, fd, copy->close_on_exec);
    close(ours);
    return given;
}

void sm_serve_duplicate(struct sm_server *server, const struct seccomp_notif *call) {
    server->changes++;
    struct duplicate copy = decode(&call->data);
    unsigned first_high = server->shared->first_high;
    bool watched = sm_serve_watched(server, (pid_t)call->pid, copy.from) != 0;
    if (watched && copy.any_number) {
        bool must_be_low = copy.least <= last_stdio && sm_target_lacks_stdio((pid_t)call->pid);
        if (!must_be_low) {
            if (give_high(server, call, &copy) || !sm_serve_is_waiting(server, call->id) ||
                sm_target_is_dying((pid_t)call->pid))
                return; /* done, or the target is gone */
            sm_serve_count(&server->shared->escaped);
        }
    } else if (watched && copy.to > last_stdio && copy.to < first_high) {
        sm_serve_count(&server->shared->escaped);
    }
    sm_serve_continue(server, call->id);
}
