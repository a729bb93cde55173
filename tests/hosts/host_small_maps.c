/* host_small_maps.c - chunks that are mapped by themselves though they are small, as the program
 * asks for by mallopt while another thread allocates, or by large alignments: counted and freed to
 * the byte. */
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "pool_view.h"

enum {
    BLOCKS = 40,
    THRESHOLD = 4096,
    BLOCK_BYTES = 20000,
    SMALL_BYTES = 100,
    ALIGNMENT = 256 * 1024,
    ALIGNED = 70,
    MAPPED_BYTES = 140 * 1000
};

static pthread_barrier_t barrier;

static void *blocks[2][BLOCKS];

static int64_t fill(void *kept[BLOCKS], size_t bytes) {
    int64_t sum = 0;
    for (int i = 0; i < BLOCKS; i++) {
        kept[i] = malloc(bytes);
        HOST_CHECK(kept[i] != NULL);
        sum += (int64_t)malloc_usable_size(kept[i]);
    }
    return sum;
}

static void drop(void *kept[BLOCKS]) {
    for (int i = 0; i < BLOCKS; i++) {
        free(kept[i]);
    }
}

/* Counts quickly until the other thread wants small maps. */
static void *run(void *argument) {
    int64_t *sum = argument;
    fill(blocks[1], SMALL_BYTES);
    drop(blocks[1]);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    *sum = fill(blocks[1], BLOCK_BYTES);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    drop(blocks[1]);
    return NULL;
}

static bool is_mapped(const void *block) {
    return (*(const size_t *)((uintptr_t)block - sizeof(size_t)) & 2) != 0;
}

/* What a large alignment leaves of a chunk that was mapped by itself: mappings of a page more than
 * the alignment, one beneath the other, leave all there is. Then what realloc leaves. */
static void align(const struct spillmark_slot *slot) {
    static void *aligned[ALIGNED];
    void *large = malloc(MAPPED_BYTES);
    HOST_CHECK(is_mapped(large)); /* the threshold is what it is without a probe */
    int64_t large_bytes = (int64_t)malloc_usable_size(large);
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    for (int i = 0; i < ALIGNED; i++) {
        aligned[i] = memalign(ALIGNMENT, SMALL_BYTES);
        HOST_CHECK(aligned[i] != NULL && is_mapped(aligned[i]));
        bytes += (int64_t)malloc_usable_size(aligned[i]);
        HOST_CHECK(view_live_bytes(slot) == bytes && view_live_count(slot) == count + i + 1);
    }
    for (int i = 0; i < ALIGNED; i++) {
        bytes -= (int64_t)malloc_usable_size(aligned[i]);
        free(aligned[i]);
        HOST_CHECK(view_live_bytes(slot) == bytes);
    }
    large = realloc(large, SMALL_BYTES);
    HOST_CHECK(is_mapped(large) && malloc_usable_size(large) < MAPPED_BYTES / 2);
    bytes += (int64_t)malloc_usable_size(large) - large_bytes;
    HOST_CHECK(view_live_bytes(slot) == bytes);
    free(large);
}

int main(int count_of_arguments, char **arguments) {
    const struct spillmark_slot *slot = host_slot();
    if (count_of_arguments > 1 && strcmp(arguments[1], "aligned") == 0) {
        align(slot);
        return 0;
    }
    pthread_t thread;
    int64_t sum;
    pthread_barrier_init(&barrier, NULL, 2);
    HOST_CHECK(pthread_create(&thread, NULL, run, &sum) == 0);
    pthread_barrier_wait(&barrier);
    HOST_CHECK(mallopt(M_MMAP_THRESHOLD, THRESHOLD) == 1 && mallopt(M_TOP_PAD, 0) == 1);
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    int64_t expected = bytes + sum + fill(blocks[0], BLOCK_BYTES);
    HOST_CHECK(is_mapped(blocks[0][BLOCKS - 1]) && is_mapped(blocks[1][BLOCKS - 1]));
    HOST_CHECK(view_live_bytes(slot) == expected && view_live_count(slot) == count + 2 * BLOCKS);
    for (int i = 0; i < BLOCKS; i++) {
        blocks[0][i] = realloc(blocks[0][i], SMALL_BYTES);
    }
    drop(blocks[0]);
    HOST_CHECK(view_live_bytes(slot) == bytes + sum);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    HOST_CHECK(view_live_bytes(slot) <= bytes && view_live_count(slot) <= count);
    return 0;
}
