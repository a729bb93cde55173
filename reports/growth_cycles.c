/* The verdict on cycles of load and rest.
 *
 * After each load the program rests, and in the middle of the rest its allocator is asked to give
 * back what is free. What is held in the last 40 % of the rest is the mark of the cycle: noise
 * of work under way is gone from it. With doses of load A B B A, time and requests are no longer
 * proportional, so the marks tell leaks over time from leaks per request.
 *
 * The marks q_i are regressed on each driver x (time, requests done, errors, requests lost):
 *
 *     q = level + b x + A (1 - exp(-x / tau)) + noise,   A > 0 or absent,
 *
 * for a list of tau. The profile interval of b over all drivers and shapes within reach of the
 * best decides, as for windows (growth_profile.c). The first 0 to 5 cycles may be left out as
 * warm-up. */
#include "growth_cycles.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "growth_stats.h"

enum { MIN_MARKS = 4, MAX_SKIP = 5, DRIVERS = 4, TAUS = 12, CANDIDATES = DRIVERS * TAUS };

/* Time constants as parts of the whole experiment; 0 = no saturation. */
static const double taus[TAUS] = {0, .07, .1, .14, .2, .27, .36, .46, .58, .7, .82, .95};

struct mark {
    double at_s, level, error;
    double driver[DRIVERS]; /* cumulative, in its own unit */
};

struct candidate {
    int driver, freedom;
    double tau;
    double residual, rate, variance_factor;
};

static double column_at(const double *column, size_t index) {
    return column ? column[index] : 0;
}

/* A mark from the rest [begin, end). */
static int take_mark(const struct sm_cycles_ask *ask, const struct sm_trace_span *rest,
                     struct mark *mark) {
    const struct sm_trace *t = ask->trace;
    size_t from = rest->begin + (size_t)((double)(rest->end - rest->begin) * .6);
    size_t count = rest->end - from;
    double *part = malloc(count * sizeof *part), sum = 0, squares = 0;
    if (!part)
        return -ENOMEM;
    mark->level = ask->values[from];
    for (size_t i = 0; i < count; i++) {
        part[i] = ask->values[from + i];
        mark->level = fmin(mark->level, part[i]);
        sum += part[i];
    }
    for (size_t i = 0; i < count; i++)
        squares += (part[i] - sum / (double)count) * (part[i] - sum / (double)count);
    mark->error = sqrt(squares / (double)count / fmax(1, (double)count / 3));
    if (ask->is_count)
        mark->level = sm_stats_median(part, count);
    free(part);
    size_t last = rest->end - 1;
    double sent = column_at(t->sent, last), done = column_at(t->done, last);
    double errors = column_at(t->err, last);
    mark->at_s = (double)rest->end / t->rate_hz;
    mark->driver[SM_DRIVER_TIME] = mark->at_s;
    mark->driver[SM_DRIVER_REQUESTS] = t->done ? done : sent;
    mark->driver[SM_DRIVER_ERRORS] = errors;
    mark->driver[SM_DRIVER_LOSSES] = t->done ? fmax(0, sent - done - errors) : 0;
    return 0;
}

static int take_marks(const struct sm_cycles_ask *ask, struct mark **ret_marks) {
    struct sm_trace_span *spans;
    int count = sm_trace_spans(ask->trace, &spans), used = 0, rc = 0;
    if (count < 0)
        return count;
    struct mark *marks = calloc((size_t)count + 1, sizeof *marks);
    if (!marks)
        rc = -ENOMEM;
    for (int i = 0; i < count && rc == 0; i++)
        if (spans[i].phase == SM_TRACE_SETTLE &&
            (rc = take_mark(ask, &spans[i], &marks[used])) == 0)
            used++;
    free(spans);
    if (rc < 0) {
        free(marks);
        return rc;
    }
    *ret_marks = marks;
    return used;
}

/* ---- least squares with two or three columns ---- */

/* Inverse of a symmetric matrix of `size` by elimination; 0 when it is singular. */
static int invert(double a[3][3], int size) {
    double out[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (int i = 0; i < size; i++) {
        if (fabs(a[i][i]) < 1e-12)
            return 0;
        double pivot = a[i][i];
        for (int j = 0; j < size; j++) {
            a[i][j] /= pivot;
            out[i][j] /= pivot;
        }
        for (int r = 0; r < size; r++) {
            double factor = a[r][i];
            for (int j = 0; r != i && j < size; j++) {
                a[r][j] -= factor * a[i][j];
                out[r][j] -= factor * out[i][j];
            }
        }
    }
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++)
            a[i][j] = out[i][j];
    return 1;
}

/* x is the driver scaled to the length of the experiment. Returns 0 when it does not fit. */
static int fit_candidate(const struct mark *marks, int count, const double *x, double length,
                         struct candidate *ret) {
    int size = ret->tau > 0 ? 3 : 2;
    double normal[3][3] = {{0}}, right[3] = {0}, solution[3] = {0};
    if (count - size < 1)
        return 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < count; i++) {
            double u = x[i] / length;
            double row[3] = {1, u, ret->tau > 0 ? 1 - exp(-u / ret->tau) : 0};
            double y = marks[i].level - marks[0].level;
            if (pass == 1) {
                double left =
                    y - row[0] * solution[0] - row[1] * solution[1] - row[2] * solution[2];
                ret->residual += left * left;
                continue;
            }
            for (int r = 0; r < size; r++) {
                right[r] += row[r] * y;
                for (int k = 0; k < size; k++)
                    normal[r][k] += row[r] * row[k];
            }
        }
        if (pass == 1)
            break;
        if (!invert(normal, size))
            return 0;
        for (int r = 0; r < size; r++)
            for (int k = 0; k < size; k++)
                solution[r] += normal[r][k] * right[k];
        if (size == 3 && solution[2] <= 0)
            return 0;
        ret->residual = 0;
    }
    ret->freedom = count - size;
    ret->rate = solution[1] / length;
    ret->variance_factor = normal[1][1] / (length * length);
    return 1;
}

/* All drivers and time constants on the marks from `skip` on. */
static int fit_all(const struct mark *all, int count, int skip, struct candidate *ret_candidates) {
    enum { MAX_MARKS = 1024 };
    static const double MIN_EVENTS = 20; /* of errors or losses, to be a driver */
    const struct mark *marks = all + skip;
    int used = 0, n = count - skip < MAX_MARKS ? count - skip : MAX_MARKS;
    double x[MAX_MARKS], length = marks[n - 1].at_s - all[0].at_s;
    for (int d = 0; d < DRIVERS; d++) {
        double total = marks[n - 1].driver[d] - all[0].driver[d];
        if (d == SM_DRIVER_TIME ? total <= 0 : total <= (d == SM_DRIVER_REQUESTS ? 0 : MIN_EVENTS))
            continue;
        for (int i = 0; i < n; i++)
            x[i] = (marks[i].driver[d] - all[0].driver[d]) * length / total;
        for (int j = 0; j < TAUS; j++) {
            ret_candidates[used] = (struct candidate){.driver = d, .tau = taus[j]};
            used += fit_candidate(marks, n, x, length, &ret_candidates[used]);
        }
    }
    return used;
}

/* ---- the verdict ---- */

static double noise_variance(const struct sm_cycles_ask *ask, const struct mark *marks, int count,
                             const struct candidate *best) {
    double low = INFINITY, high = -INFINITY, errors[64];
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        low = fmin(low, marks[i].level);
        high = fmax(high, marks[i].level);
        if (used < 64)
            errors[used++] = marks[i].error;
    }
    double error = sm_stats_median(errors, used), misfit = .006 * (high - low);
    double variance = fmax(best->residual / best->freedom, error * error * .25);
    variance = fmax(variance, ask->is_count ? .1 : 1) + misfit * misfit;
    return variance;
}

static const struct candidate *least(const struct candidate *candidates, int count, int straight) {
    const struct candidate *found = NULL;
    for (int i = 0; i < count; i++) {
        const struct candidate *c = &candidates[i];
        if (straight && c->tau > 0)
            continue;
        double score = straight ? c->residual : c->residual / c->freedom;
        if (!found || score < (straight ? found->residual : found->residual / found->freedom))
            found = c;
    }
    return found;
}

static double straight_residual(const struct candidate *candidates, int count, int driver) {
    for (int i = 0; i < count; i++)
        if (candidates[i].driver == driver && candidates[i].tau <= 0)
            return candidates[i].residual;
    return NAN;
}

struct interval {
    double low, high;
};

static struct interval profile(const struct candidate *candidates, int count,
                               const struct candidate *best, double variance, double t) {
    struct interval out = {INFINITY, -INFINITY};
    for (int i = 0; i < count; i++) {
        const struct candidate *c = &candidates[i];
        double reach = t * t - (c->residual - best->residual) / variance;
        if (reach <= 0)
            continue;
        double half = sqrt(reach * variance * c->variance_factor);
        out.low = fmin(out.low, c->rate - half);
        out.high = fmax(out.high, c->rate + half);
    }
    return out;
}

/* Judges the marks from `skip` on. Returns 1 when that settles it. */
static int judge_from(const struct sm_cycles_ask *ask, const struct mark *marks, int count,
                      int skip, int skips, struct sm_cycles_verdict *verdict) {
    struct candidate candidates[CANDIDATES];
    int used = fit_all(marks, count, skip, candidates);
    if (used == 0)
        return 0;
    const struct candidate *best = least(candidates, used, 0);
    const struct candidate *straight = least(candidates, used, 1);
    double variance = noise_variance(ask, marks + skip, count - skip, best);
    double t_growing = sm_stats_t_above(ask->alpha / (2 * skips), best->freedom);
    double t_bounded = sm_stats_t_above(ask->alpha / 2, best->freedom);
    struct interval growing = profile(candidates, used, best, variance, t_growing);
    struct interval any = profile(candidates, used, best, variance, t_bounded);
    double straight_low = straight->rate - t_growing * sqrt(variance * straight->variance_factor);
    struct sm_cycles_verdict now = *verdict;
    now.rate = best->tau > 0 ? straight->rate : best->rate;
    now.low = growing.low;
    now.high = fmax(growing.high, any.high);
    now.driver = (enum sm_cycle_driver)straight->driver;
    now.time_to_requests = straight_residual(candidates, used, SM_DRIVER_TIME) /
                           fmax(straight_residual(candidates, used, SM_DRIVER_REQUESTS), variance);
    int filled = best->tau <= 0 || exp(-1 / best->tau) <= (skip == 0 ? .1 : .3);
    if (growing.low > ask->resolution_per_s) {
        now.kind = SM_VERDICT_GROWING;
        now.suspect = 1;
    } else if (any.high < ask->resolution_per_s && filled &&
               skip <= (count / 2 > 1 ? count / 2 : 1)) {
        now.kind = SM_VERDICT_BOUNDED;
        now.suspect = 0;
    } else {
        if (straight_low > ask->resolution_per_s && !verdict->suspect) {
            now.suspect = 1;
            *verdict = now;
        } else if (skip == 0) {
            *verdict = now;
        }
        return 0;
    }
    *verdict = now;
    return 1;
}

int sm_cycles_judge(const struct sm_cycles_ask *ask, struct sm_cycles_verdict *ret_verdict) {
    struct mark *marks;
    int count = take_marks(ask, &marks);
    if (count < 0)
        return count;
    struct sm_cycles_verdict verdict = {.kind = SM_VERDICT_INCONCLUSIVE, .marks = count};
    verdict.highest = -INFINITY;
    for (int i = 0; i < count; i++) {
        verdict.highest = fmax(verdict.highest, marks[i].level);
        verdict.used_until_s = marks[i].at_s;
    }
    int skips = count - MIN_MARKS + 1 < MAX_SKIP + 1 ? count - MIN_MARKS + 1 : MAX_SKIP + 1;
    for (int skip = 0; skip < skips; skip++)
        if (judge_from(ask, marks, count, skip, skips, &verdict))
            break;
    free(marks);
    *ret_verdict = verdict;
    return 0;
}
