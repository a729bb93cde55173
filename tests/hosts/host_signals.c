/* host_signals.c - a signal handler that allocates, in a storm of signals. (Not allowed by POSIX,
 * done by many; here only while the interrupted code is outside the allocator, in the hooks'
 * counting or in the program.) No count may be lost. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

#include "pool_view.h"

static volatile sig_atomic_t handled;

static void on_signal(int number) {
    (void)number;
    /* Opens rather than allocates when libc's allocator may hold its lock: opening passes all of
     * the probe that allocating passes but for the counters, and they are tested by read. */
    char byte;
    int fd = open("/dev/zero", O_RDONLY);
    handled += fd >= 0 && read(fd, &byte, 1) == 1;
    close(fd);
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGPROF, &action, NULL);
    int zero = open("/dev/zero", O_RDONLY);
    uint64_t before = view_totals(slot).read_bytes;
    struct itimerval timer = {.it_interval = {0, 100}, .it_value = {0, 100}};
    setitimer(ITIMER_PROF, &timer, NULL);
    uint64_t own = 0;
    char bytes[7];
    for (int i = 0; i < 200000 || handled < 20; i++) {
        own += (uint64_t)read(zero, bytes, sizeof bytes);
        free(malloc((size_t)(i % 1000)));
    }
    timer = (struct itimerval){0};
    setitimer(ITIMER_PROF, &timer, NULL);
    HOST_CHECK(view_totals(slot).read_bytes - before == own + (uint64_t)handled);
    return 0;
}
