/* host_arena.c - blocks that were taken before the probe knew where to get them are written to,
 * asked for their size, grown and freed like all others, and never counted. */
#include <malloc.h>
#include <string.h>

#include "pool_view.h"
#include "takes_first.h"

static const size_t wanted[TAKEN_FIRST] = {100, 1000, 300, 400, 512, 600, 700};
static const size_t alignments[TAKEN_FIRST] = {16, 16, 16, 4096, 256, 4096, 1024};

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    HOST_CHECK(slot->allocator == SPILLMARK_ALLOCATOR_UNKNOWN);
    HOST_CHECK(((char *)taken_first[1])[999] == 0);
    for (int i = 0; i < TAKEN_FIRST; i++) {
        HOST_CHECK(taken_first[i] != NULL && (uintptr_t)taken_first[i] % alignments[i] == 0);
        HOST_CHECK(malloc_usable_size(taken_first[i]) == wanted[i]);
        memset(taken_first[i], i, wanted[i]);
    }
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    char *grown = realloc(taken_first[0], 50000);
    HOST_CHECK(grown != NULL && grown[99] == 0 && view_live_count(slot) == count + 1);
    char *shrunk = realloc(taken_first[2], 10);
    HOST_CHECK(shrunk != NULL && shrunk[9] == 2 && view_live_count(slot) == count + 2);
    free(grown);
    free(shrunk);
    HOST_CHECK(((char *)taken_first[3])[399] == 3 && ((char *)taken_first[6])[699] == 6);
    free(taken_first[1]);
    for (int i = 3; i < TAKEN_FIRST; i++) {
        free(taken_first[i]);
    }
    HOST_CHECK(view_live_bytes(slot) == bytes && view_live_count(slot) == count);
    return 0;
}
