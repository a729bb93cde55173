/* Time runs at the pace of the rate: a unit is due when the integral of factor x rate over time
 * reaches its mark. Marks are 1, 2, 3... (uniform) or the sums of exponential steps of mean 1
 * (Poisson); they do not depend on the rate, so neither ramps nor pauses disturb the sequence. */
#include "schedule.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "random.h"

const char *const sm_arrivals_names[] = {
#define X(id, name) name,
    SM_ARRIVALS_TABLE(X)
#undef X
        NULL};

#define FAR_S 1e9 /* later than this is never */

/* From from_ns until the next span begins the rate is factor x the options' rate. */
struct span {
    int64_t from_ns;
    double factor;
};

struct sm_schedule {
    struct sm_schedule_options options;
    int64_t begin_ns, ramp_end_ns;
    struct span *spans;
    size_t span_count, capacity;
};

static int add_span(struct sm_schedule *schedule, int64_t from_ns, double factor) {
    if (schedule->span_count == schedule->capacity) {
        size_t capacity = schedule->capacity ? 2 * schedule->capacity : 16;
        struct span *spans = reallocarray(schedule->spans, capacity, sizeof *spans);
        if (!spans)
            return -ENOMEM;
        schedule->spans = spans;
        schedule->capacity = capacity;
    }
    schedule->spans[schedule->span_count++] = (struct span){from_ns, factor};
    return 0;
}

struct sm_schedule *sm_schedule_new(const struct sm_schedule_options *options, int64_t begin_ns) {
    struct sm_schedule *schedule = calloc(1, sizeof *schedule);
    if (!schedule)
        return NULL;
    schedule->options = *options;
    schedule->begin_ns = schedule->ramp_end_ns = begin_ns;
    bool ramps = options->ramp_s > 0;
    if (ramps)
        schedule->ramp_end_ns += (int64_t)(options->ramp_s * 1e9);
    /* The end of the ramp is a span of its own, so that within a span the rate is linear. */
    if (add_span(schedule, begin_ns, 1) < 0 ||
        (ramps && add_span(schedule, schedule->ramp_end_ns, 1) < 0)) {
        sm_schedule_free(schedule);
        return NULL;
    }
    return schedule;
}

void sm_schedule_free(struct sm_schedule *schedule) {
    if (!schedule)
        return;
    free(schedule->spans);
    free(schedule);
}

int sm_schedule_set_factor(struct sm_schedule *schedule, int64_t at_ns, double factor) {
    struct span *last = &schedule->spans[schedule->span_count - 1];
    if (at_ns >= last->from_ns) {
        if (at_ns > last->from_ns)
            return add_span(schedule, at_ns, factor);
        last->factor = factor;
        return 0;
    }
    /* Still on the ramp: the span after its end stays the last one. */
    int rc = add_span(schedule, schedule->ramp_end_ns, factor);
    if (rc < 0)
        return rc;
    schedule->spans[schedule->span_count - 2] = (struct span){at_ns, factor};
    return 0;
}

static double rate_at(const struct sm_schedule *schedule, int64_t at_ns, double *ret_slope) {
    const struct sm_schedule_options *options = &schedule->options;
    *ret_slope = 0;
    if (options->ramp_s <= 0)
        return options->rate_per_s;
    if (at_ns >= schedule->ramp_end_ns)
        return options->rate_to_per_s;
    *ret_slope = (options->rate_to_per_s - options->rate_per_s) / options->ramp_s;
    return options->rate_per_s + *ret_slope * (double)(at_ns - schedule->begin_ns) / 1e9;
}

/* Seconds until the integral of a linear rate reaches `mass`; INFINITY when it never does.
 * Written so that a slope near 0 loses nothing. */
static double seconds_until(double rate, double slope, double mass) {
    double square = rate * rate + 2 * slope * mass;
    if (square < 0)
        return INFINITY;
    double divisor = rate + sqrt(square);
    return divisor > 0 ? 2 * mass / divisor : INFINITY;
}

/* Finds the span in which the unit's mark is reached. It starts from the unit before, since a
 * change of the factor may come between that one and where this one was last seen. */
static void find_due(struct sm_cursor *cursor) {
    const struct sm_schedule *schedule = cursor->schedule;
    const struct sm_schedule_options *options = &schedule->options;
    bool at_once = options->rate_per_s <= 0 && options->ramp_s <= 0;
    struct sm_cursor_place *at = &cursor->at;
    *at = cursor->before;
    cursor->due_ns = SM_NEVER_NS;
    if (options->count > 0 && cursor->number >= options->count)
        return;
    for (;; at->span++) {
        const struct span *span = &schedule->spans[at->span];
        bool is_last = at->span + 1 == schedule->span_count;
        double slope, rate = rate_at(schedule, span->from_ns, &slope) * span->factor;
        slope *= span->factor;
        double seconds =
            at_once ? 0 : seconds_until(rate, slope, fmax(cursor->mark - at->passed, 0));
        double end_s = is_last ? FAR_S : (double)(span[1].from_ns - span->from_ns) / 1e9;
        if (span->factor > 0 && seconds < end_s) {
            cursor->due_ns = span->from_ns + (int64_t)(seconds * 1e9);
            return;
        }
        if (is_last)
            return;
        at->passed += (rate + slope * end_s / 2) * end_s;
    }
}

static void next_mark(struct sm_cursor *cursor) {
    const struct sm_schedule_options *options = &cursor->schedule->options;
    double step = (double)options->burst;
    if (options->arrivals == SM_ARRIVALS_POISSON) {
        double uniform = ((double)(sm_random_next(&cursor->random) >> 11) + 1) / 9007199254740992.0;
        step *= -log(uniform);
    }
    cursor->mark += step;
}

void sm_cursor_begin(struct sm_cursor *cursor, const struct sm_schedule *schedule) {
    *cursor = (struct sm_cursor){.schedule = schedule, .random = schedule->options.seed};
    next_mark(cursor);
    find_due(cursor);
}

void sm_cursor_next(struct sm_cursor *cursor) {
    cursor->before = cursor->at;
    cursor->number++;
    if (++cursor->in_burst >= cursor->schedule->options.burst) {
        cursor->in_burst = 0;
        next_mark(cursor);
    }
    find_due(cursor);
}

void sm_cursor_refresh(struct sm_cursor *cursor) {
    find_due(cursor);
}
