/* keeper_process.h - the life of the keeper's own process. */
#pragma once

#include <sys/types.h>

#include "keeper_guard.h"

/* What the forked keeper runs, from its first instruction to its exit. `requests_fd` is its end
 * of the socket pair, `exits_fd` the writing end of the pipe of exits, `harness` the process that
 * it serves, `owned` where it notes what is to be removed. Never returns. */
_Noreturn void sm_keeper_process(int requests_fd, int exits_fd, pid_t harness,
                                 struct sm_owned_paths *owned);
