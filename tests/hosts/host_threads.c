/* host_threads.c - thousands of threads that come and go, and more at once than there are counter
 * blocks. */
#include <pthread.h>
#include <string.h>

#include "pool_view.h"

enum { WAVES = 4, WAVE = 500, CROWD = 1200 };

static pthread_barrier_t barrier;

static void *brief(void *argument) {
    void *blocks[20];
    for (int i = 0; i < 20; i++) {
        blocks[i] = malloc((size_t)i * 37 + 1);
    }
    for (int i = 0; i < 20; i++) {
        free(blocks[i]);
    }
    return argument;
}

static void *crowded(void *argument) {
    void *block = malloc(1000);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 50; i++) {
        free(malloc((size_t)i * 100 + 1));
    }
    pthread_barrier_wait(&barrier);
    free(block);
    return argument;
}

static pthread_attr_t small;

static void start(pthread_t *threads, int count, void *(*work)(void *)) {
    for (int i = 0; i < count; i++) {
        HOST_CHECK(pthread_create(&threads[i], &small, work, NULL) == 0);
    }
}

static void join(pthread_t *threads, int count) {
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

int main(void) {
    static pthread_t threads[CROWD];
    const struct spillmark_slot *slot = host_slot();
    pthread_attr_init(&small);
    HOST_CHECK(pthread_attr_setstacksize(&small, 32768) == 0);
    start(threads, 1, brief); /* libc keeps some stacks and their blocks */
    join(threads, 1);
    for (int wave = 0; wave < WAVES; wave++) {
        start(threads, WAVE, brief);
        join(threads, WAVE);
    }
    pthread_barrier_init(&barrier, NULL, CROWD);
    start(threads, CROWD, crowded);
    join(threads, CROWD);
    struct view_sums totals = view_totals(slot);
    uint64_t frees = WAVES * WAVE * 20 + 20 + CROWD * 51;
    HOST_CHECK(totals.free_count >= frees && totals.free_count < frees + 3 * (CROWD + WAVE));
    for (int i = 0; i < 100; i++) { /* blocks were given back */
        start(threads, 10, brief);
        join(threads, 10);
    }
    const struct spillmark_thread *blocks = view_entries(slot, SPILLMARK_SECTION_THREADS);
    int in_use = 0;
    for (int i = 0; i < SPILLMARK_THREADS - 1; i++) {
        in_use += blocks[i].in_use != 0;
    }
    HOST_CHECK(in_use < 20);
    return 0;
}
