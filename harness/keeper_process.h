/* keeper_process.h - the life of the keeper's own process. */
#pragma once

#include <sys/types.h>

/* What the forked keeper runs, from its first instruction to its exit. `requests_fd` is its end
 * of the socket pair, `exits_fd` the writing end of the pipe of exits, `harness` the process that
 * it serves. Never returns. */
_Noreturn void sm_keeper_process(int requests_fd, int exits_fd, pid_t harness);
