/* host_own_malloc.c - an executable with an allocator of its own, which calls never leave, those of
 * C++'s operators neither. */
#include <string.h>

#include "pool_view.h"

static char memory[1 << 22];
static size_t used;

void *malloc(size_t bytes) {
    size_t start = (__atomic_fetch_add(&used, (bytes + 31) & ~(size_t)15, __ATOMIC_RELAXED));
    if (start + bytes + 16 > sizeof memory) {
        return NULL;
    }
    memcpy(memory + start, &bytes, sizeof bytes);
    return memory + start + 16;
}

void free(void *block) {
    (void)block;
}

void *calloc(size_t count, size_t bytes) {
    void *block = malloc(count * bytes);
    return block != NULL ? memset(block, 0, count * bytes) : NULL;
}

void *realloc(void *block, size_t bytes) {
    void *moved = malloc(bytes);
    if (block != NULL && moved != NULL) {
        size_t old;
        memcpy(&old, (char *)block - 16, sizeof old);
        memcpy(moved, block, old < bytes ? old : bytes);
    }
    return moved;
}

/* operator new and delete, of the C++ library. */
void *_Znwm(size_t bytes);
void _ZdlPv(void *block);

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    char *text = strdup("hidden");
    HOST_CHECK(strcmp(text, "hidden") == 0);
    HOST_CHECK((slot->features & SPILLMARK_FEATURE_HEAP) == 0);
    HOST_CHECK((slot->features & SPILLMARK_FEATURE_FDS) != 0);
    char *made = _Znwm(100);
    HOST_CHECK(made >= memory && made < memory + sizeof memory);
    _ZdlPv(made);
    int fd = open("/dev/null", O_RDONLY);
    const struct spillmark_descriptor *table = view_entries(slot, SPILLMARK_SECTION_DESCRIPTORS);
    HOST_CHECK(table[fd].open == 1);
    return 0;
}
