#include "growth_basis.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

/* Dense where a wrong shape would leave a slope behind. Exponentials beyond a time constant of
 * about 1 are nearly lines: how many of them a caller admits decides what it takes for linear. */
/* clang-format off */
#define EXPONENTIAL(when) {SM_SHAPE_EXPONENTIAL, when, 0, 0}
#define TWO(when, fast) {SM_SHAPE_TWO_EXPONENTIALS, when, fast, .35}, \
                        {SM_SHAPE_TWO_EXPONENTIALS, when, fast, .65}
#define LOGARITHM(when) {SM_SHAPE_LOGARITHM, when, 0, 0}
#define CAP(when) {SM_SHAPE_LINE_THEN_CAP, when, 0, 0}
#define STEP(when) {SM_SHAPE_STEP, when, 0, 0}
const struct sm_shape sm_shapes[SM_BASIS_SHAPES] = {
    EXPONENTIAL(.04), EXPONENTIAL(.055), EXPONENTIAL(.075), EXPONENTIAL(.1), EXPONENTIAL(.13),
    EXPONENTIAL(.17), EXPONENTIAL(.22), EXPONENTIAL(.28), EXPONENTIAL(.36), EXPONENTIAL(.45),
    EXPONENTIAL(.56), EXPONENTIAL(.68), EXPONENTIAL(.8), EXPONENTIAL(.95), EXPONENTIAL(1.15),
    EXPONENTIAL(1.5), EXPONENTIAL(2), EXPONENTIAL(2.6), EXPONENTIAL(3.8),
    TWO(.4, .04), TWO(.4, .08), TWO(.4, .15),
    TWO(.65, .04), TWO(.65, .08), TWO(.65, .15), TWO(.65, .28),
    TWO(.95, .04), TWO(.95, .08), TWO(.95, .15), TWO(.95, .28),
    TWO(1.27, .04), TWO(1.27, .08), TWO(1.27, .15), TWO(1.27, .28),
    LOGARITHM(.01), LOGARITHM(.03), LOGARITHM(.08), LOGARITHM(.16), LOGARITHM(.3),
    LOGARITHM(.5), LOGARITHM(.9), LOGARITHM(1.6),
    CAP(.08), CAP(.14), CAP(.2), CAP(.26), CAP(.33), CAP(.4), CAP(.47), CAP(.54), CAP(.61),
    CAP(.68), CAP(.75),
    STEP(.05), STEP(.1), STEP(.15), STEP(.2), STEP(.26), STEP(.32), STEP(.38), STEP(.44),
    STEP(.5), STEP(.56), STEP(.62), STEP(.68),
};
/* clang-format on */

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
