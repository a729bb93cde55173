/* Memory that grows with the load or with time, and is not waiting for anybody.
 *
 * Rule: memory is growing, and what decided it was load without a fault. Per request or over
 * time: the doses of a plan of cycles tell; where the run was only watched, whether the growth
 * goes on when the load has stopped. Growth that follows refused or lost requests is memory kept
 * for them. Not when a backlog without a fault explains what rose. What is freed ever later, where
 * nobody counted units, is a backlog too; what is freed as soon as ever while the rest grows older
 * is left by some way through the program. */
#include <math.h>

#include "cause.h"
#include "sites.h"
#include "timeline.h"
#include "trace_record.h"

/* The phase that was on when the verdict was reached. */
static const struct sm_phase *deciding_phase(const struct sm_facts *facts,
                                             const struct sm_verdict *verdict) {
    int64_t at_ns = facts->from_ns + (int64_t)(fmax(verdict->decided_at_s - .05, 0) * 1e9);
    return sm_timeline_phase_at(facts->run, at_ns + 1);
}

static int has_cycles(const struct sm_facts *facts) {
    return facts->analysis->trace && (facts->analysis->trace->plan == SM_PLAN_CYCLES ||
                                      facts->analysis->trace->plan == SM_PLAN_FAULT_CYCLES);
}

/* When the last request ended that ended during the rest; the start of the rest when none did. */
static int64_t last_request_ns(const struct sm_facts *facts) {
    const struct sm_trace *trace = facts->analysis->trace;
    int64_t from_ns = facts->settle->from_ns;
    int64_t to_ns = sm_timeline_phase_end(facts->run, facts->settle);
    size_t begin = 0, end = trace ? trace->count : 0;
    while (begin < end && sm_trace_time_ns(facts->run, trace, begin) < from_ns)
        begin++;
    while (end > begin && sm_trace_time_ns(facts->run, trace, end - 1) > to_ns)
        end--;
    size_t quiet = begin < end ? sm_trace_quiet_from(trace, begin, end) : begin;
    return quiet > begin ? sm_trace_time_ns(facts->run, trace, quiet) : from_ns;
}

/* What the growth goes with. Requests that end in the rest leave behind in it what they leak. */
static enum sm_growth_driver find_driver(const struct sm_facts *facts) {
    const struct sm_verdict *verdict = &facts->memory_result->verdict;
    double error, rate = fmax(verdict->rate_per_s, 1e-9);
    if (has_cycles(facts) || verdict->driver != SM_GROWTH_BY_UNKNOWN)
        return verdict->driver;
    if (!sm_run_series(facts->run, 0, "offered"))
        return SM_GROWTH_BY_TIME;
    if (!facts->settle)
        return SM_GROWTH_BY_UNKNOWN;
    int64_t from_ns = facts->settle->from_ns + 300000000, last_ns = last_request_ns(facts);
    int64_t end_ns = sm_timeline_phase_end(facts->run, facts->settle);
    int is_quiet = last_ns < from_ns + (end_ns - from_ns) / 2;
    if (is_quiet && last_ns > from_ns)
        from_ns = last_ns;
    double slope = sm_timeline_slope(facts->run, facts->memory, from_ns, end_ns, &error);
    if (slope - 2.5 * error > .4 * rate)
        return is_quiet ? SM_GROWTH_BY_TIME : SM_GROWTH_BY_UNKNOWN;
    return slope + 2.5 * error < .6 * rate ? SM_GROWTH_BY_REQUESTS : SM_GROWTH_BY_UNKNOWN;
}

static void describe(const struct sm_facts *facts, enum sm_growth_driver driver,
                     struct sm_cause *cause) {
    const struct sm_series_result *result = facts->memory_result;
    const struct sm_interval *rate = &result->rate_per_s, *unit = &result->rate_per_unit;
    const char *name = result->series->name;
    sm_cause_say(cause, "%s grows by %s (%s to %s) under constant load and does not level off.",
                 name, SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, rate->value),
                 SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, rate->low),
                 SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, rate->high));
    if (driver == SM_GROWTH_BY_REQUESTS && isfinite(unit->value))
        sm_cause_say(cause, "It stops when the load stops: %s stay behind for every unit offered.",
                     SM_UNIT_TEXT(SM_UNIT_BYTES, unit->value));
    else if (driver == SM_GROWTH_BY_REQUESTS)
        sm_cause_say(cause, "It stops when the load stops.");
    else if (driver == SM_GROWTH_BY_TIME && !sm_run_series(facts->run, 0, "offered"))
        sm_cause_say(cause, "Nobody counted the load, so it is told by time alone.");
    else if (driver == SM_GROWTH_BY_TIME)
        sm_cause_say(cause, "It goes with time, not with requests.");
    else if (driver == SM_GROWTH_BY_FAILURES)
        sm_cause_say(cause, "It goes with the requests that were refused or lost.");
    else {
        sm_cause_say(cause, "Whether it goes with requests or with time this run cannot tell.");
        sm_cause_advise(cause, "Cycles of load and rest with two doses would tell.");
    }
}

/* Freed all the same, but ever later: it waits for somebody who cannot keep up. */
static int waits_longer(const struct sm_site_result *site) {
    static const double times = 4, share = .1;
    double stay_s =
        isfinite(site->residence_freed_s) ? site->residence_freed_s : site->residence_now_s;
    return site->freed_share > share && stay_s > times * site->residence_before_s;
}

/* What is freed is freed as soon as ever, and the rest only grows older. */
static int is_partly_left(const struct sm_site_result *site) {
    static const double times = 2;
    return site->residence_freed_s <= times * site->residence_before_s &&
           sm_site_rest_is_older(site);
}

/* Nobody to blame: no stacks at all, or too few of them to be sure of any. */
static void advise_without_site(const struct sm_facts *facts, struct sm_cause *cause) {
    if (!sm_run_series(facts->run, 0, "heap"))
        sm_cause_advise(cause, "It was seen from outside only, without stacks: a run with the "
                               "probe in it (probe, run, or attach --inject) tells who allocates.");
    else
        sm_cause_advise(cause, "Too few stacks were sampled to be sure of one: the same run with "
                               "--sample-bytes 4096 takes more and tells who allocates.");
}

static void say_site(const struct sm_facts *facts, struct sm_cause *cause) {
    const struct sm_site_result *site = cause->site_count ? cause->sites[0] : NULL;
    if (site && is_partly_left(site)) {
        sm_cause_say(cause,
                     "Of what the first stack allocates, a part is freed %s later, as ever; the "
                     "rest is not: half of it is older than %s.",
                     SM_UNIT_TEXT(SM_UNIT_SECONDS, site->residence_freed_s),
                     SM_UNIT_TEXT(SM_UNIT_SECONDS, site->residence_now_s));
        sm_cause_advise(cause, "Look for a way from the first stack that does not come by the one "
                               "that frees: after an error, say, or a refusal.");
        return;
    }
    if (!site) {
        advise_without_site(facts, cause);
        return;
    }
    if (!waits_longer(site)) {
        sm_cause_advise(cause, "Look at the first stack: what it allocates is not freed. Should it "
                               "fill a cache, run until that is full, or declare its size.");
        return;
    }
    /* Where units are counted, they tell whether there is a backlog. */
    if (!sm_run_series(facts->run, 0, "offered"))
        cause->kind = SM_CAUSE_BACKLOG;
    sm_cause_say(cause,
                 "What the first stack allocates is freed, but ever later: after %s before, %s "
                 "now. So it waits for what frees it.",
                 SM_UNIT_TEXT(SM_UNIT_SECONDS, site->residence_before_s),
                 SM_UNIT_TEXT(SM_UNIT_SECONDS, site->residence_now_s));
    sm_cause_show(cause, "residence_before_s", SM_UNIT_SECONDS, site->residence_before_s);
    sm_cause_show(cause, "residence_now_s", SM_UNIT_SECONDS, site->residence_now_s);
    sm_cause_advise(cause,
                    "Bound the queue between the first stack and the one that frees, in bytes "
                    "or units, and refuse, wait or count drops beyond.");
}

static int has_backlog(const struct sm_cause_list *list) {
    for (size_t i = 0; i < list->count; i++)
        if (list->causes[i].kind == SM_CAUSE_BACKLOG)
            return 1;
    return 0;
}

void sm_cause_find_leak(const struct sm_facts *facts, struct sm_cause_list *list) {
    static const enum sm_cause_kind kinds[] = {
        [SM_GROWTH_BY_UNKNOWN] = SM_CAUSE_LEAK_PER_REQUEST,
        [SM_GROWTH_BY_TIME] = SM_CAUSE_LEAK_OVER_TIME,
        [SM_GROWTH_BY_REQUESTS] = SM_CAUSE_LEAK_PER_REQUEST,
        [SM_GROWTH_BY_FAILURES] = SM_CAUSE_KEPT_AFTER_LOAD,
    };
    if (!facts->memory_result || facts->memory_result->verdict.kind != SM_VERDICT_GROWING)
        return;
    const struct sm_phase *phase = deciding_phase(facts, &facts->memory_result->verdict);
    if (phase && phase->fault_count > 0 && !has_cycles(facts))
        return;
    if (!facts->fault && !has_cycles(facts) && has_backlog(list))
        return; /* which is what rose */
    enum sm_growth_driver driver = find_driver(facts);
    struct sm_cause *cause = sm_cause_add(list, kinds[driver], facts->memory->name);
    if (!cause)
        return;
    describe(facts, driver, cause);
    sm_cause_show(cause, "rate_bytes_per_s", SM_UNIT_BYTES_PER_S,
                  facts->memory_result->rate_per_s.value);
    sm_cause_show(cause, "bytes_per_unit", SM_UNIT_BYTES,
                  facts->memory_result->rate_per_unit.value);
    sm_cause_flag(cause, "driver_told_apart", driver != SM_GROWTH_BY_UNKNOWN);
    sm_cause_blame(cause, facts, SM_SITE_HEAP, 3);
    say_site(facts, cause);
}
