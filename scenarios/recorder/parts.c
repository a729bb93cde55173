#include "parts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PARTS_MAX = RC_VIEWERS_MAX + 2 };

struct part {
    const char *role;
    pid_t pid; /* 0 once it has ended */
};

struct parts {
    char **argv;
    char figures_fd[16];
    struct part list[PARTS_MAX];
    size_t count, running;
};

/* Becomes the part: what all have in common stands behind what is its own, but for the role. */
static void become(const struct parts *parts, const char *role, const char *number) {
    size_t count = 0, used = 0;
    while (parts->argv[count])
        count++;
    const char **own = calloc(count + 8, sizeof *own);
    if (!own)
        return;
    own[used++] = parts->argv[0];
    own[used++] = "--role";
    own[used++] = role;
    own[used++] = "--viewer-number";
    own[used++] = number;
    own[used++] = "--figures";
    own[used++] = parts->figures_fd;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(parts->argv[i], "--role") == 0)
            i++;
        else
            own[used++] = parts->argv[i];
    }
    execv("/proc/self/exe", (char **)own);
}

static bool start(struct parts *parts, const char *role, int number) {
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        become(parts, role, text);
        _exit(EXIT_FAILURE);
    }
    if (pid < 0) {
        fprintf(stderr, "recorder: cannot fork: %s\n", strerror(errno));
        return false;
    }
    parts->list[parts->count++] = (struct part){role, pid};
    parts->running++;
    return true;
}

static bool start_all(struct parts *parts, int viewers) {
    bool is_ok = start(parts, "server", 0);
    for (int i = 0; is_ok && i < viewers; i++)
        is_ok = start(parts, "viewer", i);
    return is_ok && start(parts, "sdk", 0);
}

static void tell_end(const struct part *part, int status) {
    bool was_killed = WIFSIGNALED(status);
    fprintf(stderr, "recorder: the %s (pid %d) %s %d\n", part->role, (int)part->pid,
            was_killed ? "was killed by signal" : "ended with status",
            was_killed ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* Takes the ends of parts; true when one of them ended badly. */
static bool reap(struct parts *parts, int flags) {
    bool has_failed = false;
    int status;
    pid_t pid;
    while (parts->running && (pid = waitpid(-1, &status, flags)) > 0) {
        for (size_t i = 0; i < parts->count; i++) {
            if (parts->list[i].pid != pid)
                continue;
            if (status)
                tell_end(&parts->list[i], status);
            parts->list[i].pid = 0;
            parts->running--;
            has_failed |= status != 0;
        }
    }
    return has_failed;
}

int rc_parts_run(const struct rc_options *options, char **argv, int figures_fd,
                 const sigset_t *signals) {
    struct parts parts = {.argv = argv};
    int signal_number = SIGCHLD;
    snprintf(parts.figures_fd, sizeof parts.figures_fd, "%d", figures_fd);
    bool has_failed = !start_all(&parts, (int)options->viewers);
    while (!has_failed && parts.running == parts.count && signal_number == SIGCHLD) {
        if (sigwait(signals, &signal_number) == 0)
            has_failed = reap(&parts, WNOHANG);
    }
    has_failed |= parts.running < parts.count;
    for (size_t i = 0; i < parts.count; i++)
        if (parts.list[i].pid)
            kill(parts.list[i].pid, SIGTERM);
    has_failed |= reap(&parts, 0);
    return has_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
