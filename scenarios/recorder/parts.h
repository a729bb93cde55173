/* parts.h - the server, the viewers and the SDK, each in a process of its own. */
#pragma once

#include <signal.h>

#include "options.h"

/* Starts them, with the command line argv and the figures of a descriptor, and waits until one of
 * the signals comes, which are blocked and of which one is SIGCHLD. One part that ends before it is
 * told to ends them all. Returns the exit status. */
int rc_parts_run(const struct rc_options *options, char **argv, int figures_fd,
                 const sigset_t *signals);
