/* growth_cycle_fit.h - least squares of the levels at rest over drivers and shapes. Internal to
 * the growth engine; the model is in growth_cycles.c. */
#pragma once

#include "growth_basis.h"
#include "growth_cycles.h"

enum { SM_CYCLE_DRIVERS = 4, SM_CYCLE_MAX_MARKS = 1024, SM_CYCLE_MAX_ONSETS = 32 };
enum {
    SM_CYCLE_MAX_FITS = SM_CYCLE_DRIVERS * (1 + SM_CYCLE_MAX_ONSETS + SM_BASIS_SHAPES),
};

/* What is held at the end of one rest. */
struct sm_mark {
    double at_s, level, error;       /* error: standard, of the level within the rest */
    double driver[SM_CYCLE_DRIVERS]; /* cumulative, in its own unit */
    double in_flight;                /* bytes at the end of the rest, as far as known */
};

/* One model on the marks: level + b max(0, u - onset) + A shape(u). */
struct sm_cycle_fit {
    enum sm_cycle_driver driver;
    const struct sm_shape *shape; /* NULL = none */
    double onset;                 /* as a part of the experiment; 0 = from its start */
    int freedom;
    double residual;        /* sum of squares */
    double rate;            /* b per second */
    double variance_factor; /* of the rate, times the noise's variance */
};

/* Fits every model to marks[skip..count) with u counted from `origin`, the start of the first
 * load. Returns how many fits (at most SM_CYCLE_MAX_FITS) were possible. */
int sm_cycle_fit_all(const struct sm_mark *origin, const struct sm_mark *marks, int count, int skip,
                     struct sm_cycle_fit *ret_fits);
