/* known_sites.c - allocations whose sites, counts and sizes are known from the source: a chain, a
 * recursion, a loop that frees every other block, realloc, calloc and aligned blocks. What stays
 * is never freed. With an argument it prints "ready" and waits to be killed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../hosts/own_frame.h"

enum { KEPT_MAX = 20000 };
static void *kept[KEPT_MAX];
static size_t kept_count;

static void keep(void *block) {
    kept[kept_count++] = block;
}

OWN_FRAME static void small_site(int count) {
    for (int i = 0; i < count; i++)
        keep(malloc(40));
}

OWN_FRAME static void half_freed_site(int count) {
    for (int i = 0; i < count; i++) {
        void *block = malloc(200);
        if (i % 2)
            free(block);
        else
            keep(block);
    }
}

OWN_FRAME static void recursive_site(int depth, int count) {
    if (depth > 0)
        recursive_site(depth - 1, count);
    else
        for (int i = 0; i < count; i++)
            keep(calloc(10, 100));
    __asm__ volatile("" ::: "memory"); /* not a tail call */
}

OWN_FRAME static void grown_site(int count) {
    for (int i = 0; i < count; i++)
        keep(realloc(malloc(16), 5000));
}

OWN_FRAME static void aligned_site(int count) {
    for (int i = 0; i < count; i++) {
        void *block = NULL;
        if (posix_memalign(&block, 64, 640) == 0)
            keep(block);
    }
}

int main(int argc, char **argv) {
    (void)argv;
    small_site(5000);
    half_freed_site(4000);
    for (int i = 0; i < 3; i++)
        recursive_site(4 + i, 100);
    grown_site(50);
    aligned_site(70);
    if (argc > 1) {
        static const char ready[] = "ready\n";
        if (write(STDOUT_FILENO, ready, sizeof ready - 1) > 0)
            pause();
    }
    return 0;
}
