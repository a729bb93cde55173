/* launch.h - forks and executes one program for the keeper. Called in a process with one thread
 * only, so the child may use all of libc before exec. */
#pragma once

#include <limits.h>

#include "keeper.h"

/* How far a launch came. */
enum sm_launch_stage {
    SM_LAUNCH_DONE,
    SM_LAUNCH_FORK,
    SM_LAUNCH_CWD,
    SM_LAUNCH_OUTPUT,
    SM_LAUNCH_LIMIT,
    SM_LAUNCH_USER,
    SM_LAUNCH_SUPERVISOR,
    SM_LAUNCH_LOOKUP, /* argv[0] is not in PATH */
    SM_LAUNCH_EXEC,
};

struct sm_launch_result {
    int32_t stage; /* enum sm_launch_stage */
    int32_t code;  /* negative errno when stage is not DONE */
    int32_t pid;
    int32_t supervisor_pid;     /* 0 without one */
    char program[PATH_MAX];     /* what argv[0] was found to be */
    char interpreter[PATH_MAX]; /* what that file asks to be run by, when exec failed */
};

/* Starts the program, and before it its supervisor when the spawn asks for one. `terminal_fd` >= 0
 * makes the program's group the foreground group of that terminal. A failed launch leaves no
 * process behind. */
void sm_launch(const struct sm_spawn *spawn, int terminal_fd, struct sm_launch_result *ret_result);

/* Turns a failed result into *err; returns its code. */
int sm_launch_explain(const struct sm_launch_result *result, const struct sm_spawn *spawn,
                      struct sm_error *err);
