/* growth_profile.h - the profile interval of a window's slope over all bounded shapes. Internal to
 * the growth engine; the reasoning is in growth_profile.c. */
#pragma once

#include <stddef.h>

#include "growth_basis.h"

/* What a window of equally spaced values says about growth that does not stop. Rates are units
 * per second. */
struct sm_profile {
    double rate;              /* left when the best bounded shape is taken away */
    double plain_rate;        /* of the straight line through everything */
    double noise;             /* one standard error of plain_rate */
    double low, high;         /* profile interval at the level for growing */
    double low_any, high_any; /* profile interval at the level for bounded */
    double plain_low;         /* lower end for plain_rate at the level for growing */
    int freedom;              /* degrees of freedom of the noise */
    int shape;                /* of sm_shapes, that explains much of the rise; -1 = none */
    double shape_rise;        /* how high that shape would rise */
    double shape_left;        /* what of it is still to come */
};

struct sm_profile_ask {
    double seconds;       /* length of the window */
    double alpha_growing; /* one-sided */
    double alpha_bounded;
    struct sm_shape_limits slowest; /* bounded shapes slower than this count as lines */
};

/* 0, or -EDOM when there are too few values to say anything, -ENOMEM. */
int sm_profile_fit(const double *values, size_t count, const struct sm_profile_ask *ask,
                   struct sm_profile *ret_profile);
