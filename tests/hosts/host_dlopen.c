/* host_dlopen.c - libraries are opened and closed in one thread while others allocate and throw
 * their stacks at the probe: the loader's lock against the unwinder. Threads are short-lived, so
 * that an unwinder that keeps what it learnt by thread has to ask anew all the time. */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "pool_view.h"

static atomic_int stop;

static int count(struct dl_phdr_info *info, size_t size, void *data) {
    (void)info;
    (void)size;
    free(malloc(100)); /* under the loader's lock */
    ++*(int *)data;
    return 0;
}

enum { TURNS = 40, PATIENCE_S = 10 };

static void *churn(void *argument) {
    for (unsigned i = 0; i < TURNS; i++) {
        void *block = malloc(i % 3000 + 1);
        block = realloc(block, i % 7000 + 1);
        free(block);
        if (i == TURNS / 2) {
            int objects = 0;
            dl_iterate_phdr(count, &objects);
        }
    }
    return argument;
}

static void *keep_churning(void *argument) {
    while (!stop) {
        pthread_t brief;
        HOST_CHECK(pthread_create(&brief, NULL, churn, NULL) == 0);
        pthread_join(brief, NULL);
    }
    return argument;
}

/* A call that no thread has made before. */
static void *first_time(void *argument) {
    void *block = malloc(321);
    __asm__ volatile("" : : "r"(block) : "memory");
    free(block);
    return argument;
}

/* While this thread has the loader's lock, another meets a stack that is new to it. */
static int under_lock(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)info;
    (void)size;
    (void)argument;
    pthread_t other;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    HOST_CHECK(pthread_create(&other, NULL, first_time, NULL) == 0);
    HOST_CHECK(pthread_timedjoin_np(other, NULL, &until) == 0);
    return 1;
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "./plugin.so";
    int rounds = argc > 2 ? atoi(argv[2]) : 300;
    pthread_t threads[3];
    HOST_CHECK(dl_iterate_phdr(under_lock, NULL) == 1);
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, keep_churning, NULL);
    }
    void *last = NULL;
    for (int i = 0; i < rounds; i++) {
        void *library = dlopen(path, RTLD_NOW | (i % 2 ? RTLD_LOCAL : RTLD_GLOBAL));
        HOST_CHECK(library != NULL);
        void *(*make)(int) = (void *(*)(int))dlsym(library, "plugin_make");
        HOST_CHECK(make != NULL);
        free(last);
        last = make(i % 20);
        HOST_CHECK(dlsym(library, "no_such_symbol") == NULL && dlerror() != NULL);
        HOST_CHECK(dlclose(library) == 0);
    }
    free(last);
    stop = 1;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}
