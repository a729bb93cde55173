/* The verdict on cycles of load and rest.
 *
 * After each load the program rests, and in the middle of the rest its allocator is asked to give
 * back what is free. What is held in the last 40 % of the rest is the mark of the cycle: noise
 * of work under way is gone from it, but for requests so long that they end in the rest: of a rest
 * in which some did, what counts is what is held once the last of them had ended. With doses of
 * load A B B A, time and requests are no longer proportional, so the marks tell leaks over time
 * from leaks per request.
 *
 * The marks q_i are regressed on each driver (time, requests done, errors, requests lost), u being
 * the driver as a part of the whole experiment:
 *
 *     q = level + b max(0, u - onset) + A shape(u) + noise,   A > 0,
 *
 * with either no onset or no shape (growth_basis.h has the shapes). The profile interval of b over
 * all drivers and models within reach of the best decides, as for windows (growth_profile.c):
 *
 * - GROWING: a straight line, or one with an onset, rises faster than the resolution, and growth
 *   is left whatever bounded shape is assumed.
 * - BOUNDED: the upper end is below the resolution, and of a saturation 90 % are behind.
 *
 * The first 0 to 5 cycles may be left out as warm-up. The marks left are nested, and so are their
 * verdicts, so the error allowed is not divided among them. */
#include "growth_cycles.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "growth_cycle_fit.h"
#include "growth_stats.h"

enum { MIN_MARKS = 4, MIN_MARKS_AFTER_WARM_UP = 5, MAX_SKIP = 5 };
enum { LEAST_QUIET = 3 }; /* samples of a rest that make its mark */

/* Rests before a run may end on the verdict: a cache fills for a while before it stops, and a leak
 * may need a while to start. */
enum { SETTLED_GROWING = 7, SETTLED_BOUNDED = 8 };
/* Part of the rate that must be left beside the most favourable saturation: a slow warm-up leaves
 * hardly more than nothing. */
static const double CLEAR_GROWTH = .15;

/* Growth that must be left when the most favourable bounded shape is taken away, in resolutions. */
static const double LEFT_OF_RESOLUTION = .3;
static const double LEFT_AT_MOST = .1;       /* of a saturation, for bounded */
static const double LEFT_AFTER_WARM_UP = .3; /* the same, warm-up cycles left out */
static const double MISFIT = .006;           /* of the marks' range */
static const double RATE_ALPHA = .005;       /* of each end of the rate's 99 % interval */

struct marks {
    struct sm_mark origin; /* the start of the first load */
    struct sm_mark *rests;
    int count;
};

static double column_at(const double *column, size_t index) {
    return column ? column[index] : 0;
}

/* A mark from the rest [begin, end). */
static int take_mark(const struct sm_cycles_ask *ask, const struct sm_trace_span *rest,
                     struct sm_mark *mark) {
    const struct sm_trace *t = ask->trace;
    size_t from = rest->begin + (size_t)((double)(rest->end - rest->begin) * .6);
    size_t quiet = sm_trace_quiet_from(t, rest->begin, rest->end);
    if (quiet > from)
        from = quiet + LEAST_QUIET < rest->end ? quiet : rest->end - LEAST_QUIET;
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
    mark->in_flight = column_at(t->infl, last);
    mark->driver[SM_DRIVER_TIME] = mark->at_s;
    mark->driver[SM_DRIVER_REQUESTS] = t->done ? done : sent;
    mark->driver[SM_DRIVER_ERRORS] = errors;
    mark->driver[SM_DRIVER_LOSSES] = t->done ? fmax(0, sent - done - errors) : 0;
    return 0;
}

/* The last rest is not over while far more is in flight than at the end of any before. What piles
 * up from rest to rest is not: it must be seen. */
static int is_last_over(const struct marks *marks) {
    double most = 0;
    for (int i = 0; i + 1 < marks->count; i++)
        most = fmax(most, marks->rests[i].in_flight);
    return marks->count < 2 || !(marks->rests[marks->count - 1].in_flight > 2 * most);
}

static int take_marks(const struct sm_cycles_ask *ask, struct marks *ret_marks) {
    struct sm_trace_span *spans;
    int count = sm_trace_spans(ask->trace, &spans), rc = 0, loaded = 0;
    if (count < 0)
        return count;
    struct marks marks = {.rests = calloc((size_t)count + 1, sizeof *marks.rests)};
    if (!marks.rests)
        rc = -ENOMEM;
    for (int i = 0; i < count && rc == 0; i++) {
        if (!loaded && spans[i].phase != SM_TRACE_IDLE) {
            loaded = 1;
            marks.origin.at_s = (double)spans[i].begin / ask->trace->rate_hz;
            marks.origin.driver[SM_DRIVER_TIME] = marks.origin.at_s;
        }
        if (spans[i].phase == SM_TRACE_SETTLE) {
            rc = take_mark(ask, &spans[i], &marks.rests[marks.count]);
            marks.count += rc == 0;
        }
    }
    free(spans);
    if (rc < 0) {
        free(marks.rests);
        return rc;
    }
    marks.count -= !is_last_over(&marks);
    *ret_marks = marks;
    return 0;
}

static double noise_variance(const struct sm_cycles_ask *ask, const struct sm_mark *marks,
                             int count, const struct sm_cycle_fit *best) {
    double low = INFINITY, high = -INFINITY, errors[64];
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        low = fmin(low, marks[i].level);
        high = fmax(high, marks[i].level);
        if (used < sizeof errors / sizeof errors[0])
            errors[used++] = marks[i].error;
    }
    double error = sm_stats_median(errors, used), misfit = MISFIT * (high - low);
    double variance = fmax(best->residual / best->freedom, error * error * .25);
    return fmax(variance, ask->is_count ? .1 : 1) + misfit * misfit;
}

/* The fit with least residual per degree of freedom. */
static const struct sm_cycle_fit *best_of(const struct sm_cycle_fit *fits, int count) {
    const struct sm_cycle_fit *found = NULL;
    for (int i = 0; i < count; i++)
        if (!found || fits[i].residual / fits[i].freedom < found->residual / found->freedom)
            found = &fits[i];
    return found;
}

/* The best one without a shape, of one driver (or of any, for -1); NULL when there is none. */
static const struct sm_cycle_fit *best_line(const struct sm_cycle_fit *fits, int count,
                                            int driver) {
    const struct sm_cycle_fit *found = NULL;
    for (int i = 0; i < count; i++)
        if (!fits[i].shape && (driver < 0 || (int)fits[i].driver == driver) &&
            (!found || fits[i].residual < found->residual))
            found = &fits[i];
    return found;
}

struct interval {
    double low, high;
};

static struct interval profile(const struct sm_cycle_fit *fits, int count,
                               const struct sm_cycle_fit *best, double variance, double t) {
    struct interval out = {INFINITY, -INFINITY};
    for (int i = 0; i < count; i++) {
        double reach = t * t - (fits[i].residual - best->residual) / variance;
        if (reach <= 0)
            continue;
        double half = sqrt(reach * variance * fits[i].variance_factor);
        out.low = fmin(out.low, fits[i].rate - half);
        out.high = fmax(out.high, fits[i].rate + half);
    }
    return out;
}

static int is_filled(const struct sm_cycle_fit *fit, int skip) {
    if (!fit->shape)
        return 1;
    double left = fit->shape->kind == SM_SHAPE_LOGARITHM ? 1 : 1 - sm_shape_at(fit->shape, 1);
    return left <= (skip == 0 ? LEFT_AT_MOST : LEFT_AFTER_WARM_UP);
}

/* The least residual of a driver, whatever fills up beside the growth; infinite without a fit. */
static double least_residual(const struct sm_cycle_fit *fits, int count, int driver) {
    double least = INFINITY;
    for (int i = 0; i < count; i++)
        if ((int)fits[i].driver == driver)
            least = fmin(least, fits[i].residual);
    return least;
}

static double time_to_requests(const struct sm_cycle_fit *fits, int count, double variance) {
    double time = least_residual(fits, count, SM_DRIVER_TIME);
    double requests = least_residual(fits, count, SM_DRIVER_REQUESTS);
    return isfinite(time) && isfinite(requests) ? time / fmax(requests, variance) : 1;
}

/* The rate per second at which a count may leak at random and still, at the confidence asked for,
 * have left nothing behind at any rest from `skip` on; infinite when the count changed. */
static double unseen_rate(const struct sm_cycles_ask *ask, const struct marks *marks, int skip) {
    const struct sm_mark *first = &marks->rests[skip], *last = &marks->rests[marks->count - 1];
    if (!ask->is_count)
        return INFINITY;
    for (const struct sm_mark *mark = first; mark <= last; mark++)
        if (mark->level != first->level)
            return INFINITY;
    return -log(ask->alpha) / (last->at_s - first->at_s); /* Poisson */
}

/* Judges the marks from `skip` on. Returns 1 when that settles it. */
static int judge_from(const struct sm_cycles_ask *ask, const struct marks *marks, int skip,
                      struct sm_cycles_verdict *verdict) {
    struct sm_cycle_fit fits[SM_CYCLE_MAX_FITS];
    int used = sm_cycle_fit_all(&marks->origin, marks->rests, marks->count, skip, fits);
    const struct sm_cycle_fit *best = best_of(fits, used), *line = best_line(fits, used, -1);
    if (!line)
        return 0;
    double resolution = ask->resolution_per_s;
    double variance = noise_variance(ask, marks->rests + skip, marks->count - skip, best);
    double t = sm_stats_t_above(ask->alpha, best->freedom);
    double t_rate = sm_stats_t_above(RATE_ALPHA, best->freedom);
    struct interval any = profile(fits, used, best, variance, t);
    struct interval rate = profile(fits, used, best, variance, t_rate);
    double line_low = line->rate - t * sqrt(variance * line->variance_factor);
    struct sm_cycles_verdict now = *verdict;
    now.rate = line->rate;
    now.at_least = any.low;
    now.at_most = any.high;
    now.low = rate.low;
    now.high = rate.high;
    if (now.rate < now.low || now.rate > now.high) /* the line takes what fills up for growth */
        now.rate = fmin(fmax(best->rate, now.low), now.high);
    now.driver = line->driver;
    now.time_to_requests = time_to_requests(fits, used, variance);
    now.suspect = line_low > resolution;
    double unseen = unseen_rate(ask, marks, skip);
    if (unseen < resolution && skip <= 1) {
        now.kind = SM_VERDICT_BOUNDED;
        now.suspect = 0;
        now.low = 0;
        now.at_most = now.high = unseen;
    } else if (any.low > LEFT_OF_RESOLUTION * resolution && now.suspect) {
        now.kind = SM_VERDICT_GROWING;
    } else if (any.high < resolution && is_filled(best, skip) &&
               (skip <= 1 || skip <= marks->count / 2)) {
        now.kind = SM_VERDICT_BOUNDED;
        now.suspect = 0;
    }
    if (now.kind != SM_VERDICT_INCONCLUSIVE || skip == 0 || (now.suspect && !verdict->suspect))
        *verdict = now;
    return now.kind != SM_VERDICT_INCONCLUSIVE;
}

/* Judges the first `count` marks. */
static struct sm_cycles_verdict judge_marks(const struct sm_cycles_ask *ask,
                                            const struct marks *all, int count) {
    struct marks marks = *all;
    struct sm_cycles_verdict verdict = {.kind = SM_VERDICT_INCONCLUSIVE, .marks = count};
    marks.count = count;
    if (count > 0)
        verdict.used_until_s = marks.rests[count - 1].at_s;
    for (int skip = 0; skip <= MAX_SKIP; skip++)
        if (count - skip < (skip ? MIN_MARKS_AFTER_WARM_UP : MIN_MARKS) ||
            judge_from(ask, &marks, skip, &verdict))
            break;
    return verdict;
}

int sm_cycles_judge(const struct sm_cycles_ask *ask, struct sm_cycles_verdict *ret_verdict) {
    struct marks marks;
    int rc = take_marks(ask, &marks);
    if (rc < 0)
        return rc;
    struct sm_cycles_verdict verdict = judge_marks(ask, &marks, marks.count);
    int enough = verdict.kind == SM_VERDICT_GROWING   ? SETTLED_GROWING
                 : verdict.kind == SM_VERDICT_BOUNDED ? SETTLED_BOUNDED
                                                      : INT_MAX;
    int is_clear =
        verdict.kind != SM_VERDICT_GROWING || verdict.at_least >= CLEAR_GROWTH * verdict.rate;
    if (marks.count >= enough && is_clear)
        verdict.settled = judge_marks(ask, &marks, marks.count - 1).kind == verdict.kind;
    free(marks.rests);
    *ret_verdict = verdict;
    return 0;
}
