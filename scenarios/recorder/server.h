/* server.h - takes messages from SDKs, keeps them, and passes them on to viewers. */
#pragma once

#include <signal.h>

#include "figures.h"
#include "options.h"

/* Serves until one of the signals, which are blocked, comes. Returns the exit status. */
int rc_server_main(const struct rc_options *options, struct rc_figures *figures,
                   const sigset_t *stop_signals);
