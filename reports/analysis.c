#include "analysis.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "cause.h"
#include "ledger.h"
#include "memory.h"
#include "power.h"
#include "run_verdict.h"
#include "sites.h"
#include "timeline.h"
#include "trace_record.h"

/* ---- series ---- */

/* Totals that only rise, growth is their nature; the difference of two such totals, which count a
 * unit with different overheads; and an age. */
static int is_counter(const char *name) {
    static const char *const counters[] = {"cpu",
                                           "read",
                                           "written",
                                           "offered",
                                           "accepted",
                                           "refused",
                                           "unanswered",
                                           "delivered",
                                           "dropped",
                                           "in_flight:read-written",
                                           "give_back_asked",
                                           "give_back_done",
                                           "slack_age",
                                           "control"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        if (strcmp(name, counters[i]) == 0)
            return 1;
    return length > 6 && strcmp(name + length - 6, "_total") == 0;
}

/* Of single processes only what a leak would show in. */
static int is_wanted(const struct sm_series *series) {
    static const char *const names[] = {"heap", "rss", "fds"};
    if (series->process_id == 0)
        return !is_counter(series->name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(series->name, names[i]) == 0)
            return 1;
    return 0;
}

static int is_power_wanted(const struct sm_series *series) {
    return series->process_id == 0 &&
           (strcmp(series->name, "heap") == 0 || strcmp(series->name, "rss") == 0 ||
            strcmp(series->name, "fds") == 0);
}

static enum sm_channel channel_of(const struct sm_series *series) {
    if (strcmp(series->name, "heap") == 0)
        return SM_CHANNEL_HEAP;
    if (strncmp(series->name, "fds", 3) == 0 || strcmp(series->name, "threads") == 0)
        return SM_CHANNEL_FD;
    if (strncmp(series->name, "rss", 3) == 0 || strncmp(series->name, "slack", 5) == 0 ||
        strcmp(series->name, "mapped") == 0)
        return SM_CHANNEL_RSS;
    return SM_CHANNEL_OTHER;
}

static double declared_for(const struct sm_run *run, const char *series) {
    for (size_t i = 0; i < run->declared_bounds_count; i++)
        if (strcmp(run->declared_bounds[i].series, series) == 0)
            return run->declared_bounds[i].value;
    return 0;
}

/* Units offered per second: of the time with load, or of all. */
static double offered_per_s(const struct sm_run *run, int is_rest_counted) {
    const struct sm_series *offered = sm_run_series(run, 0, "offered");
    double units = 0, seconds = 0;
    for (size_t i = 0; i < run->phases_count; i++) {
        const struct sm_phase *phase = &run->phases[i];
        int64_t end_ns = sm_timeline_phase_end(run, phase);
        if (phase->load_factor <= 0 && !is_rest_counted)
            continue;
        units +=
            sm_timeline_at(run, offered, end_ns) - sm_timeline_at(run, offered, phase->from_ns);
        seconds += sm_timeline_seconds(end_ns - phase->from_ns);
    }
    return seconds > 0 && units > 0 ? units / seconds : NAN;
}

/* The growth per second that the budget says matters; 0 = it says none. */
static double resolution_asked(const struct sm_run *run, const struct sm_series *series) {
    for (size_t i = 0; i < run->budget_items_count; i++) {
        const struct sm_budget_item *item = &run->budget_items[i];
        if (item->is_bounded && item->value > 0 && strcmp(item->name, series->name) == 0)
            return item->value;
    }
    return 0;
}

static double resolution_for(const struct sm_run *run, const struct sm_trace *trace,
                             const struct sm_series *series, const double *values) {
    double asked = resolution_asked(run, series);
    if (asked > 0)
        return asked;
    double resolution = sm_growth_default_resolution(trace, channel_of(series), values);
    double payload_per_s = offered_per_s(run, 0) * run->ledger.unit_bytes;
    if (series->unit == SM_UNIT_BYTES && payload_per_s > 0)
        resolution = fmax(resolution, sm_growth_resolution_of_bytes(0, payload_per_s));
    return resolution;
}

static struct sm_interval interval_of(double value, double low, double high, double divisor) {
    if (!(divisor > 0))
        return (struct sm_interval){NAN, NAN, NAN};
    return (struct sm_interval){value / divisor, low / divisor, high / divisor};
}

static double level_at_start(const struct sm_run *run, const struct sm_series *series,
                             int64_t from_ns) {
    size_t count;
    double level = sm_timeline_at(run, series, from_ns);
    const struct sm_sample *samples = sm_run_samples(run, series->id, &count);
    return isnan(level) && count ? samples[0].value : level;
}

/* Growth that was found in a fault is stated for the whole of the fault: the engine's own figure
 * may rest on its last part alone. */
static struct sm_interval rate_of(const struct sm_run *run, const struct sm_series *series,
                                  const struct sm_verdict *verdict, int64_t from_ns) {
    struct sm_interval rate = {verdict->rate_per_s, verdict->rate_low, verdict->rate_high};
    int64_t decided_ns = from_ns + (int64_t)(fmax(verdict->decided_at_s - .05, 0) * 1e9);
    const struct sm_phase *phase = sm_timeline_phase_at(run, decided_ns + 1);
    if (verdict->kind != SM_VERDICT_GROWING || !phase || phase->fault_count == 0)
        return rate;
    static const double sure_99 = 2.576; /* standard errors of a normal estimate */
    int64_t end_ns = sm_timeline_phase_end(run, phase);
    double error, mean = sm_timeline_mean_rise(run, series, phase->from_ns, end_ns);
    sm_timeline_slope(run, series, phase->from_ns, end_ns, &error);
    if (isfinite(mean) && isfinite(error) && mean > 0)
        rate = (struct sm_interval){mean, fmax(mean - sure_99 * error, rate.low),
                                    mean + sure_99 * error};
    return rate;
}

static int judge_series(const struct sm_run *run, const struct sm_trace *trace, double *values,
                        struct sm_series_result *result) {
    const struct sm_series *series = result->series;
    int64_t from_ns = 0, to_ns = 0;
    size_t count;
    sm_run_samples(run, series->id, &count);
    sm_timeline_range(run, &from_ns, &to_ns);
    result->rate_per_s = result->rate_per_unit = interval_of(0, 0, 0, 0);
    result->start = count ? level_at_start(run, series, from_ns) : NAN;
    result->peak = sm_timeline_peak(run, series, from_ns, to_ns);
    result->end = sm_timeline_at(run, series, to_ns);
    result->least_seen_per_s = NAN;
    if (!trace || !is_wanted(series) || count < 2)
        return 0;
    sm_trace_resample(run, trace, series, values);
    result->resolution_per_s = resolution_for(run, trace, series, values);
    int r = sm_growth_judge(trace, channel_of(series), values, result->resolution_per_s,
                            declared_for(run, series->name), &result->verdict);
    if (r < 0)
        return r;
    result->is_judged = 1;
    result->rate_per_s = rate_of(run, series, &result->verdict, from_ns);
    /* What cycles leave behind is stated for their rests as well as their loads. */
    int is_in_cycles = trace->plan == SM_PLAN_CYCLES || trace->plan == SM_PLAN_FAULT_CYCLES;
    result->rate_per_unit = interval_of(result->rate_per_s.value, result->rate_per_s.low,
                                        result->rate_per_s.high, offered_per_s(run, is_in_cycles));
    if (result->verdict.kind != SM_VERDICT_GROWING && is_power_wanted(series))
        r = sm_power_measure(trace, channel_of(series), values, declared_for(run, series->name),
                             result);
    return r;
}

/* The order of model.h; what is not there comes after, by name. */
static int rank_of(const char *name) {
    static const char *const names[] = {
#define X(id, name, unit, title) name,
        SM_SERIES_TABLE(X)
#undef X
    };
    for (int i = 0; i < SM_SERIES_OTHER; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return SM_SERIES_OTHER;
}

static int compare_series(const void *a, const void *b) {
    const struct sm_series *x = ((const struct sm_series_result *)a)->series;
    const struct sm_series *y = ((const struct sm_series_result *)b)->series;
    int x_rank = rank_of(x->name), y_rank = rank_of(y->name);
    if (x->process_id != y->process_id)
        return x->process_id < y->process_id ? -1 : 1;
    if (x_rank != y_rank)
        return x_rank - y_rank;
    int by_name = strcmp(x->name, y->name);
    return by_name ? by_name : (x->id > y->id) - (x->id < y->id);
}

static int judge_all_series(const struct sm_run *run, struct sm_analysis *analysis) {
    size_t points = analysis->trace ? analysis->trace->count : 0;
    double *values = calloc(points ? points : 1, sizeof *values);
    analysis->series = calloc(run->series_count ? run->series_count : 1, sizeof *analysis->series);
    int r = values && analysis->series ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < run->series_count; i++) {
        struct sm_series_result *result = &analysis->series[analysis->series_count++];
        result->series = &run->series[i];
        r = judge_series(run, analysis->trace, values, result);
    }
    free(values);
    if (r == 0)
        qsort(analysis->series, analysis->series_count, sizeof *analysis->series, compare_series);
    return r;
}

int sm_series_is_growing(const struct sm_series_result *result) {
    return result && result->is_judged && result->verdict.kind == SM_VERDICT_GROWING;
}

const struct sm_series_result *sm_analysis_series(const struct sm_analysis *analysis,
                                                  int process_id, const char *name) {
    for (size_t i = 0; i < analysis->series_count; i++)
        if (analysis->series[i].series->process_id == process_id &&
            strcmp(analysis->series[i].series->name, name) == 0)
            return &analysis->series[i];
    return NULL;
}

/* ---- the stretch in which sites are ranked ---- */

static const struct sm_series *memory_series(const struct sm_run *run) {
    static const char *const names[] = {"heap", "rss_anon", "rss"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t count = 0;
        const struct sm_series *series = sm_run_series(run, 0, names[i]);
        if (series && (sm_run_samples(run, series->id, &count), count > 0))
            return series;
    }
    return NULL;
}

/* The fault in which memory rose the most; else all of the time under load. */
static void choose_window(const struct sm_run *run, struct sm_analysis *analysis, int64_t *from_ns,
                          int64_t *to_ns) {
    analysis->window = sm_timeline_rise(run, memory_series(run));
    if (analysis->window && analysis->window->fault_count > 0) {
        *from_ns = analysis->window->from_ns;
        *to_ns = sm_timeline_phase_end(run, analysis->window);
        return;
    }
    sm_timeline_load_range(run, from_ns, to_ns);
}

/* The mean of the probe's sampling as it is recorded; the probe's default when it is not. */
static double sample_bytes(const struct sm_run *run) {
    json_t *probe = json_loads(sm_run_meta(run, SM_META_PROBE), 0, NULL);
    double bytes = json_number_value(json_object_get(probe, "sample_interval_bytes"));
    json_decref(probe);
    return bytes > 0 ? bytes : 524288;
}

static const int64_t LONG_RUN_NS = INT64_C(10000000000), WAY_OUT_NS = 1000000000;

/* The end of the process that ended last, when none was left at `to_ns`: a command that ends by
 * itself does so within its phase. Else INT64_MAX. */
static int64_t end_of_target(const struct sm_run *run, int64_t to_ns) {
    int64_t last_ns = -1;
    for (size_t i = 0; i < run->processes_count; i++) {
        int64_t end_ns = run->processes[i].to_ns;
        if (end_ns < 0 || end_ns >= to_ns)
            return INT64_MAX;
        last_ns = end_ns > last_ns ? end_ns : last_ns;
    }
    return last_ns < 0 ? INT64_MAX : last_ns;
}

static int rank_sites(const struct sm_run *run, struct sm_analysis *analysis) {
    struct sm_sites_window window = {.sample_bytes = sample_bytes(run)};
    const struct sm_series *offered = sm_run_series(run, 0, "offered");
    sm_timeline_range(run, &window.from_ns, &window.to_ns);
    window.measured_to_ns = window.to_ns;
    choose_window(run, analysis, &window.from_ns, &window.to_ns);
    window.ended_ns = end_of_target(run, window.to_ns);
    if (window.ended_ns < INT64_MAX && window.ended_ns - window.from_ns > LONG_RUN_NS) {
        /* On its way out a program may free everything: look at what it held before. */
        window.to_ns = window.ended_ns - WAY_OUT_NS;
        window.ended_ns = INT64_MAX;
    }
    double units =
        sm_timeline_at(run, offered, window.to_ns) - sm_timeline_at(run, offered, window.from_ns);
    window.units_per_s = units / sm_timeline_seconds(window.to_ns - window.from_ns);
    int r = sm_sites_rank(run, &window, &analysis->sites, &analysis->site_count);
    if (r == 0 && analysis->trace)
        r = sm_sites_judge(run, analysis->trace, analysis->sites, analysis->site_count);
    return r;
}

/* ---- causes ---- */

static const struct sm_phase *last_rest(const struct sm_run *run) {
    const struct sm_phase *rest = NULL;
    int load_before = 0;
    for (size_t i = 0; i < run->phases_count; i++) {
        if (run->phases[i].load_factor > 0)
            load_before = 1;
        else if (load_before)
            rest = &run->phases[i];
    }
    return rest;
}

static const struct sm_phase *worst_fault(const struct sm_facts *facts) {
    const struct sm_phase *worst = NULL;
    double most = 0;
    for (size_t i = 0; i < facts->run->phases_count; i++) {
        const struct sm_phase *phase = &facts->run->phases[i];
        double rise = facts->memory ? sm_facts_increase(facts, facts->memory->name, phase) : 0;
        if (phase->fault_count > 0 && (!worst || rise > most)) {
            worst = phase;
            most = rise;
        }
    }
    return worst;
}

static int find_causes(const struct sm_run *run, struct sm_analysis *analysis) {
    struct sm_facts facts = {.run = run, .analysis = analysis, .memory = memory_series(run)};
    const char *ended_by = sm_run_meta(run, SM_META_ENDED_BY);
    if (!analysis->trace || !sm_timeline_range(run, &facts.from_ns, &facts.to_ns))
        return 0;
    facts.was_scheduled = run->complete && (!ended_by[0] || strcmp(ended_by, "schedule") == 0 ||
                                            strcmp(ended_by, "sure") == 0);
    facts.settle = last_rest(run);
    facts.fault = worst_fault(&facts);
    facts.memory_before = facts.memory_after = facts.memory_peak = NAN;
    if (facts.memory) {
        facts.memory_before = level_at_start(run, facts.memory, facts.from_ns);
        /* Or what is left at the last, where it was let go of within that second. */
        facts.memory_after =
            fmin(sm_timeline_median(run, facts.memory, facts.to_ns - 1000000000, facts.to_ns),
                 sm_timeline_at(run, facts.memory, facts.to_ns));
        facts.memory_peak = sm_timeline_peak(run, facts.memory, facts.from_ns, facts.to_ns);
        const struct sm_series_result *result = sm_analysis_series(analysis, 0, facts.memory->name);
        facts.memory_result = result && result->is_judged ? result : NULL;
    }
    return sm_causes_find(&facts, &analysis->causes, &analysis->cause_count);
}

static void reconcile(const struct sm_run *run, struct sm_analysis *analysis) {
    int64_t from_ns = 0, to_ns = 0;
    sm_timeline_range(run, &from_ns, &to_ns);
    sm_memory_give_back(run, &analysis->give_back);
    sm_memory_late_rise(run, &analysis->late_rise);
    sm_memory_reconcile(run, to_ns, &analysis->memory);
    sm_memory_reconcile(run, sm_memory_peak_time(run, from_ns, to_ns), &analysis->memory_at_peak);
}

int sm_analysis_make(const struct sm_run *run, struct sm_analysis **ret_analysis,
                     struct sm_error *err) {
    struct sm_analysis *analysis = calloc(1, sizeof *analysis);
    int r = analysis ? 0 : -ENOMEM;
    if (r == 0)
        r = sm_trace_from_run(run, &analysis->trace, NULL);
    if (r == -ENODATA || r == -EBADMSG)
        r = 0; /* a run without measured time is inconclusive, not an error */
    if (r == 0)
        r = judge_all_series(run, analysis);
    if (r == 0 && analysis->trace)
        r = sm_power_control(run, analysis);
    if (r == 0)
        r = rank_sites(run, analysis);
    if (r == 0) {
        sm_ledger_make(run, &analysis->ledger);
        reconcile(run, analysis);
        r = find_causes(run, analysis);
    }
    if (r == 0)
        r = sm_budget_judge(run, analysis);
    if (r < 0) {
        sm_analysis_free(analysis);
        return sm_error_errno(err, r, run->path, NULL, "the run cannot be analysed");
    }
    sm_run_verdict_decide(run, analysis);
    *ret_analysis = analysis;
    return 0;
}

void sm_analysis_free(struct sm_analysis *analysis) {
    if (!analysis)
        return;
    free(analysis->series);
    free(analysis->sites);
    free(analysis->causes);
    free(analysis->budget);
    sm_trace_free(analysis->trace);
    free(analysis);
}
