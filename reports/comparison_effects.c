/* Every parameter that the runs differ in is a factor; every level but that of the first run is a
 * change, which a run has or has not. A figure is taken as a level plus one term for each change
 * the run has (main effects, fitted by least squares), so that the effect of one fix is told from
 * those of others that were switched as well. With a run for every combination of the fixes that is
 * the difference of two means. What the terms do not explain (chance, and fixes that work together)
 * is the noise of the 99 % interval; where as many runs as terms leave none, there is no interval.
 *
 * Changes that always come together cannot be told apart and are said to be unknown. */
#include "comparison_effects.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "growth_stats.h"

enum { TERMS = SM_COMPARED_CHANGES + 1 };
static const double TAIL = .005; /* of each end of a 99 % interval */
/* Of the figures' size: below this, differences are rounding. */
static const double ROUNDING = 1e-12;

/* ---- changes ---- */

static void level_of(json_t *params, const char *name, char *level, size_t level_bytes) {
    json_t *value = json_object_get(params, name);
    char *other = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    snprintf(level, level_bytes, "%s",
             other                   ? other
             : json_is_string(value) ? json_string_value(value)
                                     : "");
    free(other);
}

static const struct sm_compared_change *find_change(const struct sm_comparison *comparison,
                                                    const char *parameter, const char *to) {
    for (size_t i = 0; i < comparison->change_count; i++)
        if (strcmp(comparison->changes[i].parameter, parameter) == 0 &&
            strcmp(comparison->changes[i].to, to) == 0)
            return &comparison->changes[i];
    return NULL;
}

static void add_changes(json_t *first, json_t *other, struct sm_comparison *comparison) {
    const char *name;
    json_t *value;
    json_object_foreach(other, name, value) {
        struct sm_compared_change change = {0};
        snprintf(change.parameter, sizeof change.parameter, "%s", name);
        level_of(first, name, change.from, sizeof change.from);
        level_of(other, name, change.to, sizeof change.to);
        if (strcmp(change.from, change.to) != 0 &&
            !find_change(comparison, change.parameter, change.to) &&
            comparison->change_count < SM_COMPARED_CHANGES)
            comparison->changes[comparison->change_count++] = change;
    }
}

struct design {
    double has[SM_COMPARED_RUNS][TERMS]; /* column 0 is the level, 1 for all */
    size_t runs, terms;
};

static int make_design(const struct sm_compared_run *runs, struct sm_comparison *comparison,
                       struct design *design) {
    json_t *params[SM_COMPARED_RUNS] = {0};
    int rc = 0;
    for (size_t i = 0; i < comparison->run_count; i++) {
        params[i] = json_loads(sm_run_meta(runs[i].run, SM_META_PARAMS), 0, NULL);
        if (!params[i] && !(params[i] = json_object()))
            rc = -ENOMEM;
    }
    comparison->changes = calloc(SM_COMPARED_CHANGES, sizeof *comparison->changes);
    if (!comparison->changes)
        rc = -ENOMEM;
    for (size_t i = 1; rc == 0 && i < comparison->run_count; i++)
        add_changes(params[0], params[i], comparison);
    design->runs = comparison->run_count;
    design->terms = comparison->change_count + 1;
    for (size_t i = 0; rc == 0 && i < design->runs; i++) {
        design->has[i][0] = 1;
        for (size_t c = 0; c < comparison->change_count; c++) {
            char level[sizeof comparison->changes[c].to];
            level_of(params[i], comparison->changes[c].parameter, level, sizeof level);
            design->has[i][c + 1] = strcmp(level, comparison->changes[c].to) == 0;
        }
    }
    for (size_t i = 0; i < comparison->run_count; i++)
        json_decref(params[i]);
    return rc;
}

/* ---- effects ---- */

/* The normal equations of the runs that have the figure, solved by elimination. */
struct fit {
    double inverse[TERMS][TERMS], solution[TERMS];
    int is_free[TERMS]; /* the term is told apart from the others */
    double variance;    /* of the noise; NAN without freedom */
    int freedom;
};

static void gather(const struct design *design, const double *values, struct fit *fit,
                   double normal[TERMS][TERMS], double right[TERMS]) {
    for (size_t i = 0; i < design->runs; i++) {
        if (!isfinite(values[i]))
            continue;
        fit->freedom++;
        for (size_t r = 0; r < design->terms; r++) {
            right[r] += design->has[i][r] * values[i];
            for (size_t c = 0; c < design->terms; c++)
                normal[r][c] += design->has[i][r] * design->has[i][c];
        }
    }
}

/* Sweeps one term in after the other; one that the earlier ones explain wholly stays out, and so
 * does every term it was made of lose its meaning: both are then not free. */
static void sweep(size_t terms, double a[TERMS][TERMS], struct fit *fit) {
    int swept[TERMS] = {0};
    for (size_t k = 0; k < terms; k++) {
        if (a[k][k] < 1e-9) {
            for (size_t j = 0; j < terms; j++)
                if (swept[j] && fabs(a[j][k]) > 1e-9)
                    fit->is_free[j] = 0;
            continue;
        }
        double pivot = a[k][k];
        swept[k] = fit->is_free[k] = 1;
        fit->freedom--;
        for (size_t i = 0; i < terms; i++)
            for (size_t j = 0; i != k && j < terms; j++)
                if (j != k)
                    a[i][j] -= a[i][k] * a[k][j] / pivot;
        for (size_t j = 0; j < terms; j++)
            if (j != k) {
                a[k][j] /= pivot;
                a[j][k] /= -pivot;
            }
        a[k][k] = 1 / pivot;
    }
    for (size_t r = 0; r < terms; r++)
        for (size_t c = 0; c < terms; c++)
            fit->inverse[r][c] = swept[r] && swept[c] ? a[r][c] : 0;
}

static void solve(const struct design *design, const double *values, struct fit *fit) {
    double normal[TERMS][TERMS] = {{0}}, right[TERMS] = {0}, squares = 0, size = 0;
    gather(design, values, fit, normal, right);
    sweep(design->terms, normal, fit);
    for (size_t r = 0; r < design->terms; r++)
        for (size_t c = 0; c < design->terms; c++)
            fit->solution[r] += fit->inverse[r][c] * right[c];
    for (size_t i = 0; i < design->runs; i++) {
        if (!isfinite(values[i]))
            continue;
        double left = values[i];
        for (size_t c = 0; c < design->terms; c++)
            left -= design->has[i][c] * fit->solution[c];
        squares += left * left;
        size += values[i] * values[i];
    }
    squares = fmax(squares, ROUNDING * size);
    fit->variance = fit->freedom > 0 ? squares / fit->freedom : NAN;
}

/* Over the runs at the level that the change starts from. */
static double mean_before(const struct sm_comparison *comparison, const struct design *design,
                          const double *values, size_t change) {
    double sum = 0, count = 0;
    for (size_t i = 0; i < design->runs; i++) {
        int has_moved = !isfinite(values[i]);
        for (size_t c = 0; c < comparison->change_count; c++)
            has_moved |=
                design->has[i][c + 1] > 0 && strcmp(comparison->changes[c].parameter,
                                                    comparison->changes[change].parameter) == 0;
        sum += has_moved ? 0 : values[i];
        count += !has_moved;
    }
    return count > 0 ? sum / count : NAN;
}

static struct sm_main_effect effect_of(const struct fit *fit, size_t term) {
    double half = NAN, value = fit->solution[term];
    struct sm_main_effect effect = {.is_known = fit->is_free[term] && fit->freedom >= 0};
    if (fit->freedom > 0)
        half = sm_stats_t_above(TAIL, fit->freedom) *
               sqrt(fit->variance * fmax(fit->inverse[term][term], 0));
    effect.difference = (struct sm_interval){value, value - half, value + half};
    effect.is_sure = effect.is_known && isfinite(half) && fabs(value) > half;
    return effect;
}

int sm_comparison_find_effects(const struct sm_compared_run *runs,
                               struct sm_comparison *comparison) {
    struct design design = {0};
    int rc = make_design(runs, comparison, &design);
    size_t changes = comparison->change_count;
    if (rc < 0 || changes == 0)
        return rc;
    comparison->freedom = (int)comparison->run_count - 1 - (int)changes;
    comparison->effects =
        calloc(comparison->figure_count * changes + 1, sizeof *comparison->effects);
    if (!comparison->effects)
        return -ENOMEM;
    for (size_t f = 0; f < comparison->figure_count; f++) {
        struct fit fit = {0};
        solve(&design, comparison->figures[f].values, &fit);
        for (size_t c = 0; c < changes; c++) {
            struct sm_main_effect *effect = &comparison->effects[f * changes + c];
            *effect = effect_of(&fit, c + 1);
            effect->from_mean = mean_before(comparison, &design, comparison->figures[f].values, c);
        }
    }
    return 0;
}
