#include "power.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timeline.h"
#include "trace_record.h"

/* Trickles tried, from the resolution on, each larger than the one before by sqrt(2). */
enum { STEPS = 21 };
/* A trickle of so many resolutions must not pass for bounded. */
static const int BLIND_STEP = 4;

static double trickle_at(double resolution_per_s, int step) {
    return resolution_per_s * pow(2, (step + 1) / 2.);
}

static int is_loaded(const struct sm_trace *trace, size_t at) {
    return trace->phase[at] != SM_TRACE_IDLE && trace->phase[at] != SM_TRACE_SETTLE;
}

struct trial {
    const struct sm_trace *trace;
    enum sm_channel channel;
    const double *values;
    double resolution_per_s, declared_cap;
    double *sum;
};

static int try_trickle(const struct trial *trial, int step, enum sm_verdict_kind *ret_kind) {
    double per_s = trickle_at(trial->resolution_per_s, step), kept = 0;
    struct sm_verdict verdict;
    for (size_t i = 0; i < trial->trace->count; i++) {
        if (is_loaded(trial->trace, i))
            kept += per_s / trial->trace->rate_hz;
        double added = trial->channel == SM_CHANNEL_FD ? floor(kept) : kept;
        trial->sum[i] = trial->values[i] + added;
    }
    int rc = sm_growth_judge(trial->trace, trial->channel, trial->sum, trial->resolution_per_s,
                             trial->declared_cap, &verdict);
    if (rc == 0)
        *ret_kind = verdict.kind;
    return rc;
}

/* The first step that is called growing, by halves; STEPS when none is. */
static int find_least(const struct trial *trial, int *ret_step) {
    enum sm_verdict_kind kind = SM_VERDICT_INCONCLUSIVE;
    int below = -1, found = STEPS - 1;
    int rc = try_trickle(trial, found, &kind);
    if (rc < 0 || kind != SM_VERDICT_GROWING) {
        *ret_step = STEPS;
        return rc;
    }
    while (rc == 0 && found - below > 1) {
        int middle = (below + found) / 2;
        rc = try_trickle(trial, middle, &kind);
        if (kind == SM_VERDICT_GROWING)
            found = middle;
        else
            below = middle;
    }
    *ret_step = found;
    return rc;
}

int sm_power_measure(const struct sm_trace *trace, enum sm_channel channel, const double *values,
                     double declared_cap, struct sm_series_result *result) {
    struct trial trial = {trace, channel, values, result->resolution_per_s, declared_cap, NULL};
    enum sm_verdict_kind kind = SM_VERDICT_INCONCLUSIVE;
    int step = STEPS;
    trial.sum = malloc((trace->count ? trace->count : 1) * sizeof *trial.sum);
    if (!trial.sum)
        return -ENOMEM;
    int rc = find_least(&trial, &step);
    if (rc == 0)
        rc = try_trickle(&trial, BLIND_STEP, &kind);
    free(trial.sum);
    result->least_seen_per_s = step < STEPS ? trickle_at(result->resolution_per_s, step) : INFINITY;
    result->is_blind = kind == SM_VERDICT_BOUNDED && step > BLIND_STEP;
    return rc;
}

/* ---- the positive control ---- */

/* Why nothing was kept: what the processes say of their probes. */
static const char *obstacle(const struct sm_run *run) {
    for (size_t i = 0; i < run->processes_count; i++)
        if (run->processes[i].probe[0] && strncmp(run->processes[i].probe, "on", 2) != 0)
            return run->processes[i].probe;
    return run->processes_count ? "the program allocates too seldom" : "no process was seen";
}

static double loaded_seconds(const struct sm_trace *trace) {
    size_t loaded = 0;
    for (size_t i = 0; i < trace->count; i++)
        loaded += (size_t)is_loaded(trace, i);
    return (double)loaded / trace->rate_hz;
}

static int judge_with(const struct sm_run *run, const struct sm_trace *trace,
                      const struct sm_series_result *heap, const struct sm_series *kept,
                      struct sm_control *control) {
    double *values = calloc(2 * trace->count + 1, sizeof *values);
    if (!values)
        return -ENOMEM;
    double *added = values + trace->count;
    sm_trace_resample(run, trace, heap->series, values);
    sm_trace_resample(run, trace, kept, added);
    for (size_t i = 0; i < trace->count; i++)
        values[i] += isfinite(added[i]) ? added[i] : 0;
    int rc = sm_growth_judge(trace, SM_CHANNEL_HEAP, values, heap->resolution_per_s,
                             trace->declared_cap, &control->verdict);
    free(values);
    return rc;
}

static void explain(const struct sm_run *run, const struct sm_series_result *heap,
                    struct sm_control *control) {
    const char *kept = SM_UNIT_TEXT(SM_UNIT_BYTES, control->kept_bytes);
    const char *rate = SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, control->kept_per_s);
    const char *least = heap && isfinite(heap->least_seen_per_s)
                            ? SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, heap->least_seen_per_s)
                            : "none that was tried";
    switch (control->state) {
    case SM_CONTROL_IMPOSSIBLE:
        snprintf(control->text, sizeof control->text,
                 "no control was possible: nothing can be kept in the target (%s)", obstacle(run));
        return;
    case SM_CONTROL_NOT_NEEDED:
        snprintf(control->text, sizeof control->text,
                 "%s was kept, by %s under load; the heap grows by itself, so there is nothing to "
                 "prove",
                 kept, rate);
        return;
    case SM_CONTROL_FOUND:
        snprintf(control->text, sizeof control->text,
                 "%s was kept, by %s under load, and was found: %s", kept, rate,
                 control->verdict.why);
        return;
    case SM_CONTROL_MISSED:
        snprintf(control->text, sizeof control->text,
                 "%s was kept, by %s under load, and was not found (%s: %s); the least growth it "
                 "would have found is %s",
                 kept, rate, sm_verdict_name(control->verdict.kind), control->verdict.why, least);
        return;
    case SM_CONTROL_NONE:
        return;
    }
}

int sm_power_control(const struct sm_run *run, struct sm_analysis *analysis) {
    struct sm_control *control = &analysis->control;
    const struct sm_series_result *heap = sm_analysis_series(analysis, 0, "heap");
    const struct sm_series *kept = sm_run_series(run, 0, "control");
    json_t *asked = json_loads(sm_run_meta(run, SM_META_CONTROL), 0, NULL);
    int rc = 0;
    if (!asked)
        return 0;
    control->asked_per_s = json_number_value(json_object_get(asked, "asked_per_s"));
    json_decref(asked);
    control->state = SM_CONTROL_IMPOSSIBLE;
    if (kept && heap && heap->is_judged) {
        int64_t from_ns = 0, to_ns = 0;
        sm_timeline_range(run, &from_ns, &to_ns);
        control->kept_bytes = sm_timeline_peak(run, kept, from_ns, to_ns);
        control->kept_per_s = control->kept_bytes / fmax(loaded_seconds(analysis->trace), 1e-3);
        rc = judge_with(run, analysis->trace, heap, kept, control);
        control->state = heap->verdict.kind == SM_VERDICT_GROWING      ? SM_CONTROL_NOT_NEEDED
                         : control->verdict.kind == SM_VERDICT_GROWING ? SM_CONTROL_FOUND
                                                                       : SM_CONTROL_MISSED;
    }
    explain(run, heap, control);
    return rc;
}
