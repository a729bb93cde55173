#include "keeper_guard.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"
#include "keeper_process.h"
#include "keeper_sweep.h"
#include "limit_cgroup.h"
#include "limit_disk.h"
#include "run_dir.h"

static const double lost_keeper_grace_s = 1;

int sm_owned_add(struct sm_owned_paths *owned, const char *path, size_t length) {
    if (owned->count == SM_OWNED_PATHS || length >= SM_OWNED_BYTES - owned->used_bytes)
        return -ENOSPC;
    memcpy(owned->bytes + owned->used_bytes, path, length);
    owned->bytes[owned->used_bytes + length] = '\0';
    owned->offsets[owned->count] = owned->used_bytes;
    owned->used_bytes += (uint32_t)length + 1;
    /* Counted last: a keeper that is killed in between leaves no half path. */
    __atomic_store_n(&owned->count, owned->count + 1, __ATOMIC_RELEASE);
    return 0;
}

void sm_owned_lift(const struct sm_owned_paths *owned) {
    for (uint32_t i = __atomic_load_n(&owned->count, __ATOMIC_ACQUIRE); i-- > 0;) {
        const char *path = owned->bytes + owned->offsets[i];
        if (sm_cgroup_is(path))
            sm_disk_lift_all(path);
    }
}

void sm_owned_remove(const struct sm_owned_paths *owned) {
    for (uint32_t i = __atomic_load_n(&owned->count, __ATOMIC_ACQUIRE); i-- > 0;) {
        const char *path = owned->bytes + owned->offsets[i];
        if (sm_cgroup_is(path))
            sm_cgroup_remove(path);
        else
            sm_remove_tree(path);
    }
}

static void become_quiet(void) {
    sm_interrupt_ignore();
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "spillmark-gd");
}

_Noreturn void sm_keeper_guard(int requests_fd, int exits_fd, pid_t harness,
                               struct sm_owned_paths *owned) {
    int status = 0;
    become_quiet();
    pid_t keeper = fork();
    if (keeper < 0)
        _exit(1);
    if (keeper == 0)
        sm_keeper_process(requests_fd, exits_fd, harness, owned);
    setpgid(keeper, keeper);
    close_range(3, ~0u, 0);
    while (waitpid(keeper, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    sm_owned_lift(owned);
    sm_sweep(lost_keeper_grace_s, NULL, NULL);
    sm_owned_remove(owned);
    _exit(1);
}
