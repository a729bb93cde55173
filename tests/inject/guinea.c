/* guinea.c - a program that does what it is told on standard input, one answer a line, and knows
 * whether its memory and its clocks are as they should be. */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCKS = 20000, THREADS = 4, SLOTS = 64 };

static unsigned char *old_blocks[BLOCKS];
static size_t old_count, old_bytes;

static void *checked(void *block) {
    if (!block)
        exit(3);
    return block;
}

static void hold(size_t count, size_t bytes) {
    for (old_bytes = bytes; count > 0 && old_count < BLOCKS; count--) {
        old_blocks[old_count] = checked(malloc(bytes));
        memset(old_blocks[old_count], (int)(old_count & 0xff), bytes);
        old_count++;
    }
}

static int drop(void) {
    int sound = 1;
    for (; old_count > 0; old_count--) {
        const unsigned char *block = old_blocks[old_count - 1];
        unsigned char mark = (old_count - 1) & 0xff;
        sound &= block[0] == mark && block[old_bytes - 1] == mark;
        free(old_blocks[old_count - 1]);
    }
    return sound;
}

__attribute__((noinline)) static void keep_more(size_t count, size_t bytes) {
    for (; count > 0; count--)
        memset(checked(malloc(bytes)), 1, bytes);
}

static volatile sig_atomic_t stopping;
static uint64_t rounds[THREADS];
static int spoilt[THREADS];

/* Allocates and frees and nothing else, and sums doubles in between. */
static void *churn(void *argument) {
    size_t id = (size_t)argument;
    unsigned char *blocks[SLOTS] = {0};
    uint32_t seed = (uint32_t)id + 1;
    double sum = 0;
    while (!stopping) {
        seed = seed * 1103515245 + 12345;
        size_t at = seed >> 16 & (SLOTS - 1), bytes = 16 + (seed >> 8 & 0xfff);
        spoilt[id] |= blocks[at] && *blocks[at] != (unsigned char)(at ^ id);
        free(blocks[at]);
        blocks[at] = checked(seed & 0x8000 ? malloc(bytes) : realloc(NULL, bytes));
        memset(blocks[at], (int)(at ^ id), bytes);
        sum += 0.5;
        rounds[id]++;
    }
    for (size_t i = 0; i < SLOTS; i++)
        free(blocks[i]);
    spoilt[id] |= sum != 0.5 * (double)rounds[id];
    return NULL;
}

static pthread_t threads[THREADS];

static void start_threads(void) {
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, churn, (void *)i);
}

static int stop_threads(void) {
    int sound = 1;
    stopping = 1;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sound &= !spoilt[i] && rounds[i] > 0;
    }
    return sound;
}

/* A child that keeps and waits until its standard input, which is ours, has said so. */
static void fork_and_keep(size_t count, size_t bytes) {
    int go[2];
    if (pipe(go))
        exit(3);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(go[1]);
        keep_more(count, bytes);
        _exit(read(go[0], &byte, 1) < 0);
    }
    close(go[0]);
    printf("%d\n", (int)pid);
    fflush(stdout);
    char line[64];
    if (!fgets(line, sizeof line, stdin))
        exit(3);
    close(go[1]);
    int status;
    waitpid(pid, &status, 0);
    printf("%d\n", status);
}

#ifdef GUINEA_STATIC
static int open_and_keep(const char *path, size_t count, size_t bytes) {
    (void)path, (void)count, (void)bytes;
    return 0;
}
#else
static int open_and_keep(const char *path, size_t count, size_t bytes) {
    void *library = dlopen(path, RTLD_NOW);
    void (*keep)(size_t, size_t) =
        library ? (void (*)(size_t, size_t))dlsym(library, "plugin_keep") : NULL;
    if (keep)
        keep(count, bytes);
    return keep != NULL;
}
#endif

/* What the C library allocates and enlarges by itself, and the caller frees. */
static int read_line(size_t bytes) {
    char *text = checked(malloc(bytes + 1)), *line = NULL;
    size_t capacity = 0;
    memset(text, 'x', bytes);
    text[bytes] = '\n';
    FILE *file = fmemopen(text, bytes + 1, "r");
    int whole = file && getline(&line, &capacity, file) == (ssize_t)bytes + 1;
    if (file)
        fclose(file);
    free(text);
    free(line);
    return whole;
}

/* 0 when each of the ways to sleep was slept out. */
static int sleep_out(int milliseconds) {
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    struct timespec before, after;
    int failed = 0;
    clock_gettime(CLOCK_MONOTONIC, &before);
    failed += nanosleep(&time, NULL) != 0;
    failed += poll(NULL, 0, milliseconds) != 0;
    clock_gettime(CLOCK_MONOTONIC, &after);
    long slept_ms =
        (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    return failed + (slept_ms < 2L * milliseconds - 2);
}

static void obey(const char *line) {
    char word[32] = "", path[400] = "";
    size_t count = 0, bytes = 0;
    sscanf(line, "%31s %zu %zu %399s", word, &count, &bytes, path);
    if (strcmp(word, "hold") == 0)
        hold(count, bytes);
    else if (strcmp(word, "keep") == 0)
        keep_more(count, bytes);
    else if (strcmp(word, "threads") == 0)
        start_threads();
    else if (strcmp(word, "fork") == 0)
        fork_and_keep(count, bytes);
    int answer = strcmp(word, "drop") == 0    ? drop()
                 : strcmp(word, "join") == 0  ? stop_threads()
                 : strcmp(word, "line") == 0  ? read_line(count)
                 : strcmp(word, "open") == 0  ? open_and_keep(path, count, bytes)
                 : strcmp(word, "sleep") == 0 ? sleep_out((int)count)
                                              : 0;
    printf("%s %d\n", word, answer);
    fflush(stdout);
}

int main(void) {
    char line[512];
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        obey(line);
    printf("well\n");
    return 0;
}
