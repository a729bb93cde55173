/* keeper_sweep.h - ends every process below this one. Used by the keeper at the end of a run, and
 * by the harness when it has lost its keeper. */
#pragma once

#include "proc.h"

/* SIGTERM and SIGCONT to all descendants of the calling process, up to grace_s to end, SIGKILL
 * to what is left, until nothing is left. Reaps. Processes in `last` (supervisors) are spared
 * until the others are gone and then have a second to end by themselves. `is_ours` (may be NULL)
 * says which descendants are meant. Returns how many were still there in the end: a process that
 * belongs to another user, or that the kernel holds, cannot be killed. */
size_t sm_sweep(double grace_s, const struct sm_pid_list *last, int (*is_ours)(pid_t pid));
