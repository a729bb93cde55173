#include "trace_record.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "timeline.h"

/* 100 Hz over half an hour; longer runs get a slower clock. No schedule has so many phases. */
enum { SAMPLES_MAX = 200000, PHASES_MAX = 5000 };

/* How often a series was written; 0 when it was not. */
static double writing_rate(const struct sm_run *run, const char *name) {
    const struct sm_series *series = sm_run_series(run, 0, name);
    size_t count = 0;
    const struct sm_sample *samples = series ? sm_run_samples(run, series->id, &count) : NULL;
    if (count < 2)
        return 0;
    double span_s = sm_timeline_seconds(samples[count - 1].t_ns - samples[0].t_ns);
    double rate_hz = span_s > 0 ? (double)(count - 1) / span_s : 1;
    return fmin(fmax(rate_hz, 0.01), 1000);
}

/* What does not change is written once a second: the series that moves most tells how often all
 * were looked at. 0 when nothing was measured. */
static double sampling_rate(const struct sm_run *run) {
    static const char *const measured[] = {"heap", "rss", "fds"};
    static const char *const moving[] = {"cpu", "offered"};
    double rate_hz = 0;
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++)
        rate_hz = fmax(rate_hz, writing_rate(run, measured[i]));
    for (size_t i = 0; rate_hz > 0 && i < sizeof moving / sizeof *moving; i++)
        rate_hz = fmax(rate_hz, writing_rate(run, moving[i]));
    return rate_hz;
}

int64_t sm_trace_time_ns(const struct sm_run *run, const struct sm_trace *trace, size_t at) {
    int64_t from_ns = 0, to_ns = 0;
    sm_timeline_range(run, &from_ns, &to_ns);
    return from_ns + (int64_t)((double)(at + 1) / trace->rate_hz * 1e9);
}

void sm_trace_resample(const struct sm_run *run, const struct sm_trace *trace,
                       const struct sm_series *series, double *values) {
    size_t count = 0, next = 0;
    const struct sm_sample *samples = sm_run_samples(run, series->id, &count);
    int64_t start_ns = sm_trace_time_ns(run, trace, 0);
    for (size_t i = 0; i < trace->count; i++) {
        int64_t t_ns = start_ns + (int64_t)((double)i / trace->rate_hz * 1e9);
        while (next < count && samples[next].t_ns <= t_ns)
            next++;
        values[i] = next ? samples[next - 1].value : NAN;
    }
}

/* The highest level between a sample of the trace and the one before. */
static void resample_high(const struct sm_run *run, const struct sm_trace *trace,
                          const struct sm_series *series, double *values) {
    size_t count = 0, next = 0;
    const struct sm_sample *samples = sm_run_samples(run, series->id, &count);
    int64_t start_ns = sm_trace_time_ns(run, trace, 0);
    for (size_t i = 0; i < trace->count; i++) {
        int64_t t_ns = start_ns + (int64_t)((double)i / trace->rate_hz * 1e9);
        values[i] = next ? samples[next - 1].value : NAN;
        for (; next < count && samples[next].t_ns <= t_ns; next++)
            values[i] = fmax(values[i], samples[next].high);
    }
}

static int add_series(const struct sm_run *run, struct sm_trace *trace, const char *series_name,
                      const char *column_name, double scale) {
    const struct sm_series *series = sm_run_series(run, 0, series_name);
    if (!series)
        return 0;
    double *column = sm_trace_add_column(trace, column_name);
    if (!column)
        return -ENOMEM;
    sm_trace_resample(run, trace, series, column);
    for (size_t i = 0; i < trace->count; i++)
        column[i] *= scale;
    return 1;
}

static enum sm_trace_phase kind_of(const struct sm_run *run, size_t index) {
    const struct sm_phase *phase = &run->phases[index];
    int load_before = 0, fault_before = 0;
    for (size_t i = 0; i < index; i++)
        if (run->phases[i].cycle == phase->cycle) {
            load_before |= run->phases[i].load_factor > 0;
            fault_before |= run->phases[i].fault_count > 0;
        }
    if (phase->fault_count > 0)
        return SM_TRACE_FAULT;
    if (phase->load_factor <= 0)
        return load_before || phase->is_settle ? SM_TRACE_SETTLE : SM_TRACE_IDLE;
    return fault_before ? SM_TRACE_RECOVER : SM_TRACE_LOAD;
}

/* Units offered per second of a phase, which the trace takes as its load. */
static double offered_rate(const struct sm_run *run, const struct sm_phase *phase) {
    const struct sm_series *offered = sm_run_series(run, 0, "offered");
    int64_t end_ns = sm_timeline_phase_end(run, phase);
    double units =
        sm_timeline_at(run, offered, end_ns) - sm_timeline_at(run, offered, phase->from_ns);
    double seconds = sm_timeline_seconds(end_ns - phase->from_ns);
    if (phase->load_factor <= 0 || seconds <= 0)
        return 0;
    return isfinite(units) ? units / seconds : phase->load_factor;
}

/* The number of samples of the trace at or before a time. */
static size_t samples_until(const struct sm_run *run, const struct sm_trace *trace, int64_t t_ns) {
    int64_t from_ns = 0, to_ns = 0;
    sm_timeline_range(run, &from_ns, &to_ns);
    double samples = floor(sm_timeline_seconds(t_ns - from_ns) * trace->rate_hz + 1e-6);
    return (size_t)fmin(fmax(samples, 0), (double)trace->count);
}

/* Is the run still within its last phase? */
static int is_phase_open(const struct sm_run *run) {
    return !run->complete && (!run->phases_count || run->phases[run->phases_count - 1].to_ns < 0);
}

static int fill_phases(const struct sm_run *run, struct sm_trace *trace) {
    double *t = sm_trace_add_column(trace, "t"), *rate = sm_trace_add_column(trace, "rate");
    double *cycle = sm_trace_add_column(trace, "cycle"),
           *fault = sm_trace_add_column(trace, "fault");
    if (!t || !rate || !cycle || !fault)
        return -ENOMEM;
    for (size_t i = 0; i < trace->count; i++) {
        t[i] = (double)(i + 1) / trace->rate_hz;
        trace->phase[i] = run->phases_count ? SM_TRACE_IDLE : SM_TRACE_LOAD;
    }
    for (size_t p = 0; p < run->phases_count; p++) {
        const struct sm_phase *phase = &run->phases[p];
        /* The moments between two phases belong to the earlier one, as everywhere: as a rest they
         * would cut a load in two, and a cache would be judged by the time in which it fills. */
        int64_t end_ns = p + 1 < run->phases_count ? run->phases[p + 1].from_ns
                                                   : sm_timeline_phase_end(run, phase);
        enum sm_trace_phase kind = kind_of(run, p);
        double phase_rate = offered_rate(run, phase);
        size_t end = samples_until(run, trace, end_ns);
        for (size_t i = samples_until(run, trace, phase->from_ns); i < end; i++) {
            trace->phase[i] = (uint8_t)kind;
            rate[i] = phase_rate;
            cycle[i] = phase->cycle;
            fault[i] = phase->fault_count > 0;
        }
    }
    return 0;
}

static void describe_plan(const struct sm_run *run, struct sm_trace *trace) {
    int faults = 0, cycles = 0;
    for (size_t i = 0; i < run->phases_count; i++) {
        faults |= run->phases[i].fault_count > 0;
        cycles |= run->phases[i].cycle != run->phases[0].cycle;
    }
    trace->plan = faults   ? cycles ? SM_PLAN_FAULT_CYCLES : SM_PLAN_FAULT
                  : cycles ? SM_PLAN_CYCLES
                           : SM_PLAN_PASSIVE;
    const char *kind = run->faults_count ? run->faults[0].kind : "none";
    snprintf(trace->fault_kind, sizeof trace->fault_kind, "%s", kind);
    snprintf(trace->id, sizeof trace->id, "%s", sm_run_meta(run, SM_META_SCENARIO));
    trace->payload_bytes = fmax(run->ledger.unit_bytes, 0);
    for (size_t i = 0; i < run->declared_bounds_count; i++)
        if (strcmp(run->declared_bounds[i].series, "heap") == 0)
            trace->declared_cap = run->declared_bounds[i].value;
}

static int fill_series(const struct sm_run *run, struct sm_trace *trace) {
    static const struct {
        const char *series, *column;
    } pairs[] = {{"heap", "heap"}, {"rss", "rss"},      {"slack", "slack"},
                 {"fds", "fd"},    {"offered", "sent"}, {"refused", "err"}};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < sizeof pairs / sizeof *pairs; i++)
        r = add_series(run, trace, pairs[i].series, pairs[i].column, 1);
    const char *done = sm_run_series(run, 0, "delivered") ? "delivered" : "accepted";
    if (r >= 0)
        r = add_series(run, trace, done, "done", 1);
    if (r >= 0)
        r = add_series(run, trace, "in_flight:declared", "infl", 1);
    if (r == 0 && trace->payload_bytes > 0)
        r = add_series(run, trace, "in_flight:driver", "infl", trace->payload_bytes);
    const struct sm_series *heap = sm_run_series(run, 0, "heap");
    if (r >= 0 && heap) {
        double *high = sm_trace_add_column(trace, "heap_hi");
        if (!high)
            return -ENOMEM;
        resample_high(run, trace, heap, high);
    }
    return r < 0 ? r : 0;
}

int sm_trace_from_run(const struct sm_run *run, struct sm_trace **ret_trace, struct sm_error *err) {
    int64_t from_ns, to_ns;
    double rate_hz = sampling_rate(run);
    if (rate_hz <= 0 || !sm_timeline_range(run, &from_ns, &to_ns))
        return sm_error_set(err, -ENODATA, run->path, "let it run for longer",
                            "the record holds no measured time");
    if (run->phases_count > PHASES_MAX)
        return sm_error_set(err, -EBADMSG, run->path, NULL, "the record is damaged: %zu phases",
                            run->phases_count);
    double seconds = sm_timeline_seconds(to_ns - from_ns);
    rate_hz = fmin(rate_hz, SAMPLES_MAX / seconds);
    struct sm_trace *trace = sm_trace_new((size_t)(seconds * rate_hz));
    int r = trace ? 0 : -ENOMEM;
    if (r == 0) {
        trace->rate_hz = rate_hz;
        trace->goes_on = is_phase_open(run);
        describe_plan(run, trace);
        r = fill_phases(run, trace);
    }
    if (r == 0)
        r = fill_series(run, trace);
    if (r < 0) {
        sm_trace_free(trace);
        return sm_error_errno(err, r, run->path, NULL, "the record cannot be judged");
    }
    *ret_trace = trace;
    return 0;
}
