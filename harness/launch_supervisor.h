/* launch_supervisor.h - the small process that serves a supervised program, from fork to the
 * hand-over of the listener. It is a child of the keeper, outlives the program by a moment and
 * never holds the harness's or the user's descriptors. */
#pragma once

#include <sys/types.h>

#include "supervisor.h"

struct sm_launch_supervisor {
    pid_t pid;      /* 0 = none */
    int channel_fd; /* to it; the listener goes over this */
    struct sm_supervisor_shared *shared;
};

/* In the keeper: forks it. 0 or a negative errno. */
int sm_launch_supervisor_start(struct sm_supervisor_shared *shared,
                               struct sm_launch_supervisor *ret_supervisor);

/* In the program's process before exec: installs the filter, hands over the listener and waits
 * until it is being served. 0 or a negative errno. */
int sm_launch_supervisor_enter(const struct sm_launch_supervisor *supervisor);

/* In the keeper, afterwards: closes the channel; a supervisor whose program never started is
 * ended and pid becomes 0. */
void sm_launch_supervisor_settle(struct sm_launch_supervisor *supervisor, int started);
