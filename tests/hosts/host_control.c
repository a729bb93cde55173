/* host_control.c - the positive control, asked for as the harness does: bytes that are kept,
 * counted and told apart, also by a forked child and by many threads. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include "pool_view.h"

enum { WANTED = 300000, SLACK = 64 * 1024, THREADS = 4 };

static struct spillmark_slot *slot;

static void want(uint64_t bytes) {
    __atomic_store_n(&slot->control_wanted_bytes, bytes, __ATOMIC_RELAXED);
}

static uint64_t kept(void) {
    return __atomic_load_n(&slot->control_bytes, __ATOMIC_ACQUIRE);
}

static void work_until_kept(uint64_t bytes) {
    while (kept() < bytes) {
        free(malloc(16384));
    }
}

/* One site, of one frame that has a name, has all of it. */
static void check_site(void) {
    const struct spillmark_stack *stacks =
        (const struct spillmark_stack *)view_entries(host_slot(), SPILLMARK_SECTION_STACKS);
    const uint64_t *frames = view_entries(host_slot(), SPILLMARK_SECTION_FRAMES);
    uint64_t found = 0, named = (uint64_t)dlsym(RTLD_DEFAULT, "spillmark_positive_control");
    for (uint32_t i = 1; i < host_slot()->sections[SPILLMARK_SECTION_STACKS].used; i++) {
        if (stacks[i].depth == 1 && stacks[i].alloc_bytes == kept()) {
            HOST_CHECK(stacks[i].alloc_count_q10 == slot->control_count * 1024);
            HOST_CHECK(frames[stacks[i].first_frame] == named + 1);
            found++;
        }
    }
    HOST_CHECK(found == 1);
}

static void *churn(void *argument) {
    (void)argument;
    for (int i = 0; i < 20000; i++) {
        free(malloc(16384));
    }
    return NULL;
}

static void check_threads(void) {
    pthread_t threads[THREADS];
    uint64_t wanted = kept();
    for (int i = 0; i < THREADS; i++) {
        HOST_CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
    }
    for (int i = 0; i < 500; i++) {
        want(wanted += 1000);
        work_until_kept(wanted);
    }
    for (int i = 0; i < THREADS; i++) {
        HOST_CHECK(pthread_join(threads[i], NULL) == 0);
    }
    HOST_CHECK(kept() < wanted + SLACK);
}

static void check_fork(void) {
    uint64_t before = kept();
    pid_t child = fork();
    if (child == 0) {
        slot = host_slot_writable();
        HOST_CHECK(kept() == before);
        want(before + WANTED);
        work_until_kept(before + WANTED);
        _exit(0);
    }
    int status = -1;
    HOST_CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    HOST_CHECK(kept() == before);
}

int main(void) {
    slot = host_slot_writable();
    free(malloc(1 << 20));
    HOST_CHECK(kept() == 0 && slot->control_count == 0);
    int64_t live = view_live_bytes(host_slot());
    want(WANTED);
    errno = E2BIG;
    work_until_kept(WANTED);
    HOST_CHECK(errno == E2BIG);
    HOST_CHECK(kept() < WANTED + SLACK);
    HOST_CHECK(view_live_bytes(host_slot()) - live == (int64_t)kept());
    check_site();
    check_threads();
    check_fork();
    return 0;
}
