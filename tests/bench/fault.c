/* fault.c - what the supervisor costs a program per 512-byte pwrite: to files beside the watched
 * directory, to watched ones while no fault is at work, and beyond the delay asked for while one
 * is. The kinds take turns, so that a drifting machine hurts all of them alike. Each round is cut
 * into batches short enough to fit between two interruptions by other programs: their median says
 * what a program meets here and now, their lowest twentieth what the calls cost by themselves, also
 * on a busy machine. Of both the medians over all rounds. */
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
    int batches, writes; /* of each batch */
} kinds[] = {
    {"no supervisor", "beside/f", 0, 0, 0, 200, 100},
    {"supervised, file beside", "beside/f", 1, 1, 0, 200, 100},
    {"supervised, standard output", "stdout", 1, 1, 0, 200, 20},
    {"watched, no fault at work", "watched/f", 1, 0, 0, 200, 20},
    {"watched, fault without delay", "watched/f", 1, 1, 0, 200, 20},
    {"watched, 1 ms: beyond it", "watched/f", 1, 1, LATENCY_NS, 200, 1},
};
enum { KINDS = sizeof kinds / sizeof *kinds, BATCHES_MOST = 200 };

struct result {
    double median_ns, best_ns; /* per write */
};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double write_batch(int fd, int writes) {
    static const char block[BLOCK];
    int64_t start_ns = sm_now_ns();
    for (int i = 0; i < writes; i++)
        if (pwrite(fd, block, BLOCK, (off_t)(i % 64) * BLOCK) != BLOCK)
            _exit(1);
    return (double)(sm_now_ns() - start_ns) / writes;
}

/* In the child: what came out, through the pipe. */
static _Noreturn void measure(const struct kind *kind, int result_fd) {
    double each_ns[BATCHES_MOST];
    int fd = strcmp(kind->file, "stdout") == 0 ? STDOUT_FILENO
                                               : open(kind->file, O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        _exit(1);
    if (fd == STDOUT_FILENO)
        fd = dup2(open("beside/stdout", O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    write_batch(fd, kind->writes); /* warms up */
    for (int i = 0; i < kind->batches; i++)
        each_ns[i] = write_batch(fd, kind->writes);
    qsort(each_ns, (size_t)kind->batches, sizeof *each_ns, compare);
    struct result result = {each_ns[kind->batches / 2], each_ns[kind->batches / 20]};
    _exit(write(result_fd, &result, sizeof result) != sizeof result);
}

static struct result run_kind(const struct kind *kind, struct sm_supervisor_shared *shared) {
    struct sm_launch_supervisor supervisor = {.channel_fd = -1};
    int ends[2], status = -1;
    struct result result = {0};
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
    if (read(ends[0], &result, sizeof result) != sizeof result)
        exit(3);
    close(ends[0]);
    waitpid(pid, &status, 0);
    if (kind->supervised)
        waitpid(supervisor.pid, NULL, 0);
    result.median_ns -= (double)kind->latency_ns;
    result.best_ns -= (double)kind->latency_ns;
    return result;
}

int main(void) {
    static double medians[KINDS][ROUNDS], bests[KINDS][ROUNDS];
    char dir[] = "/tmp/spillmark-bench-XXXXXX", command[64];
    struct sm_supervisor_shared *shared = sm_supervisor_share();
    if (!shared || !mkdtemp(dir) || chdir(dir) || mkdir("watched", 0700) || mkdir("beside", 0700))
        return 3;
    snprintf(shared->rules[0].path, sizeof shared->rules[0].path, "%s/watched", dir);
    shared->rules[0].used = 1;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t k = 0; k < KINDS; k++) {
            struct result result = run_kind(&kinds[k], shared);
            medians[k][round] = result.median_ns;
            bests[k][round] = result.best_ns;
        }
    printf("%-32s %10s %8s %10s %8s\n", "512-byte pwrite", "us", "ratio", "best us", "ratio");
    for (size_t k = 0; k < KINDS; k++) {
        qsort(medians[k], ROUNDS, sizeof medians[k][0], compare);
        qsort(bests[k], ROUNDS, sizeof bests[k][0], compare);
        double median = medians[k][ROUNDS / 2], best = bests[k][ROUNDS / 2];
        printf("%-32s %10.2f %8.2f %10.2f %8.2f\n", kinds[k].name, median / 1000,
               median / medians[0][ROUNDS / 2], best / 1000, best / bests[0][ROUNDS / 2]);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command) ? 3 : 0;
}
