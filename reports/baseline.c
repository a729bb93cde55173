/* Figures of runs vary in proportion to their size (a heap's peak by some percent of it), so where
 * all are above zero they are compared as logarithms, and as they are otherwise. The earlier runs
 * tell the noise. A new run is one more draw of it, so the change has the error of both: Student's
 * t with the noise pooled over all runs, and no less than rounding makes.
 *
 * One earlier run tells no noise: nothing is then known but that a figure is exactly the same. Two
 * tell it so badly that hardly anything is sure; from five on the interval is about three standard
 * deviations of a run. */
#include "baseline.h"

#include <math.h>
#include <stdlib.h>

#include "growth_stats.h"

static const double TAIL = .005;      /* of each end of a 99 % interval */
static const double ROUNDING = .0005; /* of a figure: no noise is taken for less */
enum { RUNS_MAX = 256, ASK_FOR_AT_MOST = 50 };

struct group {
    double values[RUNS_MAX];
    size_t count;
    double mean, squares; /* of the differences from it */
};

static void take(const double *values, size_t count, struct group *group) {
    group->count = 0;
    for (size_t i = 0; i < count && group->count < RUNS_MAX; i++)
        if (isfinite(values[i]))
            group->values[group->count++] = values[i];
}

static int is_above_zero(const struct group *group) {
    for (size_t i = 0; i < group->count; i++)
        if (group->values[i] <= 0)
            return 0;
    return 1;
}

static void summarise(struct group *group, int in_logarithms) {
    group->mean = group->squares = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (in_logarithms)
            group->values[i] = log(group->values[i]);
        group->mean += group->values[i] / (double)group->count;
    }
    for (size_t i = 0; i < group->count; i++)
        group->squares += (group->values[i] - group->mean) * (group->values[i] - group->mean);
}

static double half_width(double variance, size_t before, size_t now, int freedom) {
    if (freedom < 1)
        return INFINITY;
    return sm_stats_t_above(TAIL, freedom) *
           sqrt(variance * (1. / (double)before + 1. / (double)now));
}

/* How many earlier runs would bring the interval below what matters, if the noise stays. */
static size_t runs_needed(double variance, size_t before, size_t now, double matters) {
    for (size_t runs = before > 2 ? before + 1 : 3; runs <= ASK_FOR_AT_MOST; runs++)
        if (half_width(variance, runs, now, (int)(runs + now) - 2) <= matters)
            return runs;
    return 0;
}

static enum sm_baseline_kind kind_of(const struct sm_baseline_verdict *v, int worse_is_lower) {
    if (v->low >= -v->matters && v->high <= v->matters)
        return SM_BASELINE_SAME;
    if (v->low > 0 && v->change >= v->matters)
        return worse_is_lower ? SM_BASELINE_BETTER : SM_BASELINE_WORSE;
    if (v->high < 0 && v->change <= -v->matters)
        return worse_is_lower ? SM_BASELINE_WORSE : SM_BASELINE_BETTER;
    return SM_BASELINE_UNSURE;
}

void sm_baseline_judge(const struct sm_baseline_ask *ask, struct sm_baseline_verdict *ret_verdict) {
    struct sm_baseline_verdict out = {SM_BASELINE_UNSURE, NAN, NAN, NAN, -INFINITY, INFINITY, 0, 0};
    struct group before, now;
    take(ask->before, ask->before_count, &before);
    take(ask->now, ask->now_count, &now);
    *ret_verdict = out;
    if (before.count == 0 || now.count == 0)
        return;
    int in_logarithms = is_above_zero(&before) && is_above_zero(&now);
    summarise(&before, in_logarithms);
    summarise(&now, in_logarithms);
    int freedom = (int)(before.count + now.count) - 2;
    double size = in_logarithms ? 1 : fmax(fabs(before.mean), fabs(now.mean));
    double least_variance = ROUNDING * size * ROUNDING * size;
    double variance =
        fmax(freedom > 0 ? (before.squares + now.squares) / freedom : 0, least_variance);
    double half = half_width(variance, before.count, now.count, freedom);
    double change = now.mean - before.mean;
    out.before = in_logarithms ? exp(before.mean) : before.mean;
    out.now = in_logarithms ? exp(now.mean) : now.mean;
    out.change = out.now - out.before;
    out.low = in_logarithms ? out.before * expm1(change - half) : change - half;
    out.high = in_logarithms ? out.before * expm1(change + half) : change + half;
    out.matters = fmax(ask->tolerance * fabs(out.before), ask->least);
    if (freedom < 1 && out.change == 0)
        out.low = out.high = 0; /* no noise is known, and none is seen */
    out.kind = kind_of(&out, ask->worse_is_lower);
    double matters = in_logarithms ? out.matters / out.before : out.matters;
    if (out.kind == SM_BASELINE_UNSURE)
        out.runs_needed = freedom < 1 ? 3 : runs_needed(variance, before.count, now.count, matters);
    *ret_verdict = out;
}
