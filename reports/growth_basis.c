#include "growth_basis.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

/* Dense where a wrong shape would leave a slope behind. Exponentials beyond a time constant of
 * about 1 are nearly lines: how many of them a caller admits decides what it takes for linear. */
const struct sm_shape sm_shapes[SM_BASIS_SHAPES] = {
#define E(when)                                                                                    \
    { SM_SHAPE_EXPONENTIAL, when, 0, 0 }
    E(.04),
    E(.055),
    E(.075),
    E(.1),
    E(.13),
    E(.17),
    E(.22),
    E(.28),
    E(.36),
    E(.45),
    E(.56),
    E(.68),
    E(.8),
    E(.95),
    E(1.15),
    E(1.5),
    E(2),
    E(2.6),
    E(3.8),
#undef E
#define T(when, fast, part)                                                                        \
    { SM_SHAPE_TWO_EXPONENTIALS, when, fast, part }
    T(0.4, 0.04, 0.35),
    T(0.4, 0.04, 0.65),
    T(0.4, 0.08, 0.35),
    T(0.4, 0.08, 0.65),
    T(0.4, 0.15, 0.35),
    T(0.4, 0.15, 0.65),
    T(0.65, 0.04, 0.35),
    T(0.65, 0.04, 0.65),
    T(0.65, 0.08, 0.35),
    T(0.65, 0.08, 0.65),
    T(0.65, 0.15, 0.35),
    T(0.65, 0.15, 0.65),
    T(0.65, 0.28, 0.35),
    T(0.65, 0.28, 0.65),
    T(0.95, 0.04, 0.35),
    T(0.95, 0.04, 0.65),
    T(0.95, 0.08, 0.35),
    T(0.95, 0.08, 0.65),
    T(0.95, 0.15, 0.35),
    T(0.95, 0.15, 0.65),
    T(0.95, 0.28, 0.35),
    T(0.95, 0.28, 0.65),
    T(1.27, 0.04, 0.35),
    T(1.27, 0.04, 0.65),
    T(1.27, 0.08, 0.35),
    T(1.27, 0.08, 0.65),
    T(1.27, 0.15, 0.35),
    T(1.27, 0.15, 0.65),
    T(1.27, 0.28, 0.35),
    T(1.27, 0.28, 0.65),
#undef T
#define L(when)                                                                                    \
    { SM_SHAPE_LOGARITHM, when, 0, 0 }
    L(0.01),
    L(0.03),
    L(0.08),
    L(0.16),
    L(0.3),
    L(0.5),
    L(0.9),
    L(1.6),
#undef L
#define C(when)                                                                                    \
    { SM_SHAPE_LINE_THEN_CAP, when, 0, 0 }
    C(.08),
    C(.14),
    C(.2),
    C(.26),
    C(.33),
    C(.4),
    C(.47),
    C(.54),
    C(.61),
    C(.68),
    C(.75),
#undef C
#define S(when)                                                                                    \
    { SM_SHAPE_STEP, when, 0, 0 }
    S(.05),
    S(.1),
    S(.15),
    S(.2),
    S(.26),
    S(.32),
    S(.38),
    S(.44),
    S(.5),
    S(.56),
    S(.62),
    S(.68),
#undef S
};

double sm_shape_at(const struct sm_shape *shape, double time) {
    switch (shape->kind) {
    case SM_SHAPE_EXPONENTIAL:
        return 1 - exp(-time / shape->when);
    case SM_SHAPE_TWO_EXPONENTIALS:
        return 1 - shape->part * exp(-time / shape->fast) -
               (1 - shape->part) * exp(-time / shape->when);
    case SM_SHAPE_LOGARITHM:
        return log1p(time / shape->when) / log1p(1 / shape->when);
    case SM_SHAPE_LINE_THEN_CAP:
        return fmin(time / shape->when, 1);
    case SM_SHAPE_STEP:
        return time > shape->when;
    }
    return 0;
}

int sm_shape_is_bounded(const struct sm_shape *shape, const struct sm_shape_limits *limits) {
    static const double ROUNDING = 1.001;
    switch (shape->kind) {
    case SM_SHAPE_EXPONENTIAL:
    case SM_SHAPE_TWO_EXPONENTIALS:
        return shape->when <= limits->exponential * ROUNDING;
    case SM_SHAPE_LOGARITHM:
        return shape->when <= limits->logarithm * ROUNDING;
    case SM_SHAPE_LINE_THEN_CAP:
    case SM_SHAPE_STEP:
        return 1;
    }
    return 1;
}

static double dot(const double *a, const double *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Powers of x made orthonormal one after the other (Gram and Schmidt, twice for the rounding).
 * x times the polynomial before is used as the next power: the same span, far better conditioned.
 */
static void fill_polynomials(struct sm_basis *basis) {
    size_t n = basis->points;
    for (int k = 0; k < basis->degree; k++) {
        double *p = basis->polynomial[k];
        for (size_t i = 0; i < n; i++) {
            double x = ((double)i + .5) / (double)n * 2 - 1;
            p[i] = k == 0 ? x : x * basis->polynomial[k - 1][i];
        }
        for (int pass = 0; pass < 2; pass++) {
            double mean = 0;
            for (size_t i = 0; i < n; i++)
                mean += p[i] / (double)n;
            for (size_t i = 0; i < n; i++)
                p[i] -= mean;
            for (int j = 0; j < k; j++) {
                double part = dot(p, basis->polynomial[j], n);
                for (size_t i = 0; i < n; i++)
                    p[i] -= part * basis->polynomial[j][i];
            }
            double length = sqrt(dot(p, p, n));
            for (size_t i = 0; i < n; i++)
                p[i] /= length;
        }
    }
}

static void fill_shapes(struct sm_basis *basis) {
    double heights[SM_BASIS_MAX_POINTS];
    size_t n = basis->points;
    for (int s = 0; s < SM_BASIS_SHAPES; s++) {
        for (size_t i = 0; i < n; i++)
            heights[i] = sm_shape_at(&sm_shapes[s], ((double)i + .5) / (double)n);
        for (int k = 0; k < basis->degree; k++)
            basis->shape[s][k] = dot(heights, basis->polynomial[k], n);
    }
    for (size_t i = 0; i < n; i++)
        heights[i] = ((double)i + .5) / (double)n;
    basis->ramp = dot(heights, basis->polynomial[0], n);
}

static struct sm_basis *make_basis(size_t points) {
    int degree = points / 2 < SM_BASIS_MAX_DEGREE ? (int)(points / 2) : SM_BASIS_MAX_DEGREE;
    struct sm_basis *basis =
        malloc(sizeof *basis + (size_t)degree * points * sizeof *basis->polynomial[0]);
    if (!basis)
        return NULL;
    basis->points = points;
    basis->degree = degree;
    for (int k = 0; k < degree; k++)
        basis->polynomial[k] = (double *)(basis + 1) + (size_t)k * points;
    fill_polynomials(basis);
    fill_shapes(basis);
    return basis;
}

const struct sm_basis *sm_basis_get(size_t points) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct sm_basis *made[SM_BASIS_MAX_POINTS + 1]; /* reachable for ever: a cache */
    if (points < 2 * SM_BASIS_MIN_DEGREE || points > SM_BASIS_MAX_POINTS)
        return NULL;
    pthread_mutex_lock(&lock);
    if (!made[points])
        made[points] = make_basis(points);
    const struct sm_basis *basis = made[points];
    pthread_mutex_unlock(&lock);
    return basis;
}
