/* recorder - takes columns from an SDK into a server's buffer, from where viewers read them.
 *
 * With --role all the process that is started only starts the parts, each by its own --role, and
 * waits for them. Exit status: 0 after a clean stop (SIGTERM or SIGINT), 1 when a part could not
 * start or died, 2 for bad options. */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "figures.h"
#include "options.h"
#include "parts.h"
#include "sdk.h"
#include "server.h"
#include "stats_server.h"
#include "stop_signals.h"
#include "viewer.h"

static int run_part(const struct rc_options *options, struct rc_figures *figures,
                    const sigset_t *signals) {
    switch ((enum rc_role)options->role) {
    case RC_SERVER:
        return rc_server_main(options, figures, signals);
    case RC_SDK:
        return rc_sdk_main(options, figures, signals);
    default:
        return rc_viewer_main(options, figures, signals);
    }
}

static int run(const struct rc_options *options, char **argv, const sigset_t *signals) {
    struct stats_server *stats = NULL;
    bool is_own = options->figures_fd < 0;
    int fd = is_own ? rc_figures_create() : (int)options->figures_fd;
    struct rc_figures *figures = fd < 0 ? NULL : rc_figures_open(fd);
    if (!figures)
        return EXIT_FAILURE;
    if (is_own && options->stats_path) {
        stats = stats_server_start("recorder", options->stats_path, rc_figures_json, figures);
        if (!stats)
            return EXIT_FAILURE;
    }
    int status = options->role == RC_ALL ? rc_parts_run(options, argv, fd, signals)
                                         : run_part(options, figures, signals);
    stats_server_stop(stats);
    return status;
}

int main(int argc, char **argv) {
    struct rc_options options;
    enum daemon_options_result result = rc_options_parse(argc, argv, &options);
    if (result != DAEMON_OPTIONS_RUN)
        return (int)result;
    /* Blocked before any thread or part exists, so that only sigwait sees them. */
    sigset_t signals;
    stop_signals_block(&signals);
    if (options.role == RC_ALL) {
        sigaddset(&signals, SIGCHLD);
        pthread_sigmask(SIG_BLOCK, &signals, NULL);
    }
    return run(&options, argv, &signals);
}
