#include "keeper_sweep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

static const double supervisor_grace_s = 1, kill_patience_s = 10;
enum { POLL_MS = 5 };

static void reap(void) {
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* The living descendants that are meant, into *list. */
static void find(const struct sm_pid_list *without, int (*is_ours)(pid_t pid),
                 struct sm_pid_list *list) {
    struct sm_pid_list all = {0};
    list->count = 0;
    sm_proc_descendants(getpid(), without, &all);
    for (size_t i = 0; i < all.count; i++)
        if (sm_proc_is_alive(all.pids[i]) && (!is_ours || is_ours(all.pids[i])))
            sm_pid_list_add(list, all.pids[i]);
    sm_pid_list_free(&all);
}

static void signal_all(const struct sm_pid_list *list, int signal_number) {
    for (size_t i = 0; i < list->count; i++)
        kill(list->pids[i], signal_number);
}

/* Whole groups at once: a program that forks faster than it can be listed gets away otherwise. */
static void kill_groups(const struct sm_pid_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        struct sm_proc_stat stat;
        if (sm_proc_stat(list->pids[i], &stat) == 0 && stat.group == list->pids[i])
            kill(-stat.group, SIGKILL);
        kill(list->pids[i], SIGKILL);
    }
}

static void await_none(double patience_s, const struct sm_pid_list *without,
                       int (*is_ours)(pid_t pid), int with_kill, struct sm_pid_list *list) {
    int64_t deadline_ns = sm_now_ns() + (int64_t)(patience_s * 1e9);
    for (;;) {
        reap();
        find(without, is_ours, list);
        if (list->count == 0 || sm_now_ns() >= deadline_ns)
            return;
        if (with_kill)
            kill_groups(list);
        poll(NULL, 0, POLL_MS);
    }
}

size_t sm_sweep(double grace_s, const struct sm_pid_list *last, int (*is_ours)(pid_t pid)) {
    struct sm_pid_list list = {0};
    find(last, is_ours, &list);
    signal_all(&list, SIGTERM);
    signal_all(&list, SIGCONT);
    await_none(grace_s, last, is_ours, 0, &list);
    await_none(kill_patience_s, last, is_ours, 1, &list);
    await_none(supervisor_grace_s, NULL, is_ours, 0, &list);
    await_none(supervisor_grace_s, NULL, is_ours, 1, &list);
    reap();
    size_t left = list.count;
    sm_pid_list_free(&list);
    return left;
}
