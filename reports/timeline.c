#include "timeline.h"

#include <math.h>
#include <stdlib.h>

/* Of a stretch, the part at either end whose median stands for the level there. */
enum { MEAN_RISE_ENDS = 40 };

/* Points of a slope: more would only cost time, all pairs are compared. */
enum { SLOPE_POINTS = 200 };

double sm_timeline_seconds(int64_t t_ns) {
    return (double)t_ns / 1e9;
}

const struct sm_phase *sm_timeline_phase_at(const struct sm_run *run, int64_t t_ns) {
    const struct sm_phase *found = NULL;
    for (size_t i = 0; i < run->phases_count; i++)
        if (run->phases[i].from_ns < t_ns)
            found = &run->phases[i];
    return found;
}

static int samples_range(const struct sm_run *run, int64_t *from_ns, int64_t *to_ns) {
    for (size_t i = 0; i < run->samples_count; i++) {
        int64_t t_ns = run->samples[i].t_ns;
        if (i == 0 || t_ns < *from_ns)
            *from_ns = t_ns;
        if (i == 0 || t_ns > *to_ns)
            *to_ns = t_ns;
    }
    return run->samples_count > 0;
}

int64_t sm_timeline_phase_end(const struct sm_run *run, const struct sm_phase *phase) {
    int64_t from_ns = 0, to_ns = 0;
    if (phase->to_ns >= 0)
        return phase->to_ns;
    if (!samples_range(run, &from_ns, &to_ns) || to_ns < phase->from_ns)
        return phase->from_ns;
    return to_ns;
}

int sm_timeline_range(const struct sm_run *run, int64_t *ret_from_ns, int64_t *ret_to_ns) {
    int64_t from_ns = 0, to_ns = 0;
    if (run->phases_count == 0) {
        if (!samples_range(run, &from_ns, &to_ns))
            return 0;
    } else {
        from_ns = run->phases[0].from_ns;
        to_ns = sm_timeline_phase_end(run, &run->phases[run->phases_count - 1]);
    }
    *ret_from_ns = from_ns;
    *ret_to_ns = to_ns;
    return to_ns > from_ns;
}

int sm_timeline_load_range(const struct sm_run *run, int64_t *ret_from_ns, int64_t *ret_to_ns) {
    int found = 0;
    for (size_t i = 0; i < run->phases_count; i++) {
        const struct sm_phase *phase = &run->phases[i];
        if (phase->load_factor <= 0)
            continue;
        if (!found)
            *ret_from_ns = phase->from_ns;
        *ret_to_ns = sm_timeline_phase_end(run, phase);
        found = 1;
    }
    return found;
}

/* The number of samples at or before t_ns. */
static size_t count_until(const struct sm_sample *samples, size_t count, int64_t t_ns) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (samples[middle].t_ns <= t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Every series is looked at in the first moments of a run, each at its own time. */
#define FIRST_LOOK_NS INT64_C(1000000000)

double sm_timeline_at(const struct sm_run *run, const struct sm_series *series, int64_t t_ns) {
    size_t count;
    if (!series)
        return NAN;
    const struct sm_sample *samples = sm_run_samples(run, series->id, &count);
    size_t until = count_until(samples, count, t_ns);
    if (until)
        return samples[until - 1].value;
    int64_t start_ns = run->phases_count ? run->phases[0].from_ns : t_ns;
    int is_first_look = count && samples[0].t_ns - start_ns <= FIRST_LOOK_NS &&
                        samples[0].t_ns - t_ns <= FIRST_LOOK_NS;
    return is_first_look ? samples[0].value : NAN;
}

static const struct sm_sample *samples_within(const struct sm_run *run,
                                              const struct sm_series *series, int64_t from_ns,
                                              int64_t to_ns, size_t *ret_count) {
    size_t count;
    const struct sm_sample *samples = sm_run_samples(run, series->id, &count);
    size_t first = count_until(samples, count, from_ns - 1);
    *ret_count = count_until(samples, count, to_ns) - first;
    if (to_ns < from_ns)
        *ret_count = 0;
    return samples + first;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *values, size_t count) {
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double sm_timeline_median(const struct sm_run *run, const struct sm_series *series, int64_t from_ns,
                          int64_t to_ns) {
    size_t count;
    double some[SLOPE_POINTS];
    if (!series)
        return NAN;
    const struct sm_sample *samples = samples_within(run, series, from_ns, to_ns, &count);
    if (count == 0)
        return sm_timeline_at(run, series, to_ns);
    size_t taken = count < SLOPE_POINTS ? count : SLOPE_POINTS;
    for (size_t i = 0; i < taken; i++)
        some[i] = samples[i * count / taken].value;
    return median_of(some, taken);
}

double sm_timeline_mean_rise(const struct sm_run *run, const struct sm_series *series,
                             int64_t from_ns, int64_t to_ns) {
    int64_t end_ns = (to_ns - from_ns) / MEAN_RISE_ENDS; /* how much of each end is looked at */
    double first = sm_timeline_median(run, series, from_ns, from_ns + end_ns);
    double last = sm_timeline_median(run, series, to_ns - end_ns, to_ns);
    double seconds = sm_timeline_seconds(to_ns - from_ns - end_ns);
    return seconds > 0 ? (last - first) / seconds : NAN;
}

double sm_timeline_peak(const struct sm_run *run, const struct sm_series *series, int64_t from_ns,
                        int64_t to_ns) {
    size_t count;
    double peak = sm_timeline_at(run, series, from_ns);
    if (!series)
        return NAN;
    const struct sm_sample *samples = samples_within(run, series, from_ns, to_ns, &count);
    for (size_t i = 0; i < count; i++)
        peak = fmax(peak, fmax(samples[i].high, samples[i].value));
    return peak;
}

/* The standard error of a fitted line's slope; neighbouring residuals that go together count as
 * fewer points (lag-1 correlation). */
static double slope_error(const double *times_s, const double *values, size_t count, double slope) {
    double mean_t = 0, mean_v = 0, spread = 0, sum = 0, lag = 0, before = 0;
    for (size_t i = 0; i < count; i++) {
        mean_t += times_s[i] / (double)count;
        mean_v += values[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double dt = times_s[i] - mean_t, residual = values[i] - mean_v - slope * dt;
        spread += dt * dt;
        sum += residual * residual;
        if (i > 0)
            lag += residual * before;
        before = residual;
    }
    if (count < 3 || spread <= 0)
        return INFINITY;
    double correlation = sum > 0 ? lag / sum : 0;
    correlation = correlation < 0 ? 0 : correlation > .98 ? .98 : correlation;
    return sqrt(sum / (double)(count - 2) / spread * (1 + correlation) / (1 - correlation));
}

double sm_timeline_slope_of(const double *times_s, const double *values, size_t count,
                            double *ret_error) {
    double *slopes = malloc((count * count / 2 + 1) * sizeof *slopes);
    size_t found = 0;
    if (slopes)
        for (size_t i = 0; i < count; i++)
            for (size_t j = i + 1; j < count; j++)
                if (times_s[j] > times_s[i])
                    slopes[found++] = (values[j] - values[i]) / (times_s[j] - times_s[i]);
    double slope = slopes ? median_of(slopes, found) : NAN;
    free(slopes);
    if (ret_error)
        *ret_error = slope_error(times_s, values, count, slope);
    return slope;
}

double sm_timeline_slope(const struct sm_run *run, const struct sm_series *series, int64_t from_ns,
                         int64_t to_ns, double *ret_error) {
    size_t count = 0;
    double times_s[SLOPE_POINTS], values[SLOPE_POINTS];
    const struct sm_sample *samples =
        series ? samples_within(run, series, from_ns, to_ns, &count) : NULL;
    size_t taken = count < SLOPE_POINTS ? count : SLOPE_POINTS;
    for (size_t i = 0; i < taken; i++) {
        size_t at = taken > 1 ? i * (count - 1) / (taken - 1) : 0;
        times_s[i] = sm_timeline_seconds(samples[at].t_ns);
        values[i] = samples[at].value;
    }
    return sm_timeline_slope_of(times_s, values, taken, ret_error);
}

const struct sm_phase *sm_timeline_rise(const struct sm_run *run, const struct sm_series *series) {
    const struct sm_phase *best = NULL, *best_fault = NULL;
    double most = 0, most_fault = 0;
    for (size_t i = 0; i < run->phases_count; i++) {
        const struct sm_phase *phase = &run->phases[i];
        double rise = sm_timeline_at(run, series, sm_timeline_phase_end(run, phase)) -
                      sm_timeline_at(run, series, phase->from_ns);
        if (phase->load_factor <= 0 && phase->fault_count == 0)
            continue;
        if (rise > most) {
            most = rise;
            best = phase;
        }
        if (phase->fault_count > 0 && rise > most_fault) {
            most_fault = rise;
            best_fault = phase;
        }
    }
    return best_fault && most_fault > most / 5 ? best_fault : best;
}
