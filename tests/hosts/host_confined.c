/* host_confined.c - a process that takes away from itself what the probe might want: its
 * descriptors, its root and its rights, its address space. Children still get slots. */
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "pool_view.h"

static void child_has_a_slot(struct pool_view *view, bool required) {
    pid_t child = fork();
    if (child == 0) {
        const struct spillmark_slot *slot = view_own(view);
        free(malloc(100));
        HOST_CHECK(!required || (slot != NULL && slot->state == SPILLMARK_STATE_ON));
        HOST_CHECK(slot == NULL || view_live_count(slot) > 0);
        _exit(0);
    }
    int status;
    HOST_CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void *churn(unsigned rounds) {
    void *last = NULL;
    for (unsigned i = 0; i < rounds; i++) {
        free(last);
        last = malloc(i % 100000 + 1);
    }
    return last;
}

int main(int argc, char **argv) {
    struct pool_view view;
    HOST_CHECK(view_open(&view, getenv(SPILLMARK_ENV_REGION)) == 0);
    const char *how = argc > 1 ? argv[1] : "descriptors";
    void *kept = malloc(1000);
    if (strcmp(how, "descriptors") == 0) {
        closefrom(0);
        child_has_a_slot(&view, true);
    } else if (strcmp(how, "root") == 0) {
        if (geteuid() != 0) {
            return 77;
        }
        HOST_CHECK(chroot("/var/empty") == 0 || chroot("/proc/self/fdinfo") == 0);
        HOST_CHECK(chdir("/") == 0 && setgroups(0, NULL) == 0);
        HOST_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
        child_has_a_slot(&view, true);
    } else {
        struct rlimit none = {0, 0}; /* what is mapped stays, nothing can be added */
        HOST_CHECK(setrlimit(RLIMIT_AS, &none) == 0);
        HOST_CHECK(malloc(1 << 30) == NULL);
        child_has_a_slot(&view, false);
    }
    free(churn(20000));
    free(kept);
    return 0;
}
