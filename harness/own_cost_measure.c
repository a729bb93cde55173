#include "own_cost_measure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/histogram.h"
#include "../reports/timeline.h"
#include "interrupt.h"
#include "paths.h"
#include "run_dir.h"

/* The start of a program is not its load: the first second is left out. */
static const double warm_up_s = 1, cycle_s = 3;

/* One half of a pair. */
struct half {
    double cpu_per_unit_s, p50_s, p99_s;
};

static double rise(const struct sm_run *run, const char *name, const struct sm_phase *phase) {
    const struct sm_series *series = sm_run_series(run, 0, name);
    return sm_timeline_at(run, series, sm_timeline_phase_end(run, phase)) -
           sm_timeline_at(run, series, phase->from_ns);
}

/* Of the intervals that lie within the phase. */
static int read_latency(const struct sm_run *run, const struct sm_phase *phase,
                        struct half *ret_half) {
    struct sm_histogram *all = sm_histogram_new();
    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < run->load_intervals_count; i++) {
        const struct sm_load_interval *interval = &run->load_intervals[i];
        if (interval->from_ns >= phase->from_ns && interval->to_ns <= phase->to_ns &&
            interval->histogram)
            sm_histogram_decode_add(all, interval->histogram, interval->histogram_bytes);
    }
    ret_half->p50_s = (double)sm_histogram_quantile(all, .5) / 1e9;
    ret_half->p99_s = (double)sm_histogram_quantile(all, .99) / 1e9;
    sm_histogram_free(all);
    return 0;
}

static int read_half(const char *path, struct half *ret_half, struct sm_error *err) {
    struct sm_run *run = NULL;
    int rc = sm_run_open(path, &run, err);
    if (rc)
        return rc;
    const struct sm_phase *phase = run->phases_count == 2 ? &run->phases[1] : NULL;
    double accepted = phase ? rise(run, "accepted", phase) : NAN;
    double cpu_s = phase ? rise(run, "cpu", phase) : NAN;
    if (!(accepted > 0 && cpu_s > 0))
        rc = sm_error_set(err, -ENODATA, NULL, NULL, "the target accepted nothing");
    else
        rc = read_latency(run, phase, ret_half);
    if (rc == 0)
        ret_half->cpu_per_unit_s = cpu_s / accepted;
    sm_run_free(run);
    return rc;
}

static int run_half(const struct sm_own_cost_options *options, int with_probe,
                    struct half *ret_half, struct sm_error *err) {
    struct sm_run_dir dir;
    struct sm_scenario *scenario = NULL;
    struct sm_execution_end end = {0};
    char path[512];
    if (snprintf(path, sizeof path, "%s/own-cost", options->dir) >= (int)sizeof path)
        return sm_error_set(err, -ENAMETOOLONG, NULL, NULL, "the path of the run is too long");
    int rc = sm_run_dir_plan(path, "own-cost", &dir, err);
    if (rc)
        return rc;
    const struct sm_scenario_dirs dirs = {.bin = sm_path_pipelines(),
                                          .run = dir.scratch,
                                          .data = dir.data,
                                          .log = dir.log,
                                          .services = dir.services};
    rc = sm_scenario_load(options->scenario, &dirs, options->settings, options->setting_count, 1,
                          &scenario, err);
    if (rc)
        return rc;
    struct sm_scenario_phase phases[] = {
        {.name = (char[]){"warm-up"}, .duration_s = warm_up_s, .load_factor = 1},
        {.name = (char[]){"cycle"}, .duration_s = cycle_s, .load_factor = 1}};
    scenario->phases = phases;
    scenario->phase_count = sizeof phases / sizeof *phases;
    const struct sm_execution_options execution = {
        .scenario = scenario,
        .dir = &dir,
        .sample_rate_hz = options->base->sample_rate_hz,
        .sample_interval_bytes = options->base->sample_interval_bytes,
        .seed = options->base->seed,
        .allocator = options->base->allocator,
        .is_trial = 1,
        .is_without_probe = !with_probe,
    };
    rc = sm_execute(&execution, &end, err);
    sm_scenario_free(scenario);
    if (rc == 0 && strcmp(end.ended_by, "schedule") != 0)
        rc = sm_error_set(err, sm_interrupt_pending() ? -EINTR : -ECANCELED, NULL, NULL, "%s",
                          end.text);
    if (rc == 0)
        rc = read_half(dir.path, ret_half, err);
    sm_remove_tree(dir.path);
    return rc;
}

static double mean(const double *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

enum { PAIRS_MAX = 100 };

/* Each figure of all pairs: [0] without, [1] with the probe. */
struct halves {
    double cpu[2][PAIRS_MAX], p50[2][PAIRS_MAX], p99[2][PAIRS_MAX];
};

static void sum_up(const struct halves *halves, size_t count, struct sm_own_cost *cost) {
    cost->pairs = (int)count;
    cost->cycle_s = cycle_s;
    cost->cpu_without_s = mean(halves->cpu[0], count);
    cost->cpu_with_s = mean(halves->cpu[1], count);
    cost->cpu = sm_ratio_of_pairs(halves->cpu[1], halves->cpu[0], count);
    cost->latency_p50 = sm_ratio_of_pairs(halves->p50[1], halves->p50[0], count);
    cost->latency_p99 = sm_ratio_of_pairs(halves->p99[1], halves->p99[0], count);
}

static int measure_pairs(const struct sm_own_cost_options *options, struct halves *halves,
                         struct sm_error *err) {
    for (int i = 0; i < options->pairs; i++) {
        fprintf(stderr, "spillmark: the probe's own cost, pair %d of %d\n", i + 1, options->pairs);
        for (int k = 0; k < 2; k++) {
            int with_probe = k ^ (i & 1); /* who goes first alternates, against drift */
            struct half half = {0};
            int rc = run_half(options, with_probe, &half, err);
            if (rc)
                return rc;
            halves->cpu[with_probe][i] = half.cpu_per_unit_s;
            halves->p50[with_probe][i] = half.p50_s;
            halves->p99[with_probe][i] = half.p99_s;
        }
    }
    return 0;
}

int sm_own_cost_measure(const struct sm_own_cost_options *options, struct sm_own_cost *ret_cost,
                        struct sm_error *err) {
    struct sm_own_cost cost = {.pairs = 0, .cycle_s = cycle_s};
    cost.cpu = cost.latency_p50 = cost.latency_p99 = (struct sm_ratio){NAN, NAN, NAN};
    cost.cpu_with_s = cost.cpu_without_s = NAN;
    struct halves *halves = calloc(1, sizeof *halves);
    if (!halves)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    struct sm_error why = {0};
    int rc = measure_pairs(options, halves, &why);
    if (rc == 0)
        sum_up(halves, (size_t)options->pairs, &cost);
    else
        sm_error_format(&why, cost.note, sizeof cost.note);
    free(halves);
    if (rc == -ENOMEM || rc == -EINTR) {
        if (err)
            *err = why;
        return rc;
    }
    *ret_cost = cost;
    return 0;
}
