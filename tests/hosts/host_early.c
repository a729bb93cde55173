/* host_early.c - allocates, opens, reads and writes before constructors, in constructors, in
 * destructors of thread-local data, in exit handlers. */
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "pool_view.h"

static void *from_preinit, *from_constructor, *early_page;
static int early_fd;

/* The first call that the probe sees at all: of descriptors that it has not seen opened. */
static void preinit_bytes(void) {
    int ends[2];
    char got = 0;
    HOST_CHECK(syscall(SYS_pipe2, ends, 0) == 0);
    HOST_CHECK(write(ends[1], "x", 1) == 1 && read(ends[0], &got, 1) == 1 && got == 'x');
    close(ends[0]);
    close(ends[1]);
}

static void preinit(void) {
    preinit_bytes();
    from_preinit = calloc(10, 1000);
    early_fd = open("/dev/null", O_RDONLY);
    early_page = memalign(4096, 100);
}
__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(void) = preinit;

__attribute__((constructor(101))) static void construct(void) {
    from_constructor = realloc(malloc(100), 5000);
    from_preinit = realloc(from_preinit, 20000);
}

static pthread_key_t keys[3];

/* Comes back three times, as glibc allows, allocating each time. */
static void again(void *argument) {
    intptr_t left = (intptr_t)argument;
    free(malloc(1000));
    char *kept = malloc(64);
    memset(kept, 1, 64);
    free(kept);
    if (left > 1) {
        pthread_setspecific(keys[left % 3], (void *)(left - 1));
    }
}

static void *thread(void *argument) {
    (void)argument;
    for (int i = 0; i < 3; i++) {
        pthread_setspecific(keys[i], (void *)(intptr_t)3);
    }
    return malloc(10);
}

static void at_exit(void) {
    free(realloc(malloc(300), 30000));
}

__attribute__((destructor)) static void destruct(void) {
    free(from_constructor);
    free(malloc(10));
    close(early_fd);
}

/* A library that came with the probe would put its symbols before those of libraries that the
 * program opens later, libunwind's before libgcc's for one. */
static int came_along(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)size;
    (void)argument;
    static const char *const own[] = {"spillmark-probe", "/libc.so", "/ld-linux", "vdso"};
    bool known = info->dlpi_name[0] == '\0';
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        known |= strstr(info->dlpi_name, own[i]) != NULL;
    }
    return !known;
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    HOST_CHECK(dl_iterate_phdr(came_along, NULL) == 0);
    atexit(at_exit);
    HOST_CHECK(((char *)from_preinit)[9999] == 0);
    for (int i = 0; i < 3; i++) {
        HOST_CHECK(pthread_key_create(&keys[i], again) == 0);
    }
    pthread_t first;
    HOST_CHECK(pthread_create(&first, NULL, thread, NULL) == 0); /* libc's caches */
    void *block;
    pthread_join(first, &block);
    free(block);
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    for (int i = 0; i < 200; i++) {
        pthread_t id;
        HOST_CHECK(pthread_create(&id, NULL, thread, NULL) == 0);
        HOST_CHECK(pthread_join(id, &block) == 0);
        free(block);
    }
    HOST_CHECK(view_live_count(slot) == count);
    HOST_CHECK(view_live_bytes(slot) == bytes);
    return 0;
}
