/* worker.h - one forked worker, from its start to its end. */
#pragma once

#include <signal.h>

#include "options.h"
#include "stats.h"

/* Serves at the socket until one of the signals (blocked by the caller) comes. Returns the exit
 * status: 0, or 1 when it could not start or rows were lost. */
int mi_worker_run(const struct mi_options *options, struct mi_stats *stats, int index,
                  int listen_fd, const sigset_t *stop_signals);
