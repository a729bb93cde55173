/* viewer.h - reads messages from the server and shows them. */
#pragma once

#include <signal.h>

#include "figures.h"
#include "options.h"

/* Reads until one of the signals, which are blocked, comes. The rows of each chunk that is shown
 * are written to DATA/viewer-N.rows: lines of the first row and their number. Returns the exit
 * status. */
int rc_viewer_main(const struct rc_options *options, struct rc_figures *figures,
                   const sigset_t *stop_signals);
