/* host_arena_quick.c - blocks from before the boot over glibc, whose chunks are told apart by a
 * word, and over an allocator that counts by itself: freed and grown by a thread that counts
 * quickly, and never counted. */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "pool_view.h"

#ifndef HOST_ALLOCATOR
#define HOST_ALLOCATOR SPILLMARK_ALLOCATOR_GLIBC
#endif

enum { TAKEN = 3, BYTES = 100 };

static char *taken[TAKEN];

/* The probe calls it while it boots. */
int pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) {
    int (*beneath)(pthread_key_t *, void (*)(void *)) =
        (int (*)(pthread_key_t *, void (*)(void *)))dlsym(RTLD_NEXT, "pthread_key_create");
    for (int i = 0; i < TAKEN && taken[i] == NULL; i++) {
        taken[i] = malloc(BYTES);
    }
    return beneath(key, destructor);
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    free(malloc(1));
    HOST_CHECK(slot->allocator == HOST_ALLOCATOR);
    for (int i = 0; i < TAKEN; i++) {
        HOST_CHECK(taken[i] != NULL && malloc_usable_size(taken[i]) == BYTES); /* of glibc: 104 */
        memset(taken[i], i, BYTES);
    }
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    free(taken[0]);
    char *grown = realloc(taken[1], 50000);
    HOST_CHECK(grown != NULL && grown[BYTES - 1] == 1 && view_live_count(slot) == count + 1);
    free(grown);
    char *shrunk = realloc(taken[2], 10);
    HOST_CHECK(shrunk != NULL && shrunk[9] == 2 && view_live_count(slot) == count + 1);
    free(shrunk);
    HOST_CHECK(view_live_bytes(slot) == bytes && view_live_count(slot) == count);
    return 0;
}
