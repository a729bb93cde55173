/* workload_churn.c - random blocks of 16 to 4096 bytes, 100 000 alive, at a call depth of 15.
 *
 *     bench-churn OPERATIONS THREADS [LIVE]
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../hosts/own_frame.h"

enum { DEPTH = 15, THREADS_MAX = 64 };

struct work {
    uint64_t operations, live, random;
    void **blocks;
};

static uint64_t next(struct work *work) {
    work->random ^= work->random << 13;
    work->random ^= work->random >> 7;
    work->random ^= work->random << 17;
    return work->random;
}

static void replace(struct work *work) {
    uint64_t random = next(work);
    void **block = &work->blocks[(random >> 16) % work->live];
    free(*block);
    size_t bytes = 16 + random % 4081;
    *block = malloc(bytes);
    if (*block == NULL) {
        abort();
    }
    *(char *)*block = 1;
}

OWN_FRAME static int descend(struct work *work, int depth) {
    if (depth > 0) {
        return descend(work, depth - 1) + 1; /* not a tail call */
    }
    for (uint64_t i = 0; i < work->operations; i++) {
        replace(work);
    }
    return 0;
}

static void *run(void *argument) {
    struct work *work = argument;
    descend(work, DEPTH - 4);
    for (uint64_t i = 0; i < work->live; i++) {
        free(work->blocks[i]);
    }
    return NULL;
}

int main(int argc, char **argv) {
    uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    int threads = argc > 2 ? atoi(argv[2]) : 1;
    uint64_t live = argc > 3 ? strtoull(argv[3], NULL, 10) : 100000;
    static struct work works[THREADS_MAX];
    pthread_t ids[THREADS_MAX];
    if (threads < 1 || threads > THREADS_MAX || live == 0) {
        return 2;
    }
    for (int i = 0; i < threads; i++) {
        works[i] = (struct work){.operations = operations / (uint64_t)threads,
                                 .live = live / (uint64_t)threads,
                                 .random = UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)i * 977};
        works[i].blocks = calloc(works[i].live, sizeof(void *));
        pthread_create(&ids[i], NULL, run, &works[i]);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        free(works[i].blocks);
    }
    return 0;
}
