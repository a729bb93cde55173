/* growth_so_far.h - is a rise in a window that is still on clear enough to be suspected? Internal
 * to the growth engine; the reasoning is in growth_so_far.c. */
#pragma once

#include <stddef.h>

/* A suffix of the window, from `skip` on, and what a line through it says. */
struct sm_so_far {
    const double *values; /* the whole window so far, without NAN */
    size_t count, skip;
    double seconds;    /* of the whole window so far */
    double level;      /* before the window */
    double resolution; /* growth that matters, per second */
    double rate;       /* of the line, per second */
    double noise;      /* one standard error of it */
    double alpha;      /* error allowed for the suffix, over all looks */
    int freedom;       /* degrees of freedom of noise */
};

/* 1 when it is. */
int sm_so_far_is_clear(const struct sm_so_far *rise);
