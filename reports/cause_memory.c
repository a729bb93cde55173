/* Memory that is resident but not live, and peaks far above what came in.
 *
 * Allocator retention: after the rest, RSS above its start exceeds the live heap above its start
 * (4 % more is normal) by a fifth of the heap at the start, by 30 % of the highest rise of RSS,
 * and by 4 MB; where the allocator gives an account of what it keeps, no more than that counts.
 * The program has freed it; the allocator keeps the pages.
 * Peak amplification: without a fault and without growth, the heap rose by more than twice the
 * payload in flight at once, and gave it back. */
#include <math.h>

#include "cause.h"
#include "memory.h"
#include "timeline.h"

static const double LEAST_RETAINED_BYTES = 4e6;
static const double LEAST_IN_FLIGHT_BYTES = 65536;

/* The first phase may begin a moment before the first sample. */
static double level_at_start(const struct sm_facts *facts, const struct sm_series *series) {
    size_t count;
    double level = sm_timeline_at(facts->run, series, facts->from_ns);
    const struct sm_sample *samples = sm_run_samples(facts->run, series->id, &count);
    return isnan(level) && count ? samples[0].value : level;
}

/* Asked for it, an allocator either returns the pages or cannot, for something lives on each. */
static void say_given_back(struct sm_cause *cause, const struct sm_give_back *give_back) {
    if (!give_back || !give_back->done) {
        sm_cause_advise(cause,
                        "malloc_trim after the burst, fewer arenas, or another allocator give it "
                        "back; give_back = true in a phase at rest tries it.");
        return;
    }
    double given = give_back->rss_before - give_back->rss_after;
    sm_cause_show(cause, "given_back_bytes", SM_UNIT_BYTES, given);
    sm_cause_advise(cause, "Asked for them, the allocator gave %s back: %s.",
                    SM_UNIT_TEXT(SM_UNIT_BYTES, fmax(given, 0)),
                    given > .5 * LEAST_RETAINED_BYTES
                        ? "a call of malloc_trim (or the like) after a burst is enough"
                        : "the rest is held by what lives between the free blocks");
}

void sm_cause_find_retention(const struct sm_facts *facts, struct sm_cause_list *list) {
    const struct sm_run *run = facts->run;
    const struct sm_series *rss = sm_run_series(run, 0, "rss_anon");
    const struct sm_series *heap = sm_run_series(run, 0, "heap");
    if (!rss)
        rss = sm_run_series(run, 0, "rss");
    if (!rss || !heap || !facts->settle)
        return;
    const struct sm_give_back *give_back = &facts->analysis->give_back;
    int64_t end_ns = sm_timeline_phase_end(run, facts->settle);
    /* What is kept unasked. */
    int was_asked = give_back->asked && give_back->asked_ns > facts->settle->from_ns &&
                    give_back->asked_ns <= end_ns;
    if (was_asked)
        end_ns = give_back->asked_ns - 1;
    double rss_start = level_at_start(facts, rss);
    double rss_end = sm_timeline_at(run, rss, end_ns);
    double rss_rise = sm_timeline_peak(run, rss, facts->from_ns, end_ns) - rss_start;
    double heap_start = level_at_start(facts, heap);
    double heap_end = sm_timeline_at(run, heap, end_ns);
    double retained = rss_end - rss_start - 1.04 * (heap_end - heap_start);
    double slack_at_most = sm_memory_slack_at_most(run, end_ns);
    if (slack_at_most < retained)
        retained = slack_at_most; /* the rest was never the allocator's */
    if (!(retained > .2 * heap_start && retained > .3 * rss_rise &&
          retained > LEAST_RETAINED_BYTES))
        return;
    struct sm_cause *cause = sm_cause_add(list, SM_CAUSE_ALLOCATOR_RETENTION, "slack");
    if (!cause)
        return;
    cause->is_note = 1;
    sm_cause_say(cause,
                 "After the load %s are resident that the program has freed: the live heap is "
                 "%s, RSS stays at %s. The allocator keeps the pages; it is not a leak.",
                 SM_UNIT_TEXT(SM_UNIT_BYTES, retained), SM_UNIT_TEXT(SM_UNIT_BYTES, heap_end),
                 SM_UNIT_TEXT(SM_UNIT_BYTES, rss_end));
    say_given_back(cause, was_asked ? give_back : NULL);
    double slack = sm_timeline_at(run, sm_run_series(run, 0, "slack"), end_ns);
    if (isfinite(slack))
        sm_cause_show(cause, "free_by_the_allocator_bytes", SM_UNIT_BYTES, slack);
    sm_cause_show(cause, "retained_bytes", SM_UNIT_BYTES, retained);
    sm_cause_show(cause, "heap_at_end_bytes", SM_UNIT_BYTES, heap_end);
    sm_cause_show(cause, "rss_at_end_bytes", SM_UNIT_BYTES, rss_end);
}

void sm_cause_find_amplification(const struct sm_facts *facts, struct sm_cause_list *list) {
    const struct sm_run *run = facts->run;
    const struct sm_series *in_flight = sm_run_series(run, 0, "in_flight:driver");
    const struct sm_series *heap = sm_run_series(run, 0, "heap");
    double unit_bytes = facts->analysis->ledger.unit_bytes;
    if (!heap || !in_flight || unit_bytes <= 0 || facts->fault || !facts->memory_result ||
        facts->memory_result->verdict.kind == SM_VERDICT_GROWING)
        return;
    double before = sm_timeline_at(run, heap, facts->from_ns);
    double peak = sm_timeline_peak(run, heap, facts->from_ns, facts->to_ns);
    double end = sm_timeline_at(run, heap, facts->to_ns);
    double payload =
        unit_bytes * fmax(1, sm_timeline_peak(run, in_flight, facts->from_ns, facts->to_ns));
    double rise = peak - before, factor = rise / payload;
    int is_payload_large = payload > LEAST_IN_FLIGHT_BYTES && payload > .05 * before;
    if (!(factor > 2 && rise > .15 * before && is_payload_large && end - before < .3 * rise))
        return;
    struct sm_cause *cause = sm_cause_add(list, SM_CAUSE_PEAK_AMPLIFICATION, "heap");
    if (!cause)
        return;
    cause->is_note = 1;
    sm_cause_say(cause,
                 "The heap peaked %s above its start for at most %s of payload in flight: "
                 "%.1f bytes for every byte. It gave them back afterwards.",
                 SM_UNIT_TEXT(SM_UNIT_BYTES, rise), SM_UNIT_TEXT(SM_UNIT_BYTES, payload), factor);
    sm_cause_advise(cause, "Take the payload piece by piece, and do not hold it in two forms at "
                           "once.");
    sm_cause_show(cause, "peak_over_payload", SM_UNIT_NONE, factor);
    sm_cause_show(cause, "rise_bytes", SM_UNIT_BYTES, rise);
    sm_cause_show(cause, "payload_in_flight_bytes", SM_UNIT_BYTES, payload);
    sm_cause_blame(cause, facts, SM_SITE_HEAP, 3);
}
