/* Suspecting growth before the end of a window.
 *
 * A run that goes on is looked at again and again, so a suspicion must be right at every look, not
 * at one. And there is nothing yet to compare the rise with: noise that remembers for seconds rises
 * for seconds, and so does every garbage collector, buffer or pool until it gives back for the
 * first time. At the end of the window none of this is needed: noise and teeth have then been seen
 * many times over, and the whole error allowed is spent once more there.
 *
 * A rise is suspected only when all of these hold:
 *
 * 1. The line through it rises faster than the resolution, at the error allowed for the suffix
 *    divided among LOOKS. Windows of less than a quarter more share most of their samples; twelve
 *    such steps lead from 5 s to over a minute.
 *
 * 2. Noise could not have wandered as far. Up to SHORT_S the window is too short to tell how long
 *    noise remembers, so the most is assumed, MEMORY_S: its variance follows from the steps of the
 *    means of successive seconds, d. A random walk of n such steps has variance n d^2 = sum d^2,
 *    an autoregression that forgets within m, whose steps are as large, has
 *    sum d^2 (1 - exp(-n/m)) / (n/m).
 *
 * 3. It is no tooth. A rise that would be a SMALL part of the level before the window within
 *    TOOTH_S could be one, until it has lasted for so long; and what has fallen before may fall
 *    again: it must be FALLS times as high as the deepest fall so far. Collectors of generations
 *    give back the young ones at once and often, the old ones seldom: up to SHORT_S it must also
 *    be SUDDEN_FALLS times as high as the deepest fall from one value to the next.
 *
 * No test can suspect a leak sooner than its longest tooth without suspecting teeth. */
#include "growth_so_far.h"

#include <math.h>

#include "growth_stats.h"

enum { LOOKS = 12, FALL_BLOCKS = 10, SECONDS_MAX = 32 };

static const double LEAST_S = 4;
static const double MEMORY_S = 3;
static const double SHORT_S = 16;
static const double WANDERED = 4.5; /* standard deviations */
static const double TOOTH_S = 9;
static const double SMALL = .025;
static const double FALLS = 3, SUDDEN_FALLS = 4.5;

static double deepest_fall(const double *values, size_t count) {
    double level[FALL_BLOCKS], top = -INFINITY, fall = 0;
    sm_stats_block_means(values, count, level, FALL_BLOCKS);
    for (int i = 0; i < FALL_BLOCKS; i++) {
        top = fmax(top, level[i]);
        fall = fmax(fall, top - level[i]);
    }
    return fall;
}

static double deepest_sudden_fall(const double *values, size_t count) {
    double fall = 0;
    for (size_t i = 1; i < count; i++)
        fall = fmax(fall, values[i - 1] - values[i]);
    return fall;
}

static double wandered(const double *values, size_t count, double seconds) {
    double level[SECONDS_MAX], squares = 0, memories = seconds / MEMORY_S;
    size_t n = (size_t)lround(seconds);
    sm_stats_block_means(values, count, level, n);
    for (size_t i = 1; i < n; i++)
        squares += (level[i] - level[i - 1]) * (level[i] - level[i - 1]);
    return sqrt(squares * (1 - exp(-memories)) / memories);
}

static int may_be_tooth(const struct sm_so_far *rise, double seconds, double risen) {
    if (rise->rate * TOOTH_S <= SMALL * rise->level)
        return 0;
    if (seconds < TOOTH_S || risen < FALLS * deepest_fall(rise->values, rise->count))
        return 1;
    return seconds < SHORT_S &&
           risen < SUDDEN_FALLS * deepest_sudden_fall(rise->values, rise->count);
}

int sm_so_far_is_clear(const struct sm_so_far *rise) {
    size_t count = rise->count - rise->skip;
    double seconds = rise->seconds * (double)count / (double)rise->count;
    double risen = rise->rate * seconds;
    double t = sm_stats_t_above(rise->alpha / LOOKS, rise->freedom);
    if (seconds < LEAST_S || rise->rate - t * rise->noise <= rise->resolution)
        return 0;
    if (seconds < SHORT_S && risen < WANDERED * wandered(rise->values + rise->skip, count, seconds))
        return 0;
    return !may_be_tooth(rise, seconds, risen);
}
