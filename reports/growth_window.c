/* The verdict on one window of constant load and fault.
 *
 * The window is looked at in three reductions: as it is, the lower decile of 40 blocks, and the
 * least of 24 to 32 blocks (garbage collectors, flushes and bursts leave the floor alone, where a
 * leak lifts it); each from 7 starting points, 0, 1/8 ... 3/4 (warm-up is left behind, late
 * triggers are met). The error allowed is divided among the starting points; the reductions of one
 * suffix agree too closely to need a share each. Counts have one look more (growth_counts.c).
 *
 * - GROWING: in some suffix the straight line rises faster than the resolution, and growth is left
 *   whatever bounded shape is assumed: the lower end of the profile interval exceeds 0.1
 *   resolutions. No later suffix excludes growth.
 * - BOUNDED: in some suffix the upper end is below the resolution with at least 90 % of any
 *   saturation behind it, no suffix trends upwards, and the level has been flat for long compared
 *   with the gaps between its former rises.
 * - else INCONCLUSIVE; suspect when a plain slope is significant.
 *
 * While the window goes on, growth counts only where it is clear at every look: growth_so_far.c. */
#include "growth_window.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "growth_counts.h"
#include "growth_so_far.h"
#include "growth_stats.h"

enum { STARTS = 7, REDUCTIONS = 3, DECILE_BLOCKS = 40, PLATEAU_BLOCKS = 40, MAX_BLOCKS = 40 };

static const double START_STEP = .125;
static const double MIN_SECONDS = 4;
static const double MIN_SUSPECT_SECONDS = 5;
/* Growth that must be left when the most favourable bounded shape is taken away, in resolutions. */
static const double LEFT_OF_RESOLUTION = .1;
/* Logarithms log(1 + u / when) that slow down by less than this one count as lines. */
static const double SLOWEST_LOGARITHM = .3;
static const double SLIGHT = .5; /* of the rise at the resolution: no rise worth waiting for */
static const double LEFT_AT_MOST = .1; /* of a saturation, for bounded */

struct series {
    const double *values;
    size_t count;
    double own[MAX_BLOCKS];
};

struct look {
    double start;
    int is_whole; /* of all values, not of a reduction */
    struct sm_profile profile;
};

static int reduce(const struct sm_window *window, struct series *ret_series) {
    size_t n = window->count;
    int used = 0;
    ret_series[used++] = (struct series){.values = window->values, .count = n};
    if (n >= 160) {
        struct series *deciles = &ret_series[used++];
        sm_stats_block_ranks(window->values, n, .1, deciles->own, DECILE_BLOCKS);
        deciles->values = deciles->own;
        deciles->count = DECILE_BLOCKS;
    }
    if (n >= 100) {
        struct series *floors = &ret_series[used++];
        floors->count = n >= 192 ? 32 : 24;
        sm_stats_block_ranks(window->values, n, 0, floors->own, floors->count);
        floors->values = floors->own;
    }
    return used;
}

/* Rise per sample from the first to the last quarter. */
static double coarse_slope(const double *values, size_t count) {
    size_t quarter = count / 4 > 2 ? count / 4 : 2;
    if (count < 2 * quarter)
        quarter = count / 2;
    if (quarter == 0)
        return 0;
    double rise =
        sm_stats_level(values, count - quarter, count) - sm_stats_level(values, 0, quarter);
    return rise / (double)(count - quarter);
}

/* In a suffix, the saturation to be excluded is that of the whole growth so far: where growth
 * began before the suffix, an exponential as slow in the window is faster in the suffix. */
static void admit_shapes(const struct sm_window *window, const struct series *series, size_t skip,
                         double start, struct sm_profile_ask *ask) {
    ask->slowest.exponential = window->slowest_exponential;
    ask->slowest.logarithm = SLOWEST_LOGARITHM;
    if (start <= 0)
        return;
    double before = coarse_slope(series->values, skip);
    double after = coarse_slope(series->values + skip, series->count - skip);
    if (before > .5 * after || start < .2) {
        ask->slowest.exponential = SM_SLOWEST_EXPONENTIAL / (1 - start);
        ask->slowest.logarithm = (SLOWEST_LOGARITHM + start) / (1 - start);
    }
}

static int usable_starts(const struct sm_window *window) {
    int starts = 0;
    while (starts < STARTS && window->seconds * (1 - starts * START_STEP) >= MIN_SECONDS)
        starts++;
    return starts;
}

static int take_looks(const struct sm_window *window, struct look *ret_looks) {
    struct series series[REDUCTIONS];
    int reductions = reduce(window, series), starts = usable_starts(window), used = 0;
    for (int s = 0; s < starts; s++)
        for (int r = 0; r < reductions; r++) {
            double start = s * START_STEP;
            size_t skip = (size_t)lround((double)series[r].count * start);
            struct sm_profile_ask ask = {
                .seconds = window->seconds * (1 - start),
                .alpha_growing = window->alpha / starts,
                .alpha_bounded = window->alpha / 2,
            };
            admit_shapes(window, &series[r], skip, start, &ask);
            struct look *look = &ret_looks[used];
            look->start = start;
            look->is_whole = r == 0;
            int rc = sm_profile_fit(series[r].values + skip, series[r].count - skip, &ask,
                                    &look->profile);
            if (rc == -ENOMEM)
                return rc;
            used += rc == 0;
        }
    if (window->is_count && used > 0) {
        struct sm_profile_ask ask = {.seconds = window->seconds,
                                     .alpha_growing = window->alpha,
                                     .slowest = {window->slowest_exponential, SLOWEST_LOGARITHM}};
        ret_looks[used].start = 0;
        ret_looks[used].is_whole = 0;
        used += sm_counts_fit(window->values, window->count, &ask, &ret_looks[used].profile) == 0;
    }
    return used;
}

/* How long the level has been flat, and whether that is long enough. */
struct plateau {
    double rose_until; /* part of the window */
    int settled;
};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Blocks of medians, their running maximum smoothed over three: the last time it came within a
 * tenth of the final level ended the rise. After J rises, the wait for a further one is
 * exponential with the mean gap seen: 4.6 / (J + 1) of it leaves 1 in 100. */
static struct plateau find_plateau(const struct sm_window *window) {
    double level[PLATEAU_BLOCKS], steps[PLATEAU_BLOCKS], top[PLATEAU_BLOCKS];
    size_t blocks = window->count >= 160  ? PLATEAU_BLOCKS
                    : window->count >= 32 ? window->count / 4
                                          : 8;
    struct plateau flat = {0, 1};
    sm_stats_block_ranks(window->values, window->count, .5, level, blocks);
    size_t tail = blocks / 5 > 3 ? blocks / 5 : 3, head = blocks / 20 > 2 ? blocks / 20 : 2;
    double last = sm_stats_level(level, blocks - tail, blocks), first = 0;
    for (size_t i = 0; i < head; i++)
        first += level[i] / (double)head;
    for (size_t i = 0; i + 1 < blocks; i++)
        steps[i] = fabs(level[i + 1] - level[i]);
    double noise = sm_stats_median(steps, blocks - 1) * 1.05 + 1e-9, rise = last - first;
    if (rise <= 6 * noise || rise <= SLIGHT * window->flat_per_s * window->seconds)
        return flat;
    double reached = last - fmax(.1 * rise, 3 * noise), highest = -INFINITY;
    size_t end = blocks;
    for (size_t i = 0; i < blocks; i++) {
        double three[3] = {level[i ? i - 1 : 0], level[i],
                           level[i + 1 < blocks ? i + 1 : blocks - 1]};
        qsort(three, 3, sizeof three[0], compare);
        highest = fmax(highest, three[1]);
        top[i] = highest;
    }
    for (size_t i = blocks; i-- > 0;)
        if (top[i] >= reached)
            end = i;
    double former = -INFINITY;
    int rises = 0;
    for (size_t i = 0; i <= end && i < blocks; i++) {
        rises += i > 0 && level[i] - former > .03 * rise;
        former = fmax(former, level[i]);
    }
    flat.rose_until = (double)end / (double)blocks;
    flat.settled = 1 - flat.rose_until >= fmax(.3, 4.6 / (rises + 1.) * .6) * flat.rose_until;
    return flat;
}

/* The first look of the longest suffix in which growth shows: its interval is the least picked. */
static const struct look *find_growth(const struct sm_window *window, const struct look *looks,
                                      int count) {
    const struct look *found = NULL;
    for (int i = 0; i < count; i++) {
        const struct sm_profile *p = &looks[i].profile;
        if (looks[i].start >= .5 && p->high_any < window->resolution_per_s)
            return NULL;
        if (!found && p->low > LEFT_OF_RESOLUTION * window->resolution_per_s &&
            p->plain_low > window->resolution_per_s)
            found = &looks[i];
    }
    return found;
}

static const struct look *find_bound(const struct sm_window *window, const struct look *looks,
                                     int count) {
    double flat = window->flat_per_s;
    const struct look *found = NULL;
    for (int i = 0; i < count; i++) {
        const struct sm_profile *p = &looks[i].profile;
        int filled = p->shape < 0 || p->shape_left <= LEFT_AT_MOST * p->shape_rise;
        int sane = p->low_any > -20 * flat - fabs(p->high_any) * 50;
        if (p->high_any < flat && filled && sane &&
            (!found || p->high_any < found->profile.high_any))
            found = &looks[i];
    }
    return found;
}

static int trends_upwards(const struct sm_window *window, const struct look *looks, int count,
                          double from) {
    for (int i = 0; i < count; i++) {
        const struct sm_profile *p = &looks[i].profile;
        double t = sm_stats_t_above(window->alpha / 2, p->freedom);
        if (looks[i].start >= from && p->plain_rate - t * p->noise > window->flat_per_s)
            return 1;
    }
    return 0;
}

static void decide(const struct sm_window *window, const struct look *looks, int count,
                   struct sm_window_verdict *out) {
    const struct look *look = find_growth(window, looks, count);
    if (look) {
        out->kind = SM_VERDICT_GROWING;
        out->suspect = 1;
    } else if ((look = find_bound(window, looks, count)) != NULL) {
        struct plateau flat = find_plateau(window);
        if (!flat.settled || trends_upwards(window, looks, count, fmin(.5, flat.rose_until + .05)))
            out->doubt = SM_DOUBT_RECENT;
        else
            out->kind = SM_VERDICT_BOUNDED;
    }
    if (out->kind == SM_VERDICT_INCONCLUSIVE) {
        for (int i = 0; i < count; i++) {
            const struct sm_profile *p = &looks[i].profile;
            if (window->seconds * (1 - looks[i].start) >= MIN_SUSPECT_SECONDS)
                out->suspect |= p->plain_low > window->resolution_per_s;
            if (!look || p->plain_rate / p->noise > look->profile.plain_rate / look->profile.noise)
                look = &looks[i];
        }
        if (out->doubt == SM_DOUBT_NONE)
            out->doubt = out->suspect ? SM_DOUBT_SATURATION : SM_DOUBT_NOISE;
    }
    out->profile = look->profile;
    out->used_seconds = window->seconds * (1 - look->start);
}

static int is_clear_so_far(const struct sm_window *window, const struct look *looks, int count) {
    int clear = 0, starts = usable_starts(window);
    for (int i = 0; i < count && !clear; i++) {
        struct sm_so_far rise = {
            .values = window->values,
            .count = window->count,
            .skip = (size_t)lround((double)window->count * looks[i].start),
            .seconds = window->seconds,
            .level = window->level,
            .resolution = window->resolution_per_s,
            .rate = looks[i].profile.plain_rate,
            .noise = looks[i].profile.noise,
            .alpha = window->alpha / starts,
            .freedom = looks[i].profile.freedom,
        };
        clear = looks[i].is_whole && sm_so_far_is_clear(&rise);
    }
    return clear;
}

static void forget_unclear(const struct sm_window *window, const struct look *looks, int count,
                           struct sm_window_verdict *out) {
    if (!out->suspect || is_clear_so_far(window, looks, count))
        return;
    out->kind = SM_VERDICT_INCONCLUSIVE;
    out->suspect = 0;
    out->doubt = SM_DOUBT_SO_FAR;
}

int sm_window_judge(const struct sm_window *window, struct sm_window_verdict *ret_verdict) {
    struct look looks[STARTS * REDUCTIONS + 1];
    *ret_verdict = (struct sm_window_verdict){.kind = SM_VERDICT_INCONCLUSIVE};
    int count = take_looks(window, looks);
    if (count < 0)
        return count;
    if (count == 0)
        ret_verdict->doubt = SM_DOUBT_SHORT;
    else
        decide(window, looks, count, ret_verdict);
    if (window->goes_on)
        forget_unclear(window, looks, count, ret_verdict);
    return 0;
}
