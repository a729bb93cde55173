/* From the phases of a trace to the verdict on a channel.
 *
 * Watched plans: every phase of constant load, and every fault, is a window (growth_window.c).
 * What is known about it then rules:
 * - memory under load moves with the bytes in flight: that part is taken away first;
 * - a load that changed by a quarter proves nothing about growth;
 * - with a declared bound, growth counts once it has passed 1.2 times the bound; suspected growth
 *   beyond that counts too;
 * - during a fault, growth without a declared bound proves nothing: a queue that is not yet full
 *   looks exactly like an unbounded one.
 * A window that grows decides, unless the same load is bounded later for as long: then what grew
 * was filled. Otherwise the longest fault decides, or else the last load.
 *
 * Plans of cycles: the level at rest (growth_cycles.c). */
#include "growth.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "growth_cycles.h"
#include "growth_stats.h"
#include "growth_window.h"
#include "growth_words.h"

static const double ALPHA = .01;
static const double SETTLING_S = .3; /* of a load left out at its start */
static const double BACKLOG_PART = .5;
static const double PAST_CAP = 1.2; /* of the declared bound: beyond it */
/* A queue that fills during a fault is full when its rise has slowed down to this part. */
static const double STOPPED = .05;
/* Of an earlier window's units per second, or of its time: no less. */
static const double NO_LESS = .8, AS_LONG = .9;
static const double SHARE_OF_LEVEL_PER_S = .01 / 60;
/* Pools of descriptors fill faster than caches. */
static const double SLOWEST_FD_EXPONENTIAL = .8;

struct judgement {
    const struct sm_trace *trace;
    enum sm_channel channel;
    double *values;    /* without NAN */
    double *in_flight; /* without NAN, or NULL */
    double resolution_per_s, declared_cap;
};

struct window_outcome {
    struct sm_window_verdict verdict;
    struct sm_growth_scene scene;
    enum sm_verdict_kind kind;
    int suspect;
    size_t begin, end;
    double arrival_error; /* relative, of rates, at 99 %: how many units happened to arrive */
};

const char *sm_verdict_name(enum sm_verdict_kind kind) {
    static const char *const names[] = {
#define X(id, name) [SM_VERDICT_##id] = name,
        SM_VERDICT_TABLE(X)
#undef X
    };
    return names[kind];
}

const char *sm_cause_name(enum sm_cause_kind kind) {
    static const char *const names[] = {
#define X(id, name) [SM_CAUSE_##id] = name,
        SM_CAUSE_TABLE(X)
#undef X
    };
    return names[kind];
}

double sm_growth_default_resolution(const struct sm_trace *trace, enum sm_channel channel,
                                    const double *values) {
    size_t loaded = 0, found = 0, stride = trace->count / 512 + 1;
    double some[513];
    for (size_t i = 0; i < trace->count; i++)
        loaded += trace->phase[i] == SM_TRACE_LOAD || trace->phase[i] == SM_TRACE_FAULT;
    /* A leak at random of fewer than -ln .01 may leave the same count at every rest. */
    double fds = trace->plan == SM_PLAN_CYCLES ? 5 : 2;
    if (channel == SM_CHANNEL_FD)
        return fds / fmax(1, (double)(loaded ? loaded : trace->count) / trace->rate_hz);
    for (size_t i = 0; i < trace->count; i += stride)
        if (isfinite(values[i]))
            some[found++] = fabs(values[i]);
    double level = sm_stats_median(some, found);
    return channel == SM_CHANNEL_OTHER ? fmax(level * SHARE_OF_LEVEL_PER_S, 1e-6)
                                       : sm_growth_resolution_of_bytes(level, 0);
}

double sm_growth_resolution_of_bytes(double level, double payload_per_s) {
    static const double LEAST = 4096, SHARE_OF_PAYLOAD = .01;
    return fmax(LEAST, fmax(level * SHARE_OF_LEVEL_PER_S, payload_per_s * SHARE_OF_PAYLOAD));
}

/* Takes away what the bytes in flight explain, by their quick changes; where the two move
 * together weakly, the values stay as they are. */
static void subtract_in_flight(double *values, const double *in_flight, size_t count) {
    double xx = 0, xy = 0, yy = 0, mean = 0;
    for (size_t i = 1; i < count; i++) {
        double dx = in_flight[i] - in_flight[i - 1], dy = values[i] - values[i - 1];
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }
    for (size_t i = 0; i < count; i++)
        mean += in_flight[i] / (double)count;
    if (xx <= 0 || yy <= 0 || xy / sqrt(xx * yy) < .2)
        return;
    for (size_t i = 0; i < count; i++)
        values[i] -= xy / xx * (in_flight[i] - mean);
}

/* Did the rate of units accepted change by a quarter from the first third to the last, and by more
 * than random arrivals do? */
static int load_changed(const struct sm_trace *trace, size_t begin, size_t end) {
    if (!trace->sent || end - begin < 9)
        return 0;
    size_t third = (end - begin) / 3;
    double first = trace->sent[begin + third] - trace->sent[begin];
    double last = trace->sent[end - 1] - trace->sent[end - 1 - third];
    if (first <= 0 && last <= 0)
        return 0;
    double ratio = last / fmax(first, 1e-9), chance = 4 * sqrt(first + last);
    return (ratio <= .8 || ratio >= 1.25) && fabs(last - first) > chance;
}

/* Descriptors are no queue of bytes: a fault is no reason to cut their window. */
static int joins_faults(const struct judgement *j) {
    return j->channel == SM_CHANNEL_FD && j->trace->plan == SM_PLAN_FAULT;
}

/* A rate per second of what n units left behind is as uncertain as n: Poisson, and a slope through
 * a random walk varies by 6/5 of its end. */
static double arrival_error(const struct sm_trace *trace, size_t begin, size_t end) {
    static const double Z = 2.58;
    double units = trace->sent ? trace->sent[end - 1] - trace->sent[begin] : 0;
    return units > 1 ? Z * sqrt(1.2 / units) : 0;
}

/* The first of the samples that tell the level before `begin`. */
static size_t before(size_t begin) {
    return begin > 10 ? begin - 10 : 0;
}

static int is_past_cap(const struct judgement *j, double risen) {
    return j->declared_cap > 0 && risen > PAST_CAP * j->declared_cap;
}

static double risen(const struct judgement *j, size_t begin, size_t end) {
    size_t tail = end - begin > 3 ? end - 3 : begin;
    return sm_stats_level(j->values, tail, end) -
           sm_stats_level(j->values, before(begin), begin + 1);
}

/* Payload that came in during the window and did not go out; 0 when that is not known. */
static double pushed(const struct sm_trace *trace, size_t begin, size_t end) {
    if (!trace->sent || !trace->done || end - begin < 2)
        return 0;
    double units =
        trace->sent[end - 1] - trace->sent[begin] - trace->done[end - 1] + trace->done[begin];
    if (trace->err)
        units -= trace->err[end - 1] - trace->err[begin];
    return isfinite(units) ? fmax(0, units) * trace->payload_bytes : 0;
}

static double highest(const double *values, size_t begin, size_t end) {
    double most = values[begin];
    for (size_t i = begin; i < end; i++)
        most = fmax(most, values[i]);
    return most;
}

/* A full queue that lets a batch go falls and fills again: no line fits that, but a fault that
 * pushes past the declared bound without lifting the ceiling has shown the bound. */
static int held_at_bound(const struct judgement *j, size_t begin, size_t end,
                         const struct sm_growth_scene *scene) {
    size_t middle = begin + (end - begin) / 2;
    if (!scene->in_fault || scene->declared_cap <= 0 || middle == begin ||
        scene->pushed < PAST_CAP * scene->declared_cap)
        return 0;
    double floor = j->values[begin], first = highest(j->values, begin, middle);
    double second = highest(j->values, middle, end);
    return first - floor <= scene->declared_cap && second - first <= STOPPED * (first - floor);
}

static void apply_rules(const struct judgement *j, size_t begin, size_t end,
                        struct window_outcome *out) {
    double cap = j->declared_cap;
    int past_cap = is_past_cap(j, out->scene.risen);
    if (!out->scene.in_fault && !joins_faults(j) && out->kind == SM_VERDICT_GROWING &&
        load_changed(j->trace, begin, end)) {
        out->kind = SM_VERDICT_INCONCLUSIVE;
        out->scene.rule = SM_RULE_LOAD_CHANGED;
    }
    if (out->scene.in_fault && out->kind == SM_VERDICT_GROWING && !past_cap) {
        out->kind = SM_VERDICT_INCONCLUSIVE;
        out->scene.rule = cap > 0 ? SM_RULE_UNDER_CAP : SM_RULE_BACKLOG;
    } else if (out->kind == SM_VERDICT_GROWING && cap > 0 && !past_cap) {
        out->kind = SM_VERDICT_INCONCLUSIVE;
        out->scene.rule = SM_RULE_UNDER_CAP;
    }
    int far_past =
        out->scene.in_fault ? cap > 0 && out->scene.risen > 1.5 * cap : past_cap && out->suspect;
    if (out->kind == SM_VERDICT_INCONCLUSIVE && far_past) {
        out->kind = SM_VERDICT_GROWING;
        out->scene.rule = SM_RULE_CAP_EXCEEDED;
    } else if (out->kind == SM_VERDICT_GROWING && past_cap) {
        out->scene.rule = SM_RULE_CAP_EXCEEDED;
    }
    if (out->kind == SM_VERDICT_INCONCLUSIVE && held_at_bound(j, begin, end, &out->scene)) {
        out->kind = SM_VERDICT_BOUNDED;
        out->suspect = 0;
        out->scene.rule = SM_RULE_HELD;
    }
}

/* Work in flight that is at the end of a window a good part of what rose in it is a backlog, which
 * must be seen: only what comes and goes may be taken out. */
static int in_flight_climbs(const struct judgement *j, size_t from, size_t end, double risen) {
    size_t part = (end - from) / 10;
    double climbed = sm_stats_level(j->in_flight, end - part - 1, end) -
                     sm_stats_level(j->in_flight, from, from + part + 1);
    double seconds = (double)(end - from) / j->trace->rate_hz;
    return risen > j->resolution_per_s * seconds && climbed > BACKLOG_PART * risen;
}

/* Judges a span as one window. */
static int judge_span(const struct judgement *j, const struct sm_trace_span *span,
                      struct window_outcome *ret) {
    double hz = j->trace->rate_hz;
    enum sm_trace_phase phase = span->phase;
    size_t begin = span->begin, end = span->end, from = begin;
    if (phase == SM_TRACE_LOAD)
        from += (size_t)(SETTLING_S * hz);
    if (from >= end)
        from = begin;
    double *part = malloc((end - from) * sizeof *part);
    if (!part)
        return -ENOMEM;
    memcpy(part, j->values + from, (end - from) * sizeof *part);
    double rise = risen(j, begin, end);
    if (phase == SM_TRACE_LOAD && j->in_flight && j->channel == SM_CHANNEL_HEAP &&
        !in_flight_climbs(j, from, end, rise))
        subtract_in_flight(part, j->in_flight + from, end - from);
    struct sm_window window = {
        .values = part,
        .count = end - from,
        .seconds = (double)(end - from) / hz,
        .resolution_per_s = j->resolution_per_s,
        .flat_per_s = j->resolution_per_s,
        .is_count = j->channel == SM_CHANNEL_FD,
        .alpha = ALPHA,
        .slowest_exponential =
            j->channel == SM_CHANNEL_FD ? SLOWEST_FD_EXPONENTIAL : SM_SLOWEST_EXPONENTIAL,
    };
    if (phase == SM_TRACE_LOAD && j->channel != SM_CHANNEL_FD) {
        window.goes_on = j->trace->goes_on && end == j->trace->count && !is_past_cap(j, rise);
        window.level = sm_stats_level(j->values, before(begin), begin + 1);
    }
    if (phase == SM_TRACE_FAULT)
        window.flat_per_s = fmax(window.flat_per_s, STOPPED * rise / window.seconds);
    int rc = sm_window_judge(&window, &ret->verdict);
    free(part);
    if (rc < 0)
        return rc;
    ret->scene = (struct sm_growth_scene){
        .channel = j->channel,
        .resolution_per_s = j->resolution_per_s,
        .declared_cap = j->declared_cap,
        .risen = rise,
        .pushed = pushed(j->trace, begin, end),
        .window_s = window.seconds,
        .in_fault = phase == SM_TRACE_FAULT,
    };
    ret->kind = ret->verdict.kind;
    ret->suspect = ret->verdict.suspect;
    ret->begin = begin;
    ret->end = end;
    ret->arrival_error = arrival_error(j->trace, from, end);
    apply_rules(j, begin, end, ret);
    return 0;
}

/* Descriptors open while the load changed follow the load. What counts is what is still open at
 * rest: when hardly more than before the load, nothing leaked. Judges the window between the rests
 * `before` and `after`, when there are such. */
static void judge_by_rests(const struct judgement *j, const struct sm_trace_span *before,
                           const struct sm_trace_span *load, const struct sm_trace_span *after,
                           struct window_outcome *out) {
    static const double Z = 2.33; /* 99 %, one-sided */
    if (j->channel != SM_CHANNEL_FD || load->phase != SM_TRACE_LOAD ||
        out->kind != SM_VERDICT_INCONCLUSIVE || !load_changed(j->trace, load->begin, load->end))
        return;
    if (!before || !after || after->phase != SM_TRACE_SETTLE ||
        (before->phase != SM_TRACE_IDLE && before->phase != SM_TRACE_SETTLE))
        return;
    size_t from = after->begin + (after->end - after->begin) * 3 / 5;
    double kept = sm_stats_level(j->values, from, after->end) -
                  sm_stats_level(j->values, before->begin, before->end);
    double at_most = kept + Z * sqrt(fmax(kept, 0));
    if (at_most >= j->resolution_per_s * out->scene.window_s)
        return;
    out->kind = SM_VERDICT_BOUNDED;
    out->suspect = 0;
    out->end = after->end;
    out->scene.rule = SM_RULE_GIVEN_BACK;
    out->scene.risen = kept;
    out->verdict.profile.rate = kept / out->scene.window_s;
    out->verdict.profile.low = out->verdict.profile.low_any = 0;
    out->verdict.profile.high = out->verdict.profile.high_any = at_most / out->scene.window_s;
}

/* ---- which windows there are, and which decides ---- */

static int is_window(enum sm_trace_phase phase) {
    return phase == SM_TRACE_LOAD || phase == SM_TRACE_FAULT;
}

/* The window that starts at spans[i]; 0 when none does. Sets *ret_last to its last span. */
static int window_at(const struct judgement *j, const struct sm_trace_span *spans, int count, int i,
                     int *ret_last) {
    if (!is_window(spans[i].phase))
        return 0;
    *ret_last = i;
    while (
        joins_faults(j) && *ret_last + 1 < count &&
        (is_window(spans[*ret_last + 1].phase) || spans[*ret_last + 1].phase == SM_TRACE_RECOVER))
        ++*ret_last;
    return 1;
}

/* Whether as many units a second were counted as in an earlier window; they may never be counted.
 */
static int is_no_less(const double *counted, const struct window_outcome *now,
                      const struct window_outcome *before) {
    if (!counted)
        return 1;
    double then = counted[before->end - 1] - counted[before->begin];
    return (counted[now->end - 1] - counted[now->begin]) / (double)(now->end - now->begin) >=
           NO_LESS * then / (double)(before->end - before->begin);
}

/* What grew under a load grew no more under the same, later, and for as long: a cache was filled, a
 * pool was opened. Where the load is not known, it may have been another. */
static int is_outgrown(const struct judgement *j, const struct window_outcome *now,
                       const struct window_outcome *before) {
    return now->kind == SM_VERDICT_BOUNDED && !now->scene.in_fault && !before->scene.in_fault &&
           before->scene.rule != SM_RULE_CAP_EXCEEDED &&
           now->scene.window_s >= AS_LONG * before->scene.window_s && j->trace->sent &&
           is_no_less(j->trace->sent, now, before) && is_no_less(j->trace->err, now, before);
}

/* A window that grows decides until it is outgrown; a longer fault replaces a shorter one or a
 * load; a later load replaces a load. */
static int replaces(const struct judgement *j, const struct window_outcome *now,
                    const struct window_outcome *before) {
    if (before->kind == SM_VERDICT_GROWING)
        return is_outgrown(j, now, before);
    if (now->verdict.doubt == SM_DOUBT_SHORT && before->verdict.doubt != SM_DOUBT_SHORT)
        return 0;
    if (before->verdict.doubt == SM_DOUBT_SHORT || now->kind == SM_VERDICT_GROWING)
        return 1;
    if (before->scene.in_fault)
        return now->scene.in_fault && now->scene.window_s > before->scene.window_s;
    return 1;
}

static void report_window(const struct judgement *j, const struct window_outcome *window,
                          size_t last_end, struct sm_verdict *verdict) {
    const struct sm_profile *p = &window->verdict.profile;
    verdict->kind = window->kind;
    verdict->suspect = window->suspect || window->kind == SM_VERDICT_GROWING;
    verdict->rate_per_s = p->rate;
    double arrivals = window->arrival_error * fabs(p->rate);
    verdict->rate_low = p->rate - hypot(p->rate - p->low_any, arrivals);
    verdict->rate_high = p->rate + hypot(p->high_any - p->rate, arrivals);
    verdict->bound_exceeded = window->scene.rule == SM_RULE_CAP_EXCEEDED;
    /* What was held beyond the bound when the window closed stays a fact. */
    verdict->may_stop =
        verdict->bound_exceeded && (window->end < j->trace->count || !j->trace->goes_on);
    if (verdict->kind == SM_VERDICT_BOUNDED)
        verdict->bound = verdict->peak;
    size_t used = verdict->kind == SM_VERDICT_GROWING ? window->end : last_end;
    verdict->decided_at_s =
        verdict->kind == SM_VERDICT_INCONCLUSIVE ? -1 : (double)used / j->trace->rate_hz;
    sm_growth_explain_window(&window->scene, &window->verdict, verdict);
}

/* Judges one window after the other. */
static int judge_spans(const struct judgement *j, const struct sm_trace_span *spans, int count,
                       struct window_outcome *deciding, size_t *ret_end) {
    struct window_outcome now;
    int last = 0;
    for (int i = 0; i < count; i = last + 1) {
        last = i;
        if (!window_at(j, spans, count, i, &last))
            continue;
        struct sm_trace_span window = {spans[i].phase, spans[i].begin, spans[last].end};
        int rc = judge_span(j, &window, &now);
        if (rc < 0)
            return rc;
        judge_by_rests(j, i > 0 ? &spans[i - 1] : NULL, &window,
                       last + 1 < count ? &spans[last + 1] : NULL, &now);
        *ret_end = now.end;
        if (!replaces(j, &now, deciding))
            continue;
        if (deciding->kind == SM_VERDICT_GROWING)
            now.scene.rule = SM_RULE_OUTGROWN;
        *deciding = now;
    }
    return 0;
}

static int judge_windows(const struct judgement *j, struct sm_verdict *verdict) {
    struct sm_trace_span *spans;
    int count = sm_trace_spans(j->trace, &spans), windows = 0;
    if (count < 0)
        return count;
    struct window_outcome deciding = {
        .kind = SM_VERDICT_INCONCLUSIVE,
        .verdict = {.kind = SM_VERDICT_INCONCLUSIVE, .doubt = SM_DOUBT_SHORT},
        .scene.channel = j->channel,
    };
    for (int i = 0; i < count; i++)
        windows += is_window(spans[i].phase);
    size_t last_end = 0;
    struct sm_trace_span all = {SM_TRACE_LOAD, 0, j->trace->count};
    int rc = windows > 0 ? judge_spans(j, spans, count, &deciding, &last_end)
             : count > 0 ? judge_spans(j, &all, 1, &deciding, &last_end) /* never loaded */
                         : 0;
    free(spans);
    if (rc == 0)
        report_window(j, &deciding, last_end, verdict);
    return rc;
}

static int judge_cycles(const struct judgement *j, struct sm_verdict *verdict) {
    static const enum sm_growth_driver drivers[] = {
        [SM_DRIVER_TIME] = SM_GROWTH_BY_TIME,
        [SM_DRIVER_REQUESTS] = SM_GROWTH_BY_REQUESTS,
        [SM_DRIVER_ERRORS] = SM_GROWTH_BY_FAILURES,
        [SM_DRIVER_LOSSES] = SM_GROWTH_BY_FAILURES,
    };
    struct sm_cycles_ask ask = {
        .trace = j->trace,
        .values = j->values,
        .is_count = j->channel == SM_CHANNEL_FD,
        .resolution_per_s = j->resolution_per_s,
        .alpha = ALPHA,
    };
    struct sm_cycles_verdict cycles;
    int rc = sm_cycles_judge(&ask, &cycles);
    if (rc < 0)
        return rc;
    verdict->kind = cycles.kind;
    verdict->suspect = cycles.suspect;
    verdict->rate_per_s = cycles.rate;
    verdict->rate_low = cycles.low;
    verdict->rate_high = cycles.high;
    verdict->bound = cycles.kind == SM_VERDICT_BOUNDED ? verdict->peak : 0;
    verdict->decided_at_s = cycles.kind == SM_VERDICT_INCONCLUSIVE ? -1 : cycles.used_until_s;
    verdict->may_stop = cycles.settled && j->trace->plan == SM_PLAN_CYCLES;
    int told_apart = !(cycles.time_to_requests > .6 && cycles.time_to_requests < 1.7);
    if (cycles.kind == SM_VERDICT_GROWING &&
        (told_apart || drivers[cycles.driver] == SM_GROWTH_BY_FAILURES))
        verdict->driver = drivers[cycles.driver];
    struct sm_growth_scene scene = {.channel = j->channel, .resolution_per_s = j->resolution_per_s};
    sm_growth_explain_cycles(&scene, &cycles, verdict);
    return 0;
}

static double *copy_without_gaps(const double *values, size_t count, size_t *ret_present) {
    double *copy = malloc((count ? count : 1) * sizeof *copy);
    if (!copy)
        return NULL;
    if (count)
        memcpy(copy, values, count * sizeof *copy);
    *ret_present = sm_stats_close_gaps(copy, count);
    return copy;
}

static void describe_series(const struct judgement *j, struct sm_verdict *verdict) {
    size_t count = j->trace->count;
    verdict->peak = count ? j->values[0] : 0;
    for (size_t i = 0; i < count; i++)
        verdict->peak = fmax(verdict->peak, j->values[i]);
    verdict->end = count ? j->values[count - 1] : 0;
}

int sm_growth_judge(const struct sm_trace *trace, enum sm_channel channel, const double *values,
                    double resolution_per_s, double declared_cap, struct sm_verdict *ret_verdict) {
    struct judgement j = {.trace = trace, .channel = channel, .declared_cap = declared_cap};
    struct sm_verdict verdict = {.kind = SM_VERDICT_INCONCLUSIVE, .decided_at_s = -1};
    size_t present = 0, ignored;
    int rc = 0;
    j.resolution_per_s = resolution_per_s > 0
                             ? resolution_per_s
                             : sm_growth_default_resolution(trace, channel, values);
    j.values = copy_without_gaps(values, trace->count, &present);
    if (trace->infl)
        j.in_flight = copy_without_gaps(trace->infl, trace->count, &ignored);
    if (!j.values || (trace->infl && !j.in_flight)) {
        rc = -ENOMEM;
    } else {
        describe_series(&j, &verdict);
        int cycles = trace->plan == SM_PLAN_CYCLES || trace->plan == SM_PLAN_FAULT_CYCLES;
        if (present < trace->count / 2)
            sm_growth_explain_missing(&verdict);
        else
            rc = cycles ? judge_cycles(&j, &verdict) : judge_windows(&j, &verdict);
    }
    free(j.values);
    free(j.in_flight);
    if (rc == 0)
        *ret_verdict = verdict;
    return rc;
}
