/* host_spawn.c - children that share this memory for a while: vfork and posix_spawn. What they
 * close and open is not this process's. */
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "pool_view.h"

extern char **environ;

static void await(pid_t child) {
    int status;
    HOST_CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void by_vfork(int kept) {
    pid_t child = vfork();
    if (child == 0) {
        close(kept);
        dup2(1, 40);
        open("/dev/null", O_RDONLY);
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    await(child);
}

static void by_spawn(void) {
    posix_spawn_file_actions_t actions;
    char *arguments[] = {"true", NULL};
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 9, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addclose(&actions, 9);
    HOST_CHECK(posix_spawn(&child, "/bin/true", &actions, NULL, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    await(child);
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    const struct spillmark_descriptor *descriptors =
        view_entries(slot, SPILLMARK_SECTION_DESCRIPTORS);
    int kept = open("/proc/self/status", O_RDONLY);
    HOST_CHECK(kept >= 0 && descriptors[kept].open == 1 && descriptors[kept].stack != 0);
    HOST_CHECK(descriptors[kept].fd_class == SPILLMARK_FD_PROC);
    for (int i = 0; i < 5; i++) {
        by_vfork(kept);
        by_spawn();
        HOST_CHECK(system("exit 0") == 0);
    }
    HOST_CHECK(slot->state == SPILLMARK_STATE_ON);
    HOST_CHECK(descriptors[kept].open == 1 && descriptors[40].open == 0);
    execl("/does/not/exist", "x", (char *)NULL);
    HOST_CHECK(slot->state == SPILLMARK_STATE_ON);
    close(kept);
    HOST_CHECK(descriptors[kept].open == 0);
    return 0;
}
