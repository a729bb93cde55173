/* msgpack-ingest - takes rows as MessagePack over HTTP and writes them to Avro files.
 *
 * The process that is started only forks the workers, which share its socket, and waits for them.
 * Exit status: 0 after a clean stop (SIGTERM or SIGINT); 1 when a worker could not start, died, or
 * lost rows to a failing storage; 2 for bad options. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "stats.h"
#include "stop_signals.h"
#include "worker.h"

/* The socket of a daemon that was killed is replaced. -1 on failure, told on standard error. */
static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        listen(fd, SOMAXCONN) == 0)
        return fd;
    fprintf(stderr, "msgpack-ingest: cannot listen on %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static void stop_workers(const pid_t *pids, int count) {
    for (int i = 0; i < count; i++)
        if (pids[i] > 0)
            kill(pids[i], SIGTERM);
}

/* Forks the workers; returns how many there are, fewer when a fork failed. */
static int fork_workers(const struct mi_options *options, struct mi_stats *stats, int listen_fd,
                        const sigset_t *signals, pid_t *pids) {
    sigset_t stop_signals = *signals;
    sigdelset(&stop_signals, SIGCHLD);
    for (int i = 0; i < options->workers; i++) {
        pids[i] = fork();
        if (pids[i] < 0) {
            fprintf(stderr, "msgpack-ingest: cannot fork: %s\n", strerror(errno));
            return i;
        }
        if (pids[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            exit(mi_worker_run(options, stats, i, listen_fd, &stop_signals));
        }
    }
    return (int)options->workers;
}

static void tell_end(int index, pid_t pid, int status) {
    if (WIFSIGNALED(status))
        fprintf(stderr, "msgpack-ingest: worker %d (pid %d) was killed by signal %d\n", index,
                (int)pid, WTERMSIG(status));
    else
        fprintf(stderr, "msgpack-ingest: worker %d (pid %d) ended with status %d\n", index,
                (int)pid, WEXITSTATUS(status));
}

/* Takes the ends of workers; true when one of them ended badly. */
static bool reap(pid_t *pids, int count, int *running, int flags) {
    bool has_failed = false;
    int status;
    pid_t pid;
    while (*running && (pid = waitpid(-1, &status, flags)) > 0) {
        for (int i = 0; i < count; i++) {
            if (pids[i] != pid)
                continue;
            pids[i] = 0;
            (*running)--;
            if (status)
                tell_end(i, pid, status);
            has_failed |= status != 0;
        }
    }
    return has_failed;
}

/* One worker that ends before it is told to ends them all: nothing is hidden. */
static int supervise(pid_t *pids, int count, const sigset_t *signals) {
    int running = count;
    bool has_failed = false;
    for (int signal_number = SIGCHLD; running == count && signal_number == SIGCHLD;) {
        if (sigwait(signals, &signal_number))
            continue;
        has_failed |= reap(pids, count, &running, WNOHANG);
    }
    has_failed |= running < count;
    stop_workers(pids, count);
    has_failed |= reap(pids, count, &running, 0);
    return has_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(const struct mi_options *options, const sigset_t *signals) {
    pid_t pids[MI_WORKERS_MAX];
    struct mi_stats *stats = mi_stats_new((int)options->workers);
    int listen_fd = stats ? listen_at(options->socket_path) : -1;
    if (listen_fd < 0)
        return EXIT_FAILURE;
    int count = fork_workers(options, stats, listen_fd, signals, pids);
    int status = EXIT_FAILURE;
    if (count == options->workers) {
        status = supervise(pids, count, signals);
    } else {
        int running = count;
        stop_workers(pids, count);
        reap(pids, count, &running, 0);
    }
    close(listen_fd);
    unlink(options->socket_path);
    return status;
}

int main(int argc, char **argv) {
    struct mi_options options;
    enum daemon_options_result result = mi_options_parse(argc, argv, &options);
    if (result != DAEMON_OPTIONS_RUN)
        return (int)result;
    sigset_t signals;
    stop_signals_block(&signals);
    sigaddset(&signals, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    return run(&options, &signals);
}
