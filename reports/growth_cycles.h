/* growth_cycles.h - the verdict on cycles of load and rest. Internal to the growth engine; the
 * reasoning is in growth_cycles.c. */
#pragma once

#include "growth.h"

/* What the level at rest went with. */
enum sm_cycle_driver { SM_DRIVER_TIME, SM_DRIVER_REQUESTS, SM_DRIVER_ERRORS, SM_DRIVER_LOSSES };

struct sm_cycles_ask {
    const struct sm_trace *trace;
    const double *values; /* without NAN, of the trace's clock */
    int is_count;         /* whole numbers (descriptors): the median rests, not the least */
    double resolution_per_s;
    double alpha;
};

struct sm_cycles_verdict {
    enum sm_verdict_kind kind;
    int suspect;
    double rate, low, high;   /* per second, 99 % interval */
    double at_least, at_most; /* 99 % sure of each */
    enum sm_cycle_driver driver;
    double time_to_requests; /* residual of time over that of requests: > 1, requests fit better */
    int settled;             /* enough rests, and the same verdict without the last of them */
    int marks;               /* rests measured */
    double used_until_s;     /* of the trace: the end of the last rest */
};

/* 0 or -ENOMEM. */
int sm_cycles_judge(const struct sm_cycles_ask *ask, struct sm_cycles_verdict *ret_verdict);
