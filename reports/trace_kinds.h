/* trace_kinds.h - why something grew, lost or swelled: the causes a trace alone can show. */
#pragma once

#include "growth.h"

struct sm_trace_verdicts {
    struct sm_verdict heap, rss, fd;
    int has_heap, has_rss, has_fd; /* the trace has the column, the verdict is filled */
};

struct sm_trace_causes {
    unsigned bits;      /* of 1 << enum sm_cause_kind */
    int driver_unclear; /* a leak per request or over time: the plan does not tell which */
    double lost_units;
    double backlog_bytes;  /* rise of the heap in the worst fault */
    double retained_bytes; /* resident after the load beyond what is live */
    double amplification;  /* bytes of heap per byte in flight */
};

/* Judges the channels heap, rss and fd that the trace has, with its own resolutions and bounds.
 * 0 or -ENOMEM. */
int sm_trace_judge(const struct sm_trace *trace, struct sm_trace_verdicts *ret_verdicts);

/* 0 or -ENOMEM. A cause that needs a column the trace lacks is not found. */
int sm_trace_causes(const struct sm_trace *trace, const struct sm_trace_verdicts *verdicts,
                    struct sm_trace_causes *ret_causes);
