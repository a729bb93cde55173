/* host_full.c - more objects alive than the slot has room for: what finds no room is counted as
 * dropped, nothing is written beyond the table, and the totals stay exact all the while. */
#include <malloc.h>

#include "pool_view.h"

enum { OBJECTS = 100000 };

static void *kept[OBJECTS];

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    const struct spillmark_section *live = &slot->sections[SPILLMARK_SECTION_LIVE];
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot), held = 0;
    HOST_CHECK(live->capacity < OBJECTS);
    for (int i = 0; i < OBJECTS; i++) {
        kept[i] = malloc((size_t)(i % 50) + 1);
        held += (int64_t)malloc_usable_size(kept[i]);
    }
    HOST_CHECK(view_live_count(slot) == count + OBJECTS && view_live_bytes(slot) == bytes + held);
    HOST_CHECK(live->used <= live->capacity);
    HOST_CHECK(live->dropped >= OBJECTS - live->capacity && slot->unsampled_drops >= live->dropped);
    for (int i = 0; i < OBJECTS; i++) {
        free(kept[i]);
    }
    HOST_CHECK(view_live_count(slot) == count && view_live_bytes(slot) == bytes);
    uint64_t dropped = live->dropped;
    for (int i = 0; i < 1000; i++) { /* there is room again */
        free(malloc(100));
    }
    HOST_CHECK(live->dropped == dropped && live->used <= live->capacity);
    return 0;
}
