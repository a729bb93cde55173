/* Each cause is one rule over the measurements it names; several may hold at once.
 *
 * level before  the middle value of the first idle phase
 * level after   the middle value of the last 40 % of the last rest */
#include "trace_kinds.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "growth_stats.h"

struct scene {
    const struct sm_trace *trace;
    const struct sm_trace_verdicts *verdicts;
    struct sm_trace_span *spans;
    int span_count;
    const struct sm_trace_span *idle; /* the first, or NULL */
    const struct sm_trace_span *rest; /* the last, or NULL */
    size_t rest_from;                 /* the last 40 % of it */
    double before, after;             /* levels of the heap; 0 without them */
    double busy_in_flight;            /* the 90th part in 100 of bytes in flight under load */
    int has_fault;
};

static double level_after(const struct scene *s, const double *column) {
    return column && s->rest ? sm_stats_level(column, s->rest_from, s->rest->end) : 0;
}

static double level_before(const struct scene *s, const double *column) {
    return column && s->idle ? sm_stats_level(column, s->idle->begin, s->idle->end) : 0;
}

static int under_load(const struct sm_trace *trace, size_t i) {
    return trace->rate ? trace->rate[i] > 0
                       : trace->phase[i] != SM_TRACE_IDLE && trace->phase[i] != SM_TRACE_SETTLE;
}

static int busy_level(struct scene *s) {
    const struct sm_trace *t = s->trace;
    if (!t->infl || t->count == 0)
        return 0;
    double *busy = malloc(t->count * sizeof *busy);
    if (!busy)
        return -ENOMEM;
    size_t used = 0;
    for (size_t i = 0; i < t->count; i++)
        if (under_load(t, i) && isfinite(t->infl[i]))
            busy[used++] = t->infl[i];
    if (used)
        s->busy_in_flight = sm_stats_select(busy, used, (size_t)(.9 * (double)(used - 1)));
    free(busy);
    return 0;
}

static int set_scene(struct scene *s) {
    s->span_count = sm_trace_spans(s->trace, &s->spans);
    if (s->span_count < 0)
        return s->span_count;
    for (int i = 0; i < s->span_count; i++) {
        const struct sm_trace_span *span = &s->spans[i];
        if (span->phase == SM_TRACE_IDLE && !s->idle)
            s->idle = span;
        if (span->phase == SM_TRACE_SETTLE)
            s->rest = span;
        s->has_fault |= span->phase == SM_TRACE_FAULT;
    }
    if (s->rest)
        s->rest_from = s->rest->begin + (size_t)((double)(s->rest->end - s->rest->begin) * .6);
    s->before = level_before(s, s->trace->heap);
    s->after = level_after(s, s->trace->heap);
    return busy_level(s);
}

static void add(struct sm_trace_causes *causes, enum sm_cause_kind kind) {
    causes->bits |= 1U << kind;
}

/* Units sent, but neither answered, refused nor in flight at the end of the last rest. */
static void silent_loss(const struct scene *s, struct sm_trace_causes *causes) {
    const struct sm_trace *t = s->trace;
    if (!t->sent || !t->done || !t->err || !s->rest || t->payload_bytes <= 0)
        return;
    size_t last = s->rest->end - 1;
    double held = t->infl ? level_after(s, t->infl) / t->payload_bytes : 0;
    causes->lost_units = t->sent[last] - t->done[last] - t->err[last] - held;
    if (causes->lost_units > 2.5)
        add(causes, SM_CAUSE_SILENT_LOSS);
}

/* The program's own count of bytes held against the truth: off by 15 % while busy, or left over
 * at rest. */
static int accounting(const struct scene *s, struct sm_trace_causes *causes) {
    const struct sm_trace *t = s->trace;
    double payload = t->payload_bytes, busy = s->busy_in_flight;
    if (!t->app || !t->infl)
        return 0;
    double *off = malloc((t->count ? t->count : 1) * sizeof *off);
    if (!off)
        return -ENOMEM;
    size_t used = 0;
    for (size_t i = 0; i < t->count; i++)
        if (under_load(t, i) && t->infl[i] >= .5 * busy)
            off[used++] = fabs(t->app[i] - t->infl[i]);
    int while_busy = busy > 3 * payload && sm_stats_median(off, used) > .15 * busy;
    int at_rest =
        s->rest && level_after(s, t->app) - level_after(s, t->infl) > 3 * payload + .05 * busy;
    free(off);
    if (while_busy || at_rest)
        add(causes, SM_CAUSE_ACCOUNTING_MISMATCH);
    return 0;
}

static double rise_over(const double *column, const struct sm_trace_span *span) {
    size_t before = span->begin > 10 ? span->begin - 10 : 0;
    size_t tail = span->end - span->begin > 3 ? span->end - 3 : span->begin;
    return sm_stats_level(column, tail, span->end) -
           sm_stats_level(column, before, span->begin ? span->begin : 1);
}

static double step_noise(const struct scene *s) {
    const struct sm_trace *t = s->trace;
    double sum = 0, squares = 0, used = 0, last = NAN;
    for (size_t i = 0; i < t->count; i++) {
        if (!under_load(t, i))
            continue;
        if (isfinite(last)) {
            sum += t->heap[i] - last;
            squares += (t->heap[i] - last) * (t->heap[i] - last);
            used++;
        }
        last = t->heap[i];
    }
    return used > 0 ? sqrt(fmax(0, squares / used - sum * sum / used / used)) : 0;
}

/* The heap rises during the fault, and at least a third of it is bytes in flight. */
static void fault_response(const struct scene *s, struct sm_trace_causes *causes) {
    const struct sm_trace *t = s->trace;
    double rise = 0, in_flight = 0;
    if (!s->has_fault || !t->heap || !t->infl)
        return;
    for (int i = 0; i < s->span_count; i++)
        if (s->spans[i].phase == SM_TRACE_FAULT) {
            rise = fmax(rise, rise_over(t->heap, &s->spans[i]));
            in_flight = fmax(in_flight, rise_over(t->infl, &s->spans[i]));
        }
    causes->backlog_bytes = rise;
    if (rise > 3 * step_noise(s) && in_flight > .3 * rise &&
        s->verdicts->heap.kind != SM_VERDICT_BOUNDED && t->plan != SM_PLAN_FAULT_CYCLES)
        add(causes, t->fault_kind[0] == 'f' ? SM_CAUSE_RETRY_ACCUMULATION : SM_CAUSE_BACKLOG);
}

/* Slope by least squares of `count` values `step_s` apart, with its standard error. */
static double line_slope(const double *values, size_t count, double step_s, double *ret_error) {
    double mean_x = (double)(count - 1) * step_s / 2, mean_y = 0, xx = 0, xy = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        mean_y += values[i] / (double)count;
    for (size_t i = 0; i < count; i++) {
        double x = (double)i * step_s - mean_x;
        xx += x * x;
        xy += x * (values[i] - mean_y);
    }
    for (size_t i = 0; i < count; i++) {
        double left = values[i] - mean_y - xy / xx * ((double)i * step_s - mean_x);
        squares += left * left;
    }
    *ret_error = sqrt((squares / fmax(1, (double)count - 2) + 1) / xx);
    return xy / xx;
}

/* The heap's slope in the last rest, once no request ended any more, over blocks of medians. */
static double slope_at_rest(const struct scene *s, double *ret_error) {
    enum { BLOCKS = 12 };
    double level[BLOCKS];
    size_t begin = s->rest->begin + (size_t)(.3 * s->trace->rate_hz), end = s->rest->end;
    size_t quiet = sm_trace_quiet_from(s->trace, s->rest->begin, end);
    begin = quiet > begin ? quiet : begin;
    *ret_error = INFINITY;
    if (end < begin + 6)
        return 0;
    size_t n = (end - begin) / 2 < BLOCKS ? (end - begin) / 2 : BLOCKS;
    sm_stats_block_ranks(s->trace->heap + begin, end - begin, .5, level, n);
    return line_slope(level, n, (double)(end - begin) / (double)n / s->trace->rate_hz, ret_error);
}

/* The heap's slope in the second half of all rests (the allocator gives back in the middle), once
 * no request ended any more, with the error that the differences between rests show. */
static double slope_at_rests(const struct scene *s, double *ret_error) {
    enum { MIN_RESTS = 4, MIN_SAMPLES = 5 };
    double sum = 0, squares = 0, used = 0, ignored;
    for (int i = 0; i < s->span_count; i++) {
        size_t end = s->spans[i].end, used_of = (end - s->spans[i].begin) * 9 / 20;
        size_t quiet = end - sm_trace_quiet_from(s->trace, s->spans[i].begin, end);
        used_of = quiet < used_of ? quiet : used_of;
        if (s->spans[i].phase != SM_TRACE_SETTLE || used_of < MIN_SAMPLES)
            continue;
        double slope =
            line_slope(s->trace->heap + end - used_of, used_of, 1 / s->trace->rate_hz, &ignored);
        sum += slope;
        squares += slope * slope;
        used++;
    }
    *ret_error = INFINITY;
    if (used < MIN_RESTS)
        return 0;
    double mean = sum / used;
    *ret_error = sqrt(fmax(0, squares / used - mean * mean) / (used - 1));
    return mean;
}

/* Growth under load alone: a leak over time goes on while the program rests, one per request does
 * not. Where the rests do not tell, the doses of cycles do. Growth with refused or lost requests
 * was kept after the load. */
static void leak(const struct scene *s, struct sm_trace_causes *causes) {
    static const double SURE = 3; /* standard errors */
    const struct sm_verdict *heap = &s->verdicts->heap;
    if (!s->trace->heap || heap->kind != SM_VERDICT_GROWING)
        return;
    if (s->trace->plan == SM_PLAN_FAULT_CYCLES) {
        add(causes, SM_CAUSE_KEPT_AFTER_LOAD);
        return;
    }
    if (s->has_fault)
        return;
    enum sm_growth_driver driver = heap->driver;
    if (s->rest && driver != SM_GROWTH_BY_FAILURES) {
        double error, rate = fmax(heap->rate_per_s, 1e-9);
        double slope =
            s->trace->plan == SM_PLAN_CYCLES ? slope_at_rests(s, &error) : slope_at_rest(s, &error);
        if (slope - SURE * error > .4 * rate)
            driver = SM_GROWTH_BY_TIME;
        else if (slope + SURE * error < .6 * rate)
            driver = SM_GROWTH_BY_REQUESTS;
    }
    switch (driver) {
    case SM_GROWTH_BY_TIME:
        add(causes, SM_CAUSE_LEAK_OVER_TIME);
        break;
    case SM_GROWTH_BY_REQUESTS:
        add(causes, SM_CAUSE_LEAK_PER_REQUEST);
        break;
    case SM_GROWTH_BY_FAILURES:
        add(causes, SM_CAUSE_KEPT_AFTER_LOAD);
        break;
    case SM_GROWTH_BY_UNKNOWN:
        causes->driver_unclear = 1;
        break;
    }
}

/* What the allocator keeps free at the end of the last rest, at the most: its last account, and
 * what was freed since it gave it. INFINITY where there is none: all may be the allocator's. */
static double slack_at_most(const struct scene *s) {
    const double *slack = s->trace->slack, *heap = s->trace->heap;
    size_t last = s->rest->end - 1, given = last;
    if (!slack || !isfinite(slack[last]))
        return INFINITY;
    while (given > 0 && slack[given - 1] == slack[last])
        given--;
    return slack[last] + fmax(0, heap[given] - heap[last]);
}

/* Resident memory kept after the load beyond what is live (4 % more is normal), as far as the
 * allocator owns to it: the rest, the program has mapped itself. */
static void allocator_retention(const struct scene *s, struct sm_trace_causes *causes) {
    const struct sm_trace *t = s->trace;
    if (!t->rss || !t->heap || !s->idle || !s->rest)
        return;
    double before = level_before(s, t->rss), peak = before;
    for (size_t i = 0; i < t->count; i++)
        peak = fmax(peak, t->rss[i]);
    double kept = level_after(s, t->rss) - before - 1.04 * (s->after - s->before);
    kept = fmin(kept, slack_at_most(s));
    causes->retained_bytes = fmax(0, kept);
    if (kept > .2 * fmax(s->before, 1) && kept > .3 * (peak - before))
        add(causes, SM_CAUSE_ALLOCATOR_RETENTION);
}

/* Peaks of the heap follow the bytes in flight, at more than twice their size. */
static void peak_amplification(const struct scene *s, struct sm_trace_causes *causes) {
    const struct sm_trace *t = s->trace;
    double n = 0, mx = 0, my = 0, xx = 0, xy = 0, yy = 0, peak = -INFINITY;
    if (!t->infl || !t->heap_hi || s->has_fault || s->verdicts->heap.kind == SM_VERDICT_GROWING)
        return;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < t->count; i++) {
            peak = fmax(peak, t->heap_hi[i]);
            if (!under_load(t, i))
                continue;
            int arrived = t->sent && i > 0 && t->sent[i] > t->sent[i - 1];
            double x = fmax(t->infl[i], arrived ? t->payload_bytes : 0), y = t->heap_hi[i];
            if (pass == 0) {
                n++;
                mx += x;
                my += y;
                continue;
            }
            xx += (x - mx / n) * (x - mx / n);
            xy += (x - mx / n) * (y - my / n);
            yy += (y - my / n) * (y - my / n);
        }
    if (xx <= 0 || yy <= 0 || peak - s->before <= .15 * s->before ||
        s->busy_in_flight <= .05 * s->before)
        return;
    causes->amplification = xy / xx;
    if (causes->amplification > 2 && xy / sqrt(xx * yy) > .5)
        add(causes, SM_CAUSE_PEAK_AMPLIFICATION);
}

int sm_trace_causes(const struct sm_trace *trace, const struct sm_trace_verdicts *verdicts,
                    struct sm_trace_causes *ret_causes) {
    struct scene scene = {.trace = trace, .verdicts = verdicts};
    struct sm_trace_causes causes = {0};
    int rc = set_scene(&scene);
    if (rc == 0)
        rc = accounting(&scene, &causes);
    if (rc == 0) {
        silent_loss(&scene, &causes);
        fault_response(&scene, &causes);
        leak(&scene, &causes);
        allocator_retention(&scene, &causes);
        peak_amplification(&scene, &causes);
        if (verdicts->has_fd && verdicts->fd.kind == SM_VERDICT_GROWING)
            add(&causes, SM_CAUSE_FD_LEAK);
        if (verdicts->has_heap && verdicts->heap.bound_exceeded)
            add(&causes, SM_CAUSE_DECLARED_BOUND_EXCEEDED);
    }
    free(scene.spans);
    if (rc == 0)
        *ret_causes = causes;
    return rc;
}

int sm_trace_judge(const struct sm_trace *trace, struct sm_trace_verdicts *ret_verdicts) {
    struct sm_trace_verdicts out = {.has_heap = trace->heap != NULL,
                                    .has_rss = trace->rss != NULL,
                                    .has_fd = trace->fd != NULL};
    double cap = trace->budget > 0 ? trace->budget : trace->declared_cap;
    double bytes = trace->min_rate_bytes_per_s;
    int rc = 0;
    if (out.has_heap)
        rc = sm_growth_judge(trace, SM_CHANNEL_HEAP, trace->heap, bytes, cap, &out.heap);
    if (rc == 0 && out.has_rss)
        rc = sm_growth_judge(trace, SM_CHANNEL_RSS, trace->rss, fmax(bytes, 4096), cap, &out.rss);
    if (rc == 0 && out.has_fd)
        rc =
            sm_growth_judge(trace, SM_CHANNEL_FD, trace->fd, trace->min_rate_fds_per_s, 0, &out.fd);
    if (rc == 0)
        *ret_verdicts = out;
    return rc;
}
