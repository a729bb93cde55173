/* host_exact.c - a random mixture of the whole malloc family over threads, against a ledger kept
 * by malloc_usable_size. Built again over tcmalloc, jemalloc and mimalloc. With an argument it does
 * so many operations in each thread, and keeps all blocks. */
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "pool_view.h"

enum { THREADS = 4, BLOCKS = 2000, OPERATIONS = 60000 };

static int operations = OPERATIONS;
static bool keeps;

struct ledger {
    int64_t bytes, count;
};

struct worker {
    uint64_t random;
    struct ledger ledger;
    void *blocks[BLOCKS];
};

static pthread_barrier_t barrier;

static uint64_t next(struct worker *w) {
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return w->random >> 33;
}

static void *allocate(struct worker *w, size_t bytes) {
    void *block = NULL;
    size_t alignment = (size_t)16 << next(w) % 9;
    switch (next(w) % 9) {
    case 0:
        return calloc(bytes / 8 + 1, 8);
    case 1:
        return posix_memalign(&block, alignment, bytes) == 0 ? block : NULL;
    case 2:
        return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    case 3:
        return memalign(alignment, bytes);
    case 4:
        return bytes % 16 == 0 ? valloc(bytes) : malloc(bytes);
#ifndef HOST_NO_PVALLOC /* jemalloc leaves it to libc, whose blocks it cannot free */
    case 5:
        return bytes % 16 == 0 ? pvalloc(bytes) : malloc(bytes);
#endif
    case 6:
        return reallocarray(NULL, bytes / 8 + 1, 8);
    case 7:
        return realloc(NULL, bytes);
    default:
        return malloc(bytes);
    }
}

static void entered(struct ledger *ledger, void *block) {
    if (block != NULL) {
        ledger->bytes += (int64_t)malloc_usable_size(block);
        ledger->count++;
    }
}

static void left(struct ledger *ledger, void *block) {
    if (block != NULL) {
        ledger->bytes -= (int64_t)malloc_usable_size(block);
        ledger->count--;
    }
}

/* Volatile, so that no compiler takes the impossible request away. */
static volatile size_t impossible = SIZE_MAX / 2;

static void resize(struct worker *w, void **block, size_t bytes) {
    if (next(w) % 50 == 0) {
        HOST_CHECK(realloc(*block, impossible) == NULL); /* fails: the block stays */
    }
    left(&w->ledger, *block);
    void *moved = realloc(*block, bytes);
    if (moved == NULL) {
        entered(&w->ledger, *block);
        return;
    }
    *block = moved;
    entered(&w->ledger, moved);
}

static void operate(struct worker *w) {
    void **block = &w->blocks[next(w) % BLOCKS];
    size_t bytes = next(w) % 64 == 0 ? next(w) % 400000 : next(w) % 3000;
    if (*block != NULL && next(w) % 2 == 0) {
        resize(w, block, bytes + 1);
        return;
    }
    left(&w->ledger, *block);
    free(*block);
    *block = allocate(w, bytes + 1);
    entered(&w->ledger, *block);
    free(malloc(impossible)); /* fails: nothing is counted */
}

static void *work(void *argument) {
    struct worker *w = argument;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < operations; i++) {
        operate(w);
    }
    pthread_barrier_wait(&barrier); /* done, the main thread compares */
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < BLOCKS && !keeps; i++) {
        free(w->blocks[i]);
    }
    return NULL;
}

int main(int argc, char **argv) {
    static struct worker workers[THREADS];
    keeps = argc > 1;
    operations = keeps ? atoi(argv[1]) : OPERATIONS;
    pthread_t threads[THREADS];
    const struct spillmark_slot *slot = host_slot();
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) {
        workers[i].random = (uint64_t)i + 1;
        HOST_CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++) {
        bytes += workers[i].ledger.bytes;
        count += workers[i].ledger.count;
    }
    HOST_CHECK(view_live_count(slot) == count);
    HOST_CHECK(view_live_bytes(slot) == bytes);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}
