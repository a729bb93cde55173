/* baseline.h - is a figure of this run worse than in earlier ones, beyond what it varies by?
 *
 * By Student's t on logarithms, the noise pooled over all runs: baseline.c. Pure functions,
 * thread-safe. */
#pragma once

#include <stddef.h>

struct sm_baseline_ask {
    const double *before; /* the figure of each earlier run; NAN = that run did not know it */
    size_t before_count;
    const double *now; /* of the run to be judged, or of several of them */
    size_t now_count;
    int worse_is_lower; /* 0: more of it is worse (memory, latency) */
    double tolerance;   /* a change by less than this part of the baseline does not matter */
    double least;       /* nor one by less than this, in the unit of the figure */
};

enum sm_baseline_kind {
    SM_BASELINE_SAME,
    SM_BASELINE_WORSE,
    SM_BASELINE_BETTER,
    SM_BASELINE_UNSURE,
};

struct sm_baseline_verdict {
    enum sm_baseline_kind kind;
    double before, now;       /* usual values; NAN when no run knows one */
    double change, low, high; /* now - before, 99 % interval; infinite where it cannot be known */
    double matters;           /* the change that matters */
    size_t runs_needed;       /* when unsure: earlier runs that would settle it, about; 0 = none */
};

/* Judges. WORSE: it changed for the worse by at least what matters, and the interval of the change
 * excludes none at all. BETTER likewise. SAME: the interval lies within what matters. */
void sm_baseline_judge(const struct sm_baseline_ask *ask, struct sm_baseline_verdict *ret_verdict);
