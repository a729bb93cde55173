/* takes_first.c - an allocator on top of libc's that, when it is first called, asks the program's
 * for memory: while the probe is still looking for what lies beneath. */
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#include "takes_first.h"

void *__libc_malloc(size_t bytes);

void *taken_first[TAKEN_FIRST];
static bool begun;

static void take(void) {
    taken_first[0] = malloc(100);
    taken_first[1] = calloc(10, 100);
    taken_first[2] = realloc(NULL, 300);
    taken_first[3] = memalign(4096, 400);
    taken_first[4] = aligned_alloc(256, 512);
    taken_first[5] = valloc(600);
    if (posix_memalign(&taken_first[6], 1024, 700) != 0) {
        taken_first[6] = NULL;
    }
}

void *malloc(size_t bytes) {
    if (!begun) {
        begun = true;
        take();
    }
    return __libc_malloc(bytes);
}
