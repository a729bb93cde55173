/* host_fork.c - forks, by libc and by a raw clone, while other threads allocate:
 * host-fork [FORKS [STATUS-OF-CHILDREN]]. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pool_view.h"

enum { LATE_CHILDREN = 40 }; /* some of them are */

static atomic_int stop;

static void *churn(void *argument) {
    void *blocks[64] = {0};
    for (unsigned i = 0; !stop; i++) {
        free(blocks[i % 64]);
        blocks[i % 64] = malloc(i % 5000 + 1);
    }
    for (int i = 0; i < 64; i++) {
        free(blocks[i]);
    }
    return argument;
}

static void in_child(uint32_t parent, void *inherited) {
    const struct spillmark_slot *slot = host_slot();
    HOST_CHECK(slot->parent_pid == parent);
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    HOST_CHECK(count > 0);
    void *own = malloc(5000);
    HOST_CHECK(view_live_count(slot) == count + 1 && view_live_bytes(slot) >= bytes + 5000);
    free(own);
    HOST_CHECK(view_live_count(slot) == count && view_live_bytes(slot) == bytes);
    free(inherited);
    HOST_CHECK(view_live_count(slot) == count - 1);
    HOST_CHECK(slot->heap_live_bytes > 0);
    _exit(0);
}

/* A child that claims its slot late starts with what its parent held at the fork, not later. */
static void late_child(const struct spillmark_slot *slot) {
    int gate[2];
    char byte = 0;
    HOST_CHECK(pipe(gate) == 0);
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    pid_t child = fork();
    if (child == 0) {
        HOST_CHECK(syscall(SYS_read, gate[0], &byte, 1) == 1);
        free(malloc(1));
        const struct spillmark_slot *own = host_slot();
        HOST_CHECK(own != NULL && (int64_t)own->inherited_bytes == bytes);
        HOST_CHECK((int64_t)own->inherited_count == count);
        _exit(0);
    }
    void *more[100];
    for (int i = 0; i < 100; i++) {
        more[i] = malloc(10000);
    }
    HOST_CHECK(write(gate[1], &byte, 1) == 1);
    int status;
    HOST_CHECK(waitpid(child, &status, 0) == child);
    HOST_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (int i = 0; i < 100; i++) {
        free(more[i]);
    }
    close(gate[0]);
    close(gate[1]);
}

static int child_status; /* 78 when there are no slots for children */

static void await(pid_t child) {
    int status;
    HOST_CHECK(child > 0 && waitpid(child, &status, 0) == child);
    HOST_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == child_status);
}

int main(int argc, char **argv) {
    int forks = argc > 1 ? atoi(argv[1]) : 20;
    child_status = argc > 2 ? atoi(argv[2]) : 0;
    const struct spillmark_slot *slot = host_slot();
    for (int i = 0; child_status == 0 && i < LATE_CHILDREN; i++) {
        late_child(slot);
    }
    void *inherited = malloc(777);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, churn, NULL);
    }
    for (int i = 0; i < forks; i++) {
        uint32_t own = (uint32_t)getpid();
        pid_t child = fork();
        if (child == 0) {
            in_child(own, inherited);
        }
        await(child);
        HOST_CHECK(host_slot() == slot);
    }
    stop = 1;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    uint32_t own = (uint32_t)getpid();
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); /* past libc's handlers */
    if (child == 0) {
        void *notices = malloc(1);
        free(notices);
        in_child(own, inherited);
    }
    await(child);
    free(inherited);
    return 0;
}
