/* A gauge of the program that contradicts what is measured.
 *
 * Rule, for gauges that by their name count what is held (queued, in_flight, pending, buffered,
 * backlog, depth, waiting): from the start to the end of the run the gauge rises by so many units
 * (or bytes) that the payload alone would be twice what the live heap rose by, and a megabyte or
 * a hundred units more. The program thinks it holds what it does not. */
#include <math.h>
#include <string.h>

#include "cause.h"
#include "timeline.h"

static const double LEAST_BYTES = 1e6, LEAST_UNITS = 100;

static int counts_what_is_held(const char *name) {
    static const char *const words[] = {"queue",  "in_flight", "inflight", "in-flight", "pending",
                                        "buffer", "backlog",   "depth",    "waiting"};
    size_t length = strlen(name);
    if (length > 6 && strcmp(name + length - 6, "_total") == 0)
        return 0; /* a counter by convention */
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(name, words[i]))
            return 1;
    return 0;
}

static void check(const struct sm_facts *facts, const struct sm_series *gauge,
                  struct sm_cause_list *list) {
    const struct sm_run *run = facts->run;
    const struct sm_series *heap = sm_run_series(run, 0, "heap");
    double start = sm_timeline_at(run, gauge, facts->from_ns);
    double end = sm_timeline_at(run, gauge, facts->to_ns);
    double rise = end - (isfinite(start) ? start : 0);
    int in_bytes = strcasestr(gauge->name, "bytes") != NULL;
    double unit_bytes = in_bytes ? 1 : facts->analysis->ledger.unit_bytes;
    double claimed = rise * unit_bytes;
    double held =
        sm_timeline_at(run, heap, facts->to_ns) - sm_timeline_at(run, heap, facts->from_ns);
    int is_large = in_bytes ? rise > LEAST_BYTES : rise > LEAST_UNITS;
    if (!(heap && unit_bytes > 0 && is_large && claimed > 2 * fmax(held, 0)))
        return;
    struct sm_cause *cause = sm_cause_add(list, SM_CAUSE_ACCOUNTING_MISMATCH, gauge->name);
    if (!cause)
        return;
    cause->is_note = 1;
    sm_cause_say(cause,
                 "The program's own %s rose by %s, which would be at least %s, but the live "
                 "heap rose by %s: it counts as held what it no longer holds.",
                 gauge->name, SM_UNIT_TEXT(in_bytes ? SM_UNIT_BYTES : SM_UNIT_COUNT, rise),
                 SM_UNIT_TEXT(SM_UNIT_BYTES, claimed), SM_UNIT_TEXT(SM_UNIT_BYTES, held));
    sm_cause_advise(cause, "Look for a path that lets go of a unit without taking it off the "
                           "counter; back-pressure that follows this counter will stall.");
    sm_cause_show(cause, "gauge_rise", in_bytes ? SM_UNIT_BYTES : SM_UNIT_COUNT, rise);
    sm_cause_show(cause, "claimed_bytes", SM_UNIT_BYTES, claimed);
    sm_cause_show(cause, "heap_rise_bytes", SM_UNIT_BYTES, held);
}

void sm_cause_find_accounting(const struct sm_facts *facts, struct sm_cause_list *list) {
    static const char prefix[] = "gauge:";
    for (size_t i = 0; i < facts->run->series_count; i++) {
        const struct sm_series *series = &facts->run->series[i];
        if (series->process_id == 0 && strncmp(series->name, prefix, sizeof prefix - 1) == 0 &&
            counts_what_is_held(series->name + sizeof prefix - 1))
            check(facts, series, list);
    }
}
