/* host_allocator.c - asks the allocator through the probe, as the harness would, and compares the
 * answer with what this program reads itself. Argument: glibc, tcmalloc or jemalloc. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "pool_view.h"

enum { BLOCKS = 200000, BLOCK_BYTES = 256, KEPT_OF = 256 };

/* Between the two readings the program's own events shift caches by this much at most. */
static const uint64_t tolerance_bytes = 256 * 1024;

static struct spillmark_slot *slot;
static void *blocks[BLOCKS];
static int zero_fd;

static void ask(int give_back) {
    slot->give_back = (uint32_t)give_back;
    __atomic_add_fetch(&slot->asked, 1, __ATOMIC_RELEASE);
}

static int answered(void) {
    return __atomic_load_n(&slot->answered, __ATOMIC_ACQUIRE) == slot->asked;
}

/* Allocates and frees until the request has been answered: by another thread, perhaps, which has
 * to get the processor first. */
static void work_until_answered(void) {
    while (!answered()) {
        free(malloc(16384));
        sched_yield();
    }
}

static uint64_t slack_of_glibc(void) {
    return mallinfo2().fordblks;
}

static uint64_t slack_of_tcmalloc(void) {
    int (*property)(const char *, size_t *) =
        (int (*)(const char *, size_t *))dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty");
    size_t central = 0, transfer = 0, thread = 0, pages = 0;
    HOST_CHECK(property != NULL);
    HOST_CHECK(property("tcmalloc.central_cache_free_bytes", &central));
    HOST_CHECK(property("tcmalloc.transfer_cache_free_bytes", &transfer));
    HOST_CHECK(property("tcmalloc.thread_cache_free_bytes", &thread));
    HOST_CHECK(property("tcmalloc.pageheap_free_bytes", &pages));
    return central + transfer + thread + pages;
}

static uint64_t slack_of_jemalloc(void) {
    int (*control)(const char *, void *, size_t *, void *, size_t) =
        (int (*)(const char *, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT, "mallctl");
    uint64_t epoch = 1;
    size_t resident = 0, allocated = 0, bytes = sizeof resident;
    HOST_CHECK(control != NULL);
    HOST_CHECK(control("epoch", NULL, NULL, &epoch, sizeof epoch) == 0);
    HOST_CHECK(control("stats.resident", &resident, &bytes, NULL, 0) == 0);
    HOST_CHECK(control("stats.allocated", &allocated, &bytes, NULL, 0) == 0);
    return resident - allocated;
}

static const struct {
    const char *name;
    uint32_t allocator;
    uint64_t (*slack)(void);
} kinds[] = {{"glibc", SPILLMARK_ALLOCATOR_GLIBC, slack_of_glibc},
             {"tcmalloc", SPILLMARK_ALLOCATOR_TCMALLOC, slack_of_tcmalloc},
             {"jemalloc", SPILLMARK_ALLOCATOR_JEMALLOC, slack_of_jemalloc}};

static uint64_t resident_bytes(void) {
    char text[128] = "";
    unsigned long size, resident = 0, shared = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    HOST_CHECK(got > 0 && sscanf(text, "%lu %lu %lu", &size, &resident, &shared) == 3);
    return (resident - shared) * 4096;
}

static void check_figures(uint64_t (*slack)(void)) {
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = memset(malloc(BLOCK_BYTES), 1, BLOCK_BYTES);
    }
    for (int i = 0; i < BLOCKS; i++) {
        if (i % KEPT_OF != 0) {
            free(blocks[i]);
        }
    }
    HOST_CHECK(!answered() || slot->asked == 0);
    ask(0);
    errno = E2BIG;
    work_until_answered();
    HOST_CHECK(errno == E2BIG);
    uint64_t own = slack(), told = slot->slack_bytes;
    uint64_t apart = own > told ? own - told : told - own;
    fprintf(stderr, "slack: own reading %llu, told %llu, took %llu ns\n", (unsigned long long)own,
            (unsigned long long)told, (unsigned long long)slot->answer_took_ns);
    HOST_CHECK(apart <= tolerance_bytes);
    HOST_CHECK(told > (uint64_t)BLOCKS * BLOCK_BYTES / 2);
    HOST_CHECK(slot->held_bytes >= told);
    HOST_CHECK(slot->gave_back == 0);
}

static void check_give_back(void) {
    uint64_t before = resident_bytes();
    ask(1);
    work_until_answered();
    uint64_t after = resident_bytes();
    fprintf(stderr, "resident: %llu before, %llu after\n", (unsigned long long)before,
            (unsigned long long)after);
    HOST_CHECK(slot->gave_back == slot->asked);
    HOST_CHECK(before > after && before - after > (uint64_t)BLOCKS * BLOCK_BYTES / 2);
    ask(0);
    work_until_answered();
    HOST_CHECK(slot->gave_back == slot->asked - 1);
}

static volatile sig_atomic_t answers_in_handler, reads_in_handler;

static void on_signal(int number) {
    (void)number;
    char byte;
    int saved_errno = errno;
    int before = answered();
    if (read(zero_fd, &byte, 1) == 1) {
        reads_in_handler++;
    }
    answers_in_handler += answered() != before;
    errno = saved_errno;
}

/* A read is an event too, but not in a handler that has interrupted malloc. */
static void check_handlers(void) {
    struct sigaction action = {.sa_handler = on_signal};
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    HOST_CHECK(zero_fd >= 0 && sigaction(SIGALRM, &action, NULL) == 0);
    ask(0);
    HOST_CHECK(raise(SIGALRM) == 0);
    HOST_CHECK(reads_in_handler == 1 && answers_in_handler == 0 && !answered());
    char byte;
    HOST_CHECK(read(zero_fd, &byte, 1) == 1 && answered());
    HOST_CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (reads_in_handler < 500) {
        ask(0);
        work_until_answered();
    }
    HOST_CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    HOST_CHECK(answers_in_handler == 0);
}

static atomic_int stop;

static void *churn(void *argument) {
    (void)argument;
    while (!atomic_load(&stop)) {
        free(malloc(16384));
    }
    return NULL;
}

/* A child may be made while another thread is answering: it has a slot of its own, and nothing of
 * that thread's may lock it out. */
static void check_threads_and_forks(void) {
    enum { THREADS = 2, FORKS = 20 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        HOST_CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
    }
    for (int i = 0; i < FORKS; i++) {
        ask(i % 4 == 0);
        pid_t child = fork();
        if (child == 0) {
            slot = host_slot_writable();
            HOST_CHECK(slot->answered == 0);
            ask(0);
            work_until_answered();
            _exit(0);
        }
        int status = -1;
        HOST_CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
        work_until_answered();
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++) {
        HOST_CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

int main(int argc, char **argv) {
    slot = host_slot_writable();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (argc == 2 && strcmp(argv[1], kinds[i].name) == 0) {
            HOST_CHECK(slot->allocator == kinds[i].allocator);
            check_figures(kinds[i].slack);
            check_give_back();
            check_handlers();
            check_threads_and_forks();
            return 0;
        }
    }
    return 2;
}
