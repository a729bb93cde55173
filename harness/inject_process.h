/* inject_process.h - the probe in one process: brought in, switched off. Used in the injector's
 * process, which has SIGCHLD blocked and one thread. */
#pragma once

#include "../probes/injection.h"
#include "../reports/error.h"
#include "remote.h"

/* Why the probe cannot be brought into a process, from /proc alone: 0, or a negative errno with
 * *err saying why. */
int sm_inject_check(pid_t pid, struct sm_error *err);

/* Brings it in. `request` goes in with pool_path and keeper_pid and comes back with the answers. 0
 * when the probe is on; else the process is as it was, but that the library may be loaded. */
int sm_inject_bring(pid_t pid, double patience_s, struct spillmark_injection *request,
                    struct sm_error *err);

/* Switches it off. 0 when it is off, or was not in. */
int sm_inject_withdraw(pid_t pid, struct sm_error *err);
