/* The profile interval of a window's slope over all bounded shapes.
 *
 * Model of a window of length 1:  y(u) = level + b u + A s(u) + noise,  A >= 0, s one of
 * sm_shapes. In projections on the polynomials of degree 1..m (growth_basis.h), with c for the
 * data, v for the shape and g for the line (which has degree 1 only):
 *
 *     c1 = g b + A v1 + e1,    ck = A vk + ek  (k = 2..m),    e ~ independent, variance s2.
 *
 * The amplitude follows from degrees 2..m alone, A = max(0, v.c / v.v), and the slope is what is
 * left of c1, b = (c1 - A v1) / g with variance s2 (1 + v1^2 / v.v) / g^2. Which shape it was is
 * not known: every shape whose residual R(s) is within reach of the best one's,
 *
 *     R(s) - R(best) <= t^2 s2,
 *
 * contributes the interval b(s) +- sqrt(t^2 - (R(s) - R(best)) / s2) * error(s): a profile
 * likelihood, in which growth must be there whatever bounded shape is assumed.
 *
 * The noise variance s2 comes from the residual, and is never less than
 *   - its own low third (red noise is larger there, and slope is the lowest of all),
 *   - a Lorentzian spectrum S0 / (1 + (k/kappa)^2) (first-order autoregression) carried to
 *     frequency 0, averaged over kappa by likelihood,
 *   - (0.004 |c|)^2: real shapes are not quite those of the list.
 * A residual that stays correlated over more than 1/25 of the window widens it further.
 *
 * Sources: Bunzel and Vogelsang, "Powerful trend function tests that are robust to strong serial
 * correlation" (2005), for tests of trend on low frequencies; Mueller and Watson, "Low-frequency
 * econometrics" (2017), for the projections. */
#include "growth_profile.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "growth_basis.h"
#include "growth_stats.h"

static const double MISFIT = .004;      /* of |c|, per projection */
static const double DECORRELATION = 25; /* correlation times a window should hold */

struct fit {
    const struct sm_basis *basis;
    double c[SM_BASIS_MAX_DEGREE];
    double amplitude[SM_BASIS_SHAPES], residual[SM_BASIS_SHAPES], error[SM_BASIS_SHAPES];
    int admitted[SM_BASIS_SHAPES];
    double residual_of_line;
    int best;
    double least;    /* residual of the best shape */
    double variance; /* s2 */
};

static void fit_shapes(struct fit *fit, const struct sm_profile_ask *ask) {
    int m = fit->basis->degree;
    fit->residual_of_line = 0;
    for (int k = 1; k < m; k++)
        fit->residual_of_line += fit->c[k] * fit->c[k];
    fit->best = -1;
    for (int s = 0; s < SM_BASIS_SHAPES; s++) {
        const double *v = fit->basis->shape[s];
        double vc = 0, vv = 0;
        for (int k = 1; k < m; k++) {
            vc += v[k] * fit->c[k];
            vv += v[k] * v[k];
        }
        fit->admitted[s] = sm_shape_is_bounded(&sm_shapes[s], &ask->slowest);
        fit->amplitude[s] = fmax(0, vc / vv);
        fit->residual[s] = fit->residual_of_line - (vc > 0 ? vc * vc / vv : 0);
        fit->error[s] = sqrt(1 + v[0] * v[0] / vv);
        if (fit->admitted[s] && (fit->best < 0 || fit->residual[s] < fit->residual[fit->best]))
            fit->best = s;
    }
    fit->least = fmax(0, fit->residual[fit->best]);
}

/* Spectral density at frequency 0 of squared residuals of degree 2, 3, ..., were their spectrum
 * Lorentzian: for each corner frequency the likelihood's optimum, averaged by likelihood. */
static double lorentzian_at_zero(const double *squares, int count) {
    static const double corners[] = {2, 3, 4, 6, 9, 14, 24, 60};
    enum { CORNERS = sizeof corners / sizeof corners[0] };
    double density[CORNERS], log_likelihood[CORNERS], most = -INFINITY, sum = 0, weights = 0;
    for (int j = 0; j < CORNERS; j++) {
        double logs = 0;
        density[j] = 1e-300;
        for (int k = 0; k < count; k++) {
            double w = 1 + (k + 2) * (k + 2) / (corners[j] * corners[j]);
            density[j] += squares[k] * w / count;
            logs += log(w);
        }
        log_likelihood[j] = .5 * (logs - count * log(density[j]));
        most = fmax(most, log_likelihood[j]);
    }
    for (int j = 0; j < CORNERS; j++) {
        double weight = exp(log_likelihood[j] - most);
        sum += weight * density[j];
        weights += weight;
    }
    return sum / weights;
}

static double noise_variance(const struct fit *fit) {
    int m = fit->basis->degree, third = (m - 1) / 3 > 3 ? (m - 1) / 3 : 3;
    const double *v = fit->basis->shape[fit->best];
    double squares[SM_BASIS_MAX_DEGREE] = {0}, low = 0, all = 0;
    for (int k = 1; k < m; k++) {
        double left = fit->c[k] - fit->amplitude[fit->best] * v[k];
        squares[k - 1] = left * left;
        low += k <= third ? left * left : 0;
    }
    for (int k = 0; k < m; k++)
        all += fit->c[k] * fit->c[k];
    double df = m - 3, variance = fit->least / df;
    variance = fmax(variance, low / fmax(third - 1, 1));
    variance = fmax(variance, lorentzian_at_zero(squares, m - 1) * (m - 1) / df);
    return variance + MISFIT * MISFIT * all + 1e-9;
}

/* The part of the window after which the residual of the best fit has lost its memory. */
static double correlated_part(const struct fit *fit, const double *values) {
    double residual[SM_BASIS_MAX_POINTS], mean = 0, power = 0;
    size_t n = fit->basis->points;
    const struct sm_shape *shape = &sm_shapes[fit->best];
    double rise = fit->amplitude[fit->best];
    double line = (fit->c[0] - rise * fit->basis->shape[fit->best][0]) / fit->basis->ramp;
    for (size_t i = 0; i < n; i++) {
        double u = ((double)i + .5) / (double)n;
        residual[i] = values[i] - line * u - (rise > 0 ? rise * sm_shape_at(shape, u) : 0);
        mean += residual[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        residual[i] -= mean;
        power += residual[i] * residual[i];
    }
    if (power <= 0)
        return 0;
    for (size_t lag = 1; lag < n / 2; lag++) {
        double sum = 0;
        for (size_t i = 0; i + lag < n; i++)
            sum += residual[i] * residual[i + lag];
        if (sum < .3679 * power)
            return (double)lag / (double)n;
    }
    return .5;
}

/* The union of the intervals of all shapes within reach at t, in projections on degree 1. */
static void profile_interval(const struct fit *fit, double t, double *ret_low, double *ret_high) {
    double s = sqrt(fit->variance), low = INFINITY, high = -INFINITY;
    double reach = t * t - (fit->residual_of_line - fit->least) / fit->variance;
    if (reach > 0) {
        low = fit->c[0] - sqrt(reach) * s;
        high = fit->c[0] + sqrt(reach) * s;
    }
    for (int j = 0; j < SM_BASIS_SHAPES; j++) {
        reach = t * t - (fit->residual[j] - fit->least) / fit->variance;
        if (!fit->admitted[j] || reach <= 0)
            continue;
        double b = fit->c[0] - fit->amplitude[j] * fit->basis->shape[j][0];
        double half = sqrt(reach) * s * fit->error[j];
        low = fmin(low, b - half);
        high = fmax(high, fmin(b + half, fit->c[0] + t * s));
    }
    *ret_low = low;
    *ret_high = high;
}

static void describe(const struct fit *fit, const struct sm_profile_ask *ask,
                     struct sm_profile *out) {
    double per_s = 1 / (fit->basis->ramp * ask->seconds);
    double s = sqrt(fit->variance), rise = fit->amplitude[fit->best];
    double t_growing = sm_stats_t_above(ask->alpha_growing, out->freedom);
    double t_bounded = sm_stats_t_above(ask->alpha_bounded, out->freedom);
    profile_interval(fit, t_growing, &out->low, &out->high);
    profile_interval(fit, t_bounded, &out->low_any, &out->high_any);
    out->low *= per_s;
    out->high *= per_s;
    out->low_any *= per_s;
    out->high_any *= per_s;
    out->plain_rate = fit->c[0] * per_s;
    out->noise = s * per_s;
    out->plain_low = out->plain_rate - t_growing * out->noise;
    int explains = rise > 0 && fit->residual_of_line - fit->least > 9 * fit->variance;
    out->shape = explains ? fit->best : -1;
    out->rate = out->plain_rate;
    if (explains)
        out->rate -= rise * fit->basis->shape[fit->best][0] * per_s;
    out->shape_rise = rise;
    out->shape_left = rise * (1 - sm_shape_at(&sm_shapes[fit->best], 1));
    if (sm_shapes[fit->best].kind == SM_SHAPE_LOGARITHM)
        out->shape_left = rise;
}

int sm_profile_fit(const double *values, size_t count, const struct sm_profile_ask *ask,
                   struct sm_profile *ret_profile) {
    double means[SM_BASIS_MAX_POINTS];
    if (count < 2 * SM_BASIS_MIN_DEGREE)
        return -EDOM;
    if (count > SM_BASIS_MAX_POINTS) {
        sm_stats_block_means(values, count, means, SM_BASIS_MAX_POINTS);
        values = means;
        count = SM_BASIS_MAX_POINTS;
    }
    struct fit fit = {.basis = sm_basis_get(count)};
    if (!fit.basis)
        return -ENOMEM;
    for (int k = 0; k < fit.basis->degree; k++)
        for (size_t i = 0; i < count; i++)
            fit.c[k] += values[i] * fit.basis->polynomial[k][i];
    fit_shapes(&fit, ask);
    double widen = fmax(1, DECORRELATION * correlated_part(&fit, values));
    fit.variance = noise_variance(&fit) * widen * widen;
    ret_profile->freedom = fit.basis->degree - 3;
    describe(&fit, ask, ret_profile);
    return 0;
}
