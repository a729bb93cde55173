/* timeline.h - a run by time: its phases, what a series was at a moment, how it rose between two.
 *
 * Pure functions of a run, thread-safe. Levels hold until the next sample (nothing is invented
 * between two); NAN means unknown. */
#pragma once

#include "model.h"

/* The measured part of a run: from the first phase to the end of the last, without the start and
 * the stop of the target. Without phases: all samples. Returns 0 when there is nothing. */
int sm_timeline_range(const struct sm_run *run, int64_t *ret_from_ns, int64_t *ret_to_ns);

/* From the first phase with load to the end of the last one. Returns 0, and sets nothing, when
 * there is none. */
int sm_timeline_load_range(const struct sm_run *run, int64_t *ret_from_ns, int64_t *ret_to_ns);

/* Where a phase ends: its own end, or that of the samples when the run was cut short in it. */
int64_t sm_timeline_phase_end(const struct sm_run *run, const struct sm_phase *phase);

/* The phase that was on at a time (the earlier one at a border); NULL up to the first. */
const struct sm_phase *sm_timeline_phase_at(const struct sm_run *run, int64_t t_ns);

/* Seconds since the run began. */
double sm_timeline_seconds(int64_t t_ns);

/* The level of a series (may be NULL) at a time: its last sample at or before it, or, in the
 * first second of a run, the first one of all when that follows within a second. NAN when there is
 * none. */
double sm_timeline_at(const struct sm_run *run, const struct sm_series *series, int64_t t_ns);

/* The median level of a series within [from, to]; the level at `to` when no sample is inside. */
double sm_timeline_median(const struct sm_run *run, const struct sm_series *series, int64_t from_ns,
                          int64_t to_ns);

/* The greatest level, by the extremes between samples, within [from, to]. */
double sm_timeline_peak(const struct sm_run *run, const struct sm_series *series, int64_t from_ns,
                        int64_t to_ns);

/* The mean rise of a series per second over [from, to], between the median levels of its two ends:
 * what came in less what went out, however uneven its course. */
double sm_timeline_mean_rise(const struct sm_run *run, const struct sm_series *series,
                             int64_t from_ns, int64_t to_ns);

/* The rise of a series per second in [from, to] by Theil and Sen (the median of slopes), which a
 * few odd samples do not move. *ret_error, which may be NULL, becomes its standard error, with
 * the correlation of neighbours allowed for. */
double sm_timeline_slope(const struct sm_run *run, const struct sm_series *series, int64_t from_ns,
                         int64_t to_ns, double *ret_error);

/* The same on points that are at hand; times in seconds, ascending. */
double sm_timeline_slope_of(const double *times_s, const double *values, size_t count,
                            double *ret_error);

/* The phase in which the series rose the most, of those with load; faults first when a fifth of
 * the whole rise came in one. NULL when it rose in none. */
const struct sm_phase *sm_timeline_rise(const struct sm_run *run, const struct sm_series *series);
