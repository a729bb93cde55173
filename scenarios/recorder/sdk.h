/* sdk.h - the SDK, whose calls come over HTTP on a unix socket. */
#pragma once

#include <signal.h>

#include "figures.h"
#include "options.h"

/* Takes calls until one of the signals, which are blocked, comes. Returns the exit status. */
int rc_sdk_main(const struct rc_options *options, struct rc_figures *figures,
                const sigset_t *stop_signals);
