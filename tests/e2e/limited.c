/* limited.c - a program that gets into trouble in a known place. The argument says which:
 * "leak" allocates and touches until it is stopped, "abort" keeps 8 MB and aborts, "family" has two
 * children that keep 6 MB and 10 MB while it keeps 4 MB, "greedy-child" has a child that leaks,
 * "refused" leaks until an allocation fails and says so, "small" leaks in blocks of 24 bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 256 << 10 };
static void *volatile newest;

static inline __attribute__((always_inline)) void *keep_block(void) {
    char *block = malloc(BLOCK_BYTES); /* THE SITE */
    if (block)
        memset(block, 1, BLOCK_BYTES);
    newest = block;
    return block;
}

__attribute__((noinline)) static int hold_kilobytes(int kilobytes) {
    int held = 0;
    while (held < kilobytes && keep_block())
        held += BLOCK_BYTES / 1024;
    return held;
}

/* Slowly enough for samples in between. */
__attribute__((noinline)) static void leak(void) {
    while (keep_block())
        usleep(20000);
}

static int told[2]; /* a pipe: children say that they hold what they are to hold */

static void fork_leaking(void) {
    if (fork() == 0)
        leak();
}

static void fork_holding(int kilobytes) {
    char byte = 0;
    if (fork() == 0) {
        hold_kilobytes(kilobytes);
        if (write(told[1], &byte, 1) == 1)
            pause();
        _exit(1);
    }
    if (read(told[0], &byte, 1) != 1)
        _exit(1);
}

static void leak_small(void) {
    for (int i = 0;; i++) {
        newest = malloc(24);
        if (!newest)
            return;
        memset(newest, 1, 24);
        if (i % 5000 == 0)
            usleep(10000);
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    puts("ready");
    fflush(stdout);
    if (strcmp(what, "leak") == 0) {
        leak();
    } else if (strcmp(what, "small") == 0) {
        leak_small();
    } else if (strcmp(what, "abort") == 0) {
        hold_kilobytes(8 << 10);
        sleep(1);
        abort();
    } else if (strcmp(what, "family") == 0) {
        if (pipe(told))
            return 1;
        fork_holding(6 << 10);
        fork_holding(10 << 10);
        hold_kilobytes(4 << 10);
        pause();
    } else if (strcmp(what, "greedy-child") == 0) {
        fork_leaking();
        hold_kilobytes(4 << 10);
        pause();
    } else if (strcmp(what, "refused") == 0) {
        leak();
        puts("refused");
        fflush(stdout);
        pause();
    }
    return 0;
}
