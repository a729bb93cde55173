/* A backlog behind a slow consumer, or retries that pile up behind a failing one.
 *
 * Rule: in a phase with a fault memory rises, and in the same time more units are offered than
 * are delivered, refused or dropped; or, where deliveries are not counted, what rose during the
 * fault drains once it is lifted. Not when memory is bounded. The bytes per unit are what memory
 * rose per unit of backlog; the site is the one whose count of live objects rises with it.
 *
 * Without a fault, the loaded phase in which memory rose most is looked at: a consumer may be slow
 * of itself. Then the units kept back must be seen in memory, as objects of a site or as work that
 * the program declares, half to twice as many; or, where deliveries are not counted, memory was
 * growing and drains at rest: half of what rose is gone at the end, or it goes on falling until
 * then. Runs of cycles are left out, for the rest in each is part of what was judged. */
#include <math.h>
#include <string.h>

#include "cause.h"
#include "ledger.h"
#include "timeline.h"

/* Less than this share of the offered load kept back is noise of a window's ends. */
static const double SHARE_KEPT_BACK = .05;
/* What falls again after the fault, of what rose in it, to be called drained. */
static const double SHARE_DRAINED = .5;

struct backlog {
    const struct sm_phase *phase; /* in which it piled up */
    double seconds, rise, rate, rate_error;
    double offered_per_s, delivered_per_s, dropped_per_s, refused_per_s;
    double units_per_s; /* kept back */
    double drained;     /* share of the rise that is gone at the end */
    double drain_s;     /* until half of it was gone; NAN = never */
    int drains_at_rest; /* without a fault, and nobody counts what is delivered */
    const struct sm_site_result *site;
};

static double or_zero(double value) {
    return isfinite(value) ? value : 0;
}

/* Units dropped per second in the window: their own series, or else the run's total, which can
 * only have been dropped under the fault. */
static double dropped_per_s(const struct sm_facts *facts, const struct sm_phase *phase,
                            double seconds) {
    double dropped = sm_facts_increase(facts, "dropped", phase);
    if (isnan(dropped) && facts->analysis->ledger.dropped >= 0)
        dropped = (double)facts->analysis->ledger.dropped;
    return dropped / seconds;
}

static double seconds_until(const struct sm_facts *facts, int64_t from_ns, double level) {
    size_t count;
    const struct sm_sample *samples = sm_run_samples(facts->run, facts->memory->id, &count);
    for (size_t i = 0; i < count; i++)
        if (samples[i].t_ns > from_ns && samples[i].t_ns <= facts->to_ns &&
            samples[i].value <= level)
            return sm_timeline_seconds(samples[i].t_ns - from_ns);
    return NAN;
}

static void measure(const struct sm_facts *facts, struct backlog *b) {
    const struct sm_phase *phase = b->phase;
    int64_t end_ns = sm_timeline_phase_end(facts->run, phase);
    b->seconds = fmax(sm_facts_seconds(facts, phase), 1e-3);
    b->rate = sm_timeline_mean_rise(facts->run, facts->memory, phase->from_ns, end_ns);
    sm_timeline_slope(facts->run, facts->memory, phase->from_ns, end_ns, &b->rate_error);
    b->rise = sm_facts_increase(facts, facts->memory->name, phase);
    b->offered_per_s = sm_facts_increase(facts, "offered", phase) / b->seconds;
    b->delivered_per_s = sm_facts_increase(facts, "delivered", phase) / b->seconds;
    b->refused_per_s = (or_zero(sm_facts_increase(facts, "refused", phase)) +
                        or_zero(sm_facts_increase(facts, "unanswered", phase))) /
                       b->seconds;
    b->dropped_per_s = dropped_per_s(facts, phase, b->seconds);
    b->units_per_s =
        b->offered_per_s - b->delivered_per_s - b->refused_per_s - or_zero(b->dropped_per_s);
    double top = sm_timeline_at(facts->run, facts->memory, end_ns);
    b->drained = b->rise > 0 ? (top - facts->memory_after) / b->rise : 0;
    b->drain_s = seconds_until(facts, end_ns, top - b->rise / 2);
}

/* Falling still, in the later half of the rest: work that was under way has ended by then. */
static int is_falling_at_rest(const struct sm_facts *facts) {
    static const double sure_99 = 2.576;
    double error;
    int64_t from_ns = facts->settle->from_ns;
    int64_t end_ns = sm_timeline_phase_end(facts->run, facts->settle);
    double slope = sm_timeline_slope(facts->run, facts->memory, from_ns + (end_ns - from_ns) / 2,
                                     end_ns, &error);
    return slope + sure_99 * error < 0;
}

/* Without a fault and a count of what was delivered: how much of the whole rise is gone after the
 * rest, which takes the place of what went after the phase alone. */
static void measure_rest(const struct sm_facts *facts, struct backlog *b) {
    static const double least_share = .05;
    int is_growing =
        facts->memory_result && facts->memory_result->verdict.kind == SM_VERDICT_GROWING;
    int is_watched = facts->analysis->trace && facts->analysis->trace->plan == SM_PLAN_PASSIVE;
    if (facts->fault || !facts->settle || !is_growing || !is_watched || !isnan(b->units_per_s))
        return;
    int64_t from_ns = facts->settle->from_ns;
    double top = sm_timeline_at(facts->run, facts->memory, from_ns);
    double rise = top - facts->memory_before;
    b->drained = rise > 0 ? (top - facts->memory_after) / rise : 0;
    b->drain_s = seconds_until(facts, from_ns, top - rise / 2);
    b->drains_at_rest =
        b->drained >= SHARE_DRAINED || (b->drained > least_share && is_falling_at_rest(facts));
}

/* The growing heap site whose count rises with the backlog; the first growing one when the
 * backlog in units is not known. */
static const struct sm_site_result *find_site(const struct sm_facts *facts,
                                              const struct backlog *b) {
    const struct sm_site_result *first = NULL;
    double units = b->units_per_s * b->seconds;
    for (size_t i = 0; i < facts->analysis->site_count; i++) {
        const struct sm_site_result *site = &facts->analysis->sites[i];
        if (site->kind != SM_SITE_HEAP || !site->is_growing)
            continue;
        if (!first)
            first = site;
        double ratio = site->growth_count / units;
        if (ratio > .5 && ratio < 2 && site->growth_bytes > first->growth_bytes / 4)
            return site;
    }
    return first;
}

static void blame(const struct sm_facts *facts, const struct backlog *b, struct sm_cause *cause) {
    if (!b->site)
        return;
    cause->sites[cause->site_count++] = b->site;
    for (size_t i = 0; i < facts->analysis->site_count && cause->site_count < 3; i++) {
        const struct sm_site_result *site = &facts->analysis->sites[i];
        if (site != b->site && site->kind == SM_SITE_HEAP && site->is_growing &&
            site->growth_bytes > b->site->growth_bytes / 10)
            cause->sites[cause->site_count++] = site;
    }
}

static void show(const struct backlog *b, struct sm_cause *cause) {
    sm_cause_show(cause, "rate_bytes_per_s", SM_UNIT_BYTES_PER_S, b->rate);
    sm_cause_show(cause, "offered_per_s", SM_UNIT_COUNT_PER_S, b->offered_per_s);
    sm_cause_show(cause, "delivered_per_s", SM_UNIT_COUNT_PER_S, b->delivered_per_s);
    sm_cause_show(cause, "dropped_per_s", SM_UNIT_COUNT_PER_S, b->dropped_per_s);
    sm_cause_show(cause, "refused_per_s", SM_UNIT_COUNT_PER_S, b->refused_per_s);
    sm_cause_show(cause, "backlog_per_s", SM_UNIT_COUNT_PER_S, b->units_per_s);
    if (b->units_per_s > 0)
        sm_cause_show(cause, "bytes_per_unit", SM_UNIT_BYTES, b->rate / b->units_per_s);
    if (b->site && b->site->growth_count > 0)
        sm_cause_show(cause, "site_bytes_per_object", SM_UNIT_BYTES,
                      b->site->growth_bytes / b->site->growth_count);
    sm_cause_show(cause, "rise_bytes", SM_UNIT_BYTES, b->rise);
    sm_cause_flag(cause, "drains", b->drained >= SHARE_DRAINED);
    sm_cause_show(cause, "drained_share", SM_UNIT_NONE, b->drained);
    sm_cause_show(cause, "half_drained_after_s", SM_UNIT_SECONDS, b->drain_s);
    if (b->site)
        sm_cause_show(cause, "residence_now_s", SM_UNIT_SECONDS, b->site->residence_now_s);
}

static void say_drain(const struct sm_facts *facts, const struct backlog *b,
                      struct sm_cause *cause) {
    if (facts->to_ns <= sm_timeline_phase_end(facts->run, b->phase))
        sm_cause_say(cause, "Whether it drains afterwards was not seen.");
    else if (b->drained >= SHARE_DRAINED && isfinite(b->drain_s))
        sm_cause_say(cause, "It drains once the %s: half was gone after %s, %.0f %% by the end.",
                     b->phase->fault_count ? "fault is lifted" : "load is less",
                     SM_UNIT_TEXT(SM_UNIT_SECONDS, b->drain_s), 100 * fmin(b->drained, 1));
    else if (b->drained > .05)
        sm_cause_say(cause, "By the end of the run %.0f %% of it had drained.", 100 * b->drained);
    else
        sm_cause_say(cause, "It had not drained by the end of the run.");
}

/* A fault that makes the consumer fail, rather than wait. */
static int is_failing(const struct sm_facts *facts, const struct sm_phase *phase) {
    static const char *const failing[] = {"fail",   "enospc", "eio", "error",
                                          "edquot", "outage", "full"};
    for (size_t f = 0; f < facts->run->faults_count; f++) {
        const struct sm_fault *fault = &facts->run->faults[f];
        if (fault->from_ns < phase->from_ns - 1000000000 ||
            fault->from_ns > sm_timeline_phase_end(facts->run, phase))
            continue;
        for (size_t i = 0; i < sizeof failing / sizeof *failing; i++)
            if (strstr(fault->kind, failing[i]))
                return 1;
    }
    return 0;
}

static void describe(const struct sm_facts *facts, const struct backlog *b, int failing,
                     struct sm_cause *cause) {
    const char *consumer = failing ? "failing" : "slow";
    if (b->units_per_s > 0)
        sm_cause_say(cause,
                     "While the consumer was %s (phase \"%s\"), %s units were offered and "
                     "%s delivered: the difference, %s, stayed in memory at %s a unit, "
                     "which is %s.",
                     consumer, b->phase->name,
                     SM_UNIT_TEXT(SM_UNIT_COUNT_PER_S, round(b->offered_per_s)),
                     SM_UNIT_TEXT(SM_UNIT_COUNT_PER_S, round(b->delivered_per_s)),
                     SM_UNIT_TEXT(SM_UNIT_COUNT_PER_S, round(b->units_per_s)),
                     SM_UNIT_TEXT(SM_UNIT_BYTES, b->rate / b->units_per_s),
                     SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, b->rate));
    else if (b->drains_at_rest)
        sm_cause_say(cause,
                     "Under load (phase \"%s\") memory rose by %s, at %s, without a fault: more "
                     "comes in than goes out in the same time.",
                     b->phase->name, SM_UNIT_TEXT(SM_UNIT_BYTES, b->rise),
                     SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, b->rate));
    else
        sm_cause_say(cause, "While the consumer was %s (phase \"%s\"), memory rose by %s, at %s.",
                     consumer, b->phase->name, SM_UNIT_TEXT(SM_UNIT_BYTES, b->rise),
                     SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, b->rate));
    say_drain(facts, b, cause);
    sm_cause_advise(cause, failing ? "Bound what is kept for another try, and count what is given "
                                     "up."
                                   : "Bound the queue where units enter it, in bytes or units, and "
                                     "refuse, wait or count drops beyond.");
}

/* Whether what was kept back is seen in memory: as many objects, or declared as many. */
static int is_seen(const struct sm_facts *facts, const struct backlog *b) {
    double units = b->units_per_s * b->seconds;
    double declared =
        sm_ledger_declared_units(facts->run, sm_timeline_phase_end(facts->run, b->phase)) -
        fmax(sm_ledger_declared_units(facts->run, b->phase->from_ns), 0);
    double objects = b->site ? b->site->growth_count : 0;
    return (declared > .5 * units && declared < 2 * units) ||
           (objects > .5 * units && objects < 2 * units);
}

/* Whether the rule holds for the phase in question. */
static int holds(const struct sm_facts *facts, const struct backlog *b) {
    int rises = b->rise > 0 && b->rate - 2.576 * b->rate_error > 0;
    int kept_back = b->units_per_s > SHARE_KEPT_BACK * b->offered_per_s;
    int drains = isnan(b->units_per_s) && b->drained >= SHARE_DRAINED;
    if (!rises)
        return 0;
    return facts->fault ? kept_back || drains
                        : (kept_back && is_seen(facts, b)) || b->drains_at_rest;
}

void sm_cause_find_backlog(const struct sm_facts *facts, struct sm_cause_list *list) {
    struct backlog b = {.phase = facts->fault};
    if (!facts->memory ||
        (facts->memory_result && facts->memory_result->verdict.kind == SM_VERDICT_BOUNDED))
        return;
    if (!b.phase)
        b.phase = sm_timeline_rise(facts->run, facts->memory);
    if (!b.phase)
        return;
    measure(facts, &b);
    measure_rest(facts, &b);
    b.site = find_site(facts, &b);
    if (!holds(facts, &b))
        return;
    int failing = is_failing(facts, b.phase);
    struct sm_cause *cause = sm_cause_add(
        list, failing ? SM_CAUSE_RETRY_ACCUMULATION : SM_CAUSE_BACKLOG, facts->memory->name);
    if (!cause)
        return;
    describe(facts, &b, failing, cause);
    show(&b, cause);
    blame(facts, &b, cause);
}
