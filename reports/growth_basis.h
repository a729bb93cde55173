/* growth_basis.h - the low frequencies of a window, and the shapes bounded growth can have.
 *
 * A window of n samples is described by its projections on the discrete Legendre polynomials of
 * degree 1..m over the n sample points (orthonormal, so white noise stays white). Slope lives in
 * the first one. Noise with a short memory, sawtooths and waves put nearly independent, equally
 * large amounts into all of them, whatever their form in time. */
#pragma once

#include <stddef.h>

enum {
    SM_BASIS_MAX_POINTS = 256, /* longer windows are averaged down to this many */
    SM_BASIS_MAX_DEGREE = 24,
    SM_BASIS_MIN_DEGREE = 6,
    SM_BASIS_SHAPES = 80,
};

enum sm_shape_kind {
    SM_SHAPE_EXPONENTIAL,
    SM_SHAPE_TWO_EXPONENTIALS,
    SM_SHAPE_LOGARITHM,
    SM_SHAPE_LINE_THEN_CAP,
    SM_SHAPE_STEP,
};

/* A way to rise by 1 and stop, over a window of length 1. */
struct sm_shape {
    enum sm_shape_kind kind;
    double when; /* (slower) time constant, the time the cap is met, or the time of the step */
    double fast; /* of two exponentials: the faster time constant */
    double part; /* of two exponentials: how much of the rise is the fast one's */
};
extern const struct sm_shape sm_shapes[SM_BASIS_SHAPES];

/* The height of a shape at time 0..1. */
double sm_shape_at(const struct sm_shape *shape, double time);

/* How slowly a bounded shape may rise, in windows: slower ones count as lines. */
struct sm_shape_limits {
    double exponential; /* the (slower) time constant */
    double logarithm;   /* `when` in log(1 + u / when) */
};
int sm_shape_is_bounded(const struct sm_shape *shape, const struct sm_shape_limits *limits);

struct sm_basis {
    size_t points;
    int degree;                              /* m */
    double ramp;                             /* projection of the line 0..1 on degree 1 */
    double *polynomial[SM_BASIS_MAX_DEGREE]; /* [degree - 1][point] */
    double shape[SM_BASIS_SHAPES][SM_BASIS_MAX_DEGREE]; /* projections of each shape */
};

/* The basis for that many points (2 * SM_BASIS_MIN_DEGREE .. SM_BASIS_MAX_POINTS), made at its
 * first use and kept for the life of the process; thread-safe. NULL when out of memory or range. */
const struct sm_basis *sm_basis_get(size_t points);
