/* fault.c - what the supervisor costs a program per 512-byte pwrite: to files beside the watched
 * directory, to watched ones while no fault is at work, and beyond the delay asked for while one
 * is. The kinds take turns, so that a drifting machine hurts all of them alike. Medians; the best
 * round is what a busy machine leaves comparable. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/launch_supervisor.h"

enum { ROUNDS = 15, BLOCK = 512, LATENCY_NS = 1000 * 1000 };

static const struct kind {
    const char *name;
    const char *file;
    int supervised, active;
    uint64_t latency_ns;
    int writes;
} kinds[] = {
    {"no supervisor", "beside/f", 0, 0, 0, 20000},
    {"supervised, file beside", "beside/f", 1, 1, 0, 20000},
    {"supervised, standard output", "stdout", 1, 1, 0, 4000},
    {"watched, no fault at work", "watched/f", 1, 0, 0, 4000},
    {"watched, fault without delay", "watched/f", 1, 1, 0, 4000},
    {"watched, 1 ms: beyond it", "watched/f", 1, 1, LATENCY_NS, 200},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* In the child: nanoseconds per write, through the pipe. */
static _Noreturn void measure(const struct kind *kind, int result_fd) {
    char block[BLOCK] = {0};
    int fd = strcmp(kind->file, "stdout") == 0 ? STDOUT_FILENO
                                               : open(kind->file, O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        _exit(1);
    if (fd == STDOUT_FILENO)
        fd = dup2(open("beside/stdout", O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    for (int i = 0; i < kind->writes / 10; i++)
        if (kind->latency_ns == 0 && pwrite(fd, block, BLOCK, 0) != BLOCK)
            _exit(1);
    int64_t start_ns = sm_now_ns();
    for (int i = 0; i < kind->writes; i++)
        if (pwrite(fd, block, BLOCK, (off_t)(i % 64) * BLOCK) != BLOCK)
            _exit(1);
    double each_ns = (double)(sm_now_ns() - start_ns) / kind->writes;
    _exit(write(result_fd, &each_ns, sizeof each_ns) != sizeof each_ns);
}

static double run_kind(const struct kind *kind, struct sm_supervisor_shared *shared) {
    struct sm_launch_supervisor supervisor = {.channel_fd = -1};
    int ends[2], status = -1;
    double each_ns = 0;
    shared->rules[0].latency_ns = kind->latency_ns;
    shared->rules[0].active = (uint32_t)kind->active;
    if (pipe2(ends, O_CLOEXEC) ||
        (kind->supervised && sm_launch_supervisor_start(shared, &supervisor)))
        exit(3);
    pid_t pid = fork();
    if (pid == 0) {
        if (kind->supervised && sm_launch_supervisor_enter(&supervisor))
            _exit(1);
        measure(kind, ends[1]);
    }
    if (kind->supervised)
        sm_launch_supervisor_settle(&supervisor, 1);
    close(ends[1]);
    if (read(ends[0], &each_ns, sizeof each_ns) != sizeof each_ns)
        exit(3);
    close(ends[0]);
    waitpid(pid, &status, 0);
    if (kind->supervised)
        waitpid(supervisor.pid, NULL, 0);
    return each_ns - (double)kind->latency_ns;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    static double results[KINDS][ROUNDS];
    char dir[] = "/tmp/spillmark-bench-XXXXXX", command[64];
    struct sm_supervisor_shared *shared = sm_supervisor_share();
    if (!shared || !mkdtemp(dir) || chdir(dir) || mkdir("watched", 0700) || mkdir("beside", 0700))
        return 3;
    snprintf(shared->rules[0].path, sizeof shared->rules[0].path, "%s/watched", dir);
    shared->rules[0].used = 1;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t k = 0; k < KINDS; k++)
            results[k][round] = run_kind(&kinds[k], shared);
    printf("%-32s %10s %8s %10s %8s\n", "512-byte pwrite", "us", "ratio", "best us", "ratio");
    for (size_t k = 0; k < KINDS; k++) {
        qsort(results[k], ROUNDS, sizeof results[k][0], compare);
        double median = results[k][ROUNDS / 2], best = results[k][0];
        printf("%-32s %10.2f %8.2f %10.2f %8.2f\n", kinds[k].name, median / 1000,
               median / results[0][ROUNDS / 2], best / 1000, best / results[0][0]);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command) ? 3 : 0;
}
