#include "growth_cycle_fit.h"

#include <math.h>

static const struct sm_shape_limits SLOWEST = {.exponential = .95, .logarithm = .3};
static const double MIN_EVENTS = 20; /* errors or losses that make them a driver */

struct points {
    int count;
    double seconds;               /* of the whole experiment */
    double u[SM_CYCLE_MAX_MARKS]; /* the driver as a part of it */
    double level[SM_CYCLE_MAX_MARKS];
};

/* Inverts a symmetric matrix of `size` by elimination; 0 when it is singular. */
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

static void fill_row(const struct sm_cycle_fit *fit, double u, double row[3]) {
    row[0] = 1;
    row[1] = fmax(0, u - fit->onset);
    row[2] = fit->shape ? sm_shape_at(fit->shape, u) : 0;
}

/* Returns 0 when the model does not fit: too few points, or a shape that would fall. */
static int fit_one(const struct points *points, struct sm_cycle_fit *fit) {
    int size = fit->shape ? 3 : 2;
    double normal[3][3] = {{0}}, right[3] = {0}, solution[3] = {0}, row[3];
    if (points->count - size < 1)
        return 0;
    for (int i = 0; i < points->count; i++) {
        fill_row(fit, points->u[i], row);
        for (int r = 0; r < size; r++) {
            right[r] += row[r] * points->level[i];
            for (int k = 0; k < size; k++)
                normal[r][k] += row[r] * row[k];
        }
    }
    if (!invert(normal, size))
        return 0;
    for (int r = 0; r < size; r++)
        for (int k = 0; k < size; k++)
            solution[r] += normal[r][k] * right[k];
    if (fit->shape && solution[2] <= 0)
        return 0;
    fit->residual = 0;
    for (int i = 0; i < points->count; i++) {
        fill_row(fit, points->u[i], row);
        double left = points->level[i];
        for (int r = 0; r < size; r++)
            left -= row[r] * solution[r];
        fit->residual += left * left;
    }
    fit->freedom = points->count - size;
    fit->rate = solution[1] / points->seconds;
    fit->variance_factor = normal[1][1] / (points->seconds * points->seconds);
    return 1;
}

static int fit_driver(const struct points *points, enum sm_cycle_driver driver,
                      struct sm_cycle_fit *ret_fits) {
    int used = 0;
    ret_fits[used] = (struct sm_cycle_fit){.driver = driver};
    used += fit_one(points, &ret_fits[used]);
    for (int s = 0; s < SM_BASIS_SHAPES; s++) {
        if (!sm_shape_is_bounded(&sm_shapes[s], &SLOWEST))
            continue;
        ret_fits[used] = (struct sm_cycle_fit){.driver = driver, .shape = &sm_shapes[s]};
        used += fit_one(points, &ret_fits[used]);
    }
    for (int i = 1; i < points->count - 2 && i < SM_CYCLE_MAX_ONSETS; i++) {
        ret_fits[used] = (struct sm_cycle_fit){.driver = driver, .onset = points->u[i]};
        used += fit_one(points, &ret_fits[used]);
    }
    return used;
}

int sm_cycle_fit_all(const struct sm_mark *origin, const struct sm_mark *marks, int count, int skip,
                     struct sm_cycle_fit *ret_fits) {
    struct points points = {.count = count - skip < SM_CYCLE_MAX_MARKS ? count - skip
                                                                       : SM_CYCLE_MAX_MARKS};
    const struct sm_mark *first = &marks[count - points.count], *last = &marks[count - 1];
    int used = 0;
    points.seconds = last->at_s - origin->at_s;
    for (int d = 0; d < SM_CYCLE_DRIVERS; d++) {
        double total = last->driver[d] - origin->driver[d];
        double enough = d == SM_DRIVER_ERRORS || d == SM_DRIVER_LOSSES ? MIN_EVENTS : 0;
        int known = total > enough;
        for (int i = 0; i < points.count; i++) {
            points.u[i] = (first[i].driver[d] - origin->driver[d]) / total;
            points.level[i] = first[i].level - first[0].level;
            known = known && isfinite(points.u[i]);
        }
        if (!known)
            continue;
        used += fit_driver(&points, (enum sm_cycle_driver)d, ret_fits + used);
    }
    return used;
}
