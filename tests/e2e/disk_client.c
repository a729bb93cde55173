/* disk_client.c FILE - writes, syncs and truncates a file again and again, goes on after every
 * error, and on SIGTERM prints one line of JSON: how often each kind of call ended in which way,
 * and how long the longest call took. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BYTES = 1000, CODES = 256 };
static const char *const kinds[] = {"write", "sync", "truncate"};
static long counts[3][CODES], shorts;
static double longest_s;
static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
    (void)signal_number;
    stopped = 1;
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void count(int kind, long result, double began_s) {
    double took_s = now_s() - began_s;
    longest_s = took_s > longest_s ? took_s : longest_s;
    if (result < 0 && errno < CODES)
        counts[kind][errno]++;
    else if (kind == 0 && result < BYTES)
        shorts++;
}

static void print(void) {
    printf("{\"short\": %ld, \"longest_s\": %.3f", shorts, longest_s);
    for (int kind = 0; kind < 3; kind++)
        for (int code = 1; code < CODES; code++)
            if (counts[kind][code])
                printf(", \"%s %s\": %ld", kinds[kind], strerrorname_np(code), counts[kind][code]);
    puts("}");
}

int main(int argc, char **argv) {
    static char bytes[BYTES];
    const struct timespec pause = {.tv_nsec = 1000000};
    int fd = argc == 2 ? open(argv[1], O_RDWR | O_CREAT, 0666) : -1;
    if (fd < 0)
        return 1;
    signal(SIGTERM, stop);
    puts("ready");
    fflush(stdout);
    for (unsigned turn = 0; !stopped; turn++) {
        double began_s = now_s();
        if (turn % 8 == 5)
            count(1, fsync(fd), began_s);
        else if (turn % 8 == 6)
            count(2, truncate(argv[1], 500), began_s);
        else if (turn % 8 == 7)
            count(2, ftruncate(fd, 700), began_s);
        else
            count(0, pwrite(fd, bytes, BYTES, 0), began_s);
        nanosleep(&pause, NULL);
    }
    print();
    return 0;
}
