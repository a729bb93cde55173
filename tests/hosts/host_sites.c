/* host_sites.c - a hundred thousand call stacks, and a recursion far deeper than a stack is kept:
 * host-sites [BITS]. */
#include "pool_view.h"

static unsigned path;

/* Which of the two calls was taken at each level makes 2^bits stacks. */
static __attribute__((noinline)) void *branch(int bits) {
    void *made;
    if (bits == 0) {
        return malloc(path % 100 + 1);
    }
    if ((path >> (bits - 1) & 1) != 0) {
        made = branch(bits - 1);
    } else {
        made = branch(bits - 1);
        __asm__ volatile("" ::: "memory");
    }
    __asm__ volatile("" : : "r"(made) : "memory");
    return made;
}

static __attribute__((noinline)) void *deep(int depth) {
    void *made = depth > 0 ? deep(depth - 1) : malloc(10);
    __asm__ volatile("" : : "r"(made) : "memory");
    return made;
}

int main(int argc, char **argv) {
    int bits = argc > 1 ? atoi(argv[1]) : 17;
    const struct spillmark_slot *slot = host_slot();
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    for (path = 0; path < 1u << bits; path++) {
        free(branch(bits));
    }
    free(deep(30000));
    HOST_CHECK(view_live_bytes(slot) == bytes && view_live_count(slot) == count);
    const struct spillmark_section *stacks = &slot->sections[SPILLMARK_SECTION_STACKS];
    HOST_CHECK(stacks->used + stacks->dropped + slot->sections[SPILLMARK_SECTION_FRAMES].dropped >=
               1u << bits);
    return 0;
}
