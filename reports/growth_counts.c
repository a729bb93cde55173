/* Growth of something counted in ones.
 *
 * A leak of descriptors is a counting process: its level wanders like a random walk, and tests
 * that take what wanders for noise (growth_profile.c) lose most of their power. Its increments,
 * though, are independent, and their variance is known: that of Poisson counts, their mean.
 *
 * The window is cut into blocks; the increments between the means of neighbouring blocks are
 *
 *     d_j = b + A (s_j+1 - s_j) + noise,    A >= 0,  s a bounded shape,
 *
 * with the variance of their mean, never less than that of their residual. From there on it is the
 * profile interval of growth_profile.c.
 *
 * How much a pool that fills slowly looks like a leak is settled by slowest_exponential. With 60
 * descriptors, uniform in time, against an exponential of 0.56 windows, the likelihood ratio is
 * 60 * 0.13 nats: 3.9 standard errors. */
#include "growth_counts.h"

#include <errno.h>
#include <math.h>

#include "growth_basis.h"
#include "growth_stats.h"

enum { BLOCKS = 13, STEPS = BLOCKS - 1, MIN_VALUES = 4 * BLOCKS };

static const double MANY = 1000; /* degrees of freedom of a variance that is known */

struct fit {
    double rate, error_factor, residual; /* in increments per step */
};

/* d = b + A x by least squares, A >= 0. */
static struct fit fit_shape(const double *steps, const double *x) {
    double mean = 0, mean_x = 0, xx = 0, xd = 0;
    for (int i = 0; i < STEPS; i++) {
        mean += steps[i] / STEPS;
        mean_x += x[i] / STEPS;
    }
    for (int i = 0; i < STEPS; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xd += (x[i] - mean_x) * (steps[i] - mean);
    }
    struct fit fit = {mean, 1. / STEPS, 0};
    double amplitude = xx > 0 ? fmax(0, xd / xx) : 0;
    if (amplitude > 0) {
        fit.rate -= amplitude * mean_x;
        fit.error_factor += mean_x * mean_x / xx;
    }
    for (int i = 0; i < STEPS; i++) {
        double left = steps[i] - fit.rate - amplitude * x[i];
        fit.residual += left * left;
    }
    return fit;
}

static int fit_all(const double *steps, const struct sm_profile_ask *ask, struct fit *ret_fits) {
    double x[STEPS] = {0};
    int used = 0;
    ret_fits[used++] = fit_shape(steps, x);
    for (int s = 0; s < SM_BASIS_SHAPES; s++) {
        if (!sm_shape_is_bounded(&sm_shapes[s], &ask->slowest))
            continue;
        for (int i = 0; i < STEPS; i++)
            x[i] = sm_shape_at(&sm_shapes[s], (i + 1.5) / BLOCKS) -
                   sm_shape_at(&sm_shapes[s], (i + .5) / BLOCKS);
        ret_fits[used++] = fit_shape(steps, x);
    }
    return used;
}

int sm_counts_fit(const double *values, size_t count, const struct sm_profile_ask *ask,
                  struct sm_profile *ret_profile) {
    double level[BLOCKS], steps[STEPS];
    struct fit fits[1 + SM_BASIS_SHAPES];
    if (count < MIN_VALUES)
        return -EDOM;
    sm_stats_block_means(values, count, level, BLOCKS);
    for (int i = 0; i < STEPS; i++)
        steps[i] = level[i + 1] - level[i];
    int used = fit_all(steps, ask, fits);
    double least = INFINITY, low = INFINITY, high = -INFINITY;
    for (int i = 0; i < used; i++)
        least = fmin(least, fits[i].residual);
    double variance = fmax(fmax(fits[0].rate, least / (STEPS - 2)), .1);
    double t = sm_stats_t_above(ask->alpha_growing, (int)MANY);
    for (int i = 0; i < used; i++) {
        double reach = t * t - (fits[i].residual - least) / variance;
        if (reach <= 0)
            continue;
        double half = sqrt(reach * variance * fits[i].error_factor);
        low = fmin(low, fits[i].rate - half);
        high = fmax(high, fits[i].rate + half);
    }
    double per_s = BLOCKS / ask->seconds, noise = sqrt(variance / STEPS);
    *ret_profile = (struct sm_profile){
        .rate = fits[0].rate * per_s,
        .plain_rate = fits[0].rate * per_s,
        .noise = noise * per_s,
        .low = low * per_s,
        .high = high * per_s,
        .low_any = -INFINITY,
        .high_any = INFINITY,
        .plain_low = (fits[0].rate - t * noise) * per_s,
        .freedom = (int)MANY,
        .shape = -1,
    };
    return 0;
}
