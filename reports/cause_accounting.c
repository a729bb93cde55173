/* A gauge of the program that contradicts what is measured.
 *
 * Rule, for gauges that by their name count what is held (queued, in_flight, pending, buffered,
 * backlog, depth, waiting): from the start to the end of the run the gauge rises by a hundred units
 * more, and a quarter more, than the units that the program declares by its marks; where it
 * declares none, by so many units (or bytes) that the payload alone would be twice what the live
 * heap rose by, and a megabyte or a hundred units more. The program thinks it holds what it does
 * not. */
#include <math.h>
#include <string.h>

#include "cause.h"
#include "ledger.h"
#include "timeline.h"

static const double LEAST_BYTES = 1e6, LEAST_UNITS = 100, OVER_DECLARED = 1.25;

static int counts_what_is_held(const char *name) {
    static const char *const words[] = {"queue",  "in_flight", "inflight", "in-flight", "pending",
                                        "buffer", "backlog",   "depth",    "waiting"};
    const char *group = strrchr(name, '.'); /* of an object within the reply */
    name = group ? group + 1 : name;
    size_t length = strlen(name);
    if ((length > 6 && strcmp(name + length - 6, "_total") == 0) || strncmp(name, "total_", 6) == 0)
        return 0; /* a counter by convention */
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(name, words[i]))
            return 1;
    return 0;
}

static double rise_of(const struct sm_facts *facts, const struct sm_series *series) {
    return sm_timeline_at(facts->run, series, facts->to_ns) -
           sm_timeline_at(facts->run, series, facts->from_ns);
}

static struct sm_cause *add(struct sm_cause_list *list, const struct sm_series *gauge,
                            enum sm_unit unit, double rise) {
    struct sm_cause *cause = sm_cause_add(list, SM_CAUSE_ACCOUNTING_MISMATCH, gauge->name);
    if (!cause)
        return NULL;
    cause->is_note = 1;
    sm_cause_advise(cause, "Look for a path that lets go of a unit without taking it off the "
                           "counter; back-pressure that follows this counter will stall.");
    sm_cause_show(cause, "gauge_rise", unit, rise);
    return cause;
}

/* Against what the program declares by its marks, which are counted where they are held. */
static void check_units(const struct sm_series *gauge, double rise, double declared,
                        struct sm_cause_list *list) {
    if (!(rise - fmax(declared, 0) > LEAST_UNITS && rise > OVER_DECLARED * declared))
        return;
    struct sm_cause *cause = add(list, gauge, SM_UNIT_COUNT, rise);
    if (!cause)
        return;
    sm_cause_say(cause,
                 "The program's own %s rose by %s, but by its marks the program held %s more: it "
                 "counts as held what it no longer holds.",
                 gauge->name, SM_UNIT_TEXT(SM_UNIT_COUNT, rise),
                 SM_UNIT_TEXT(SM_UNIT_COUNT, declared));
    sm_cause_show(cause, "declared_rise", SM_UNIT_COUNT, declared);
}

/* Against the live heap, which holds whatever is held. */
static void check_bytes(const struct sm_facts *facts, const struct sm_series *gauge, double rise,
                        enum sm_unit unit, struct sm_cause_list *list) {
    double claimed = rise * (unit == SM_UNIT_BYTES ? 1 : facts->analysis->ledger.unit_bytes);
    double held = rise_of(facts, sm_run_series(facts->run, 0, "heap"));
    int is_large = unit == SM_UNIT_BYTES ? rise > LEAST_BYTES : rise > LEAST_UNITS;
    if (!(is_large && isfinite(held) && claimed > 0 && claimed > 2 * fmax(held, 0)))
        return;
    struct sm_cause *cause = add(list, gauge, unit, rise);
    if (!cause)
        return;
    sm_cause_say(cause,
                 "The program's own %s rose by %s, which would be at least %s, but the live "
                 "heap rose by %s: it counts as held what it no longer holds.",
                 gauge->name, SM_UNIT_TEXT(unit, rise), SM_UNIT_TEXT(SM_UNIT_BYTES, claimed),
                 SM_UNIT_TEXT(SM_UNIT_BYTES, held));
    sm_cause_show(cause, "claimed_bytes", SM_UNIT_BYTES, claimed);
    sm_cause_show(cause, "heap_rise_bytes", SM_UNIT_BYTES, held);
}

static void check(const struct sm_facts *facts, const struct sm_series *gauge,
                  struct sm_cause_list *list) {
    double rise = rise_of(facts, gauge);
    double declared = sm_ledger_declared_units(facts->run, facts->to_ns);
    double before = sm_ledger_declared_units(facts->run, facts->from_ns);
    if (strcasestr(gauge->name, "bytes"))
        check_bytes(facts, gauge, rise, SM_UNIT_BYTES, list);
    else if (declared >= 0)
        check_units(gauge, rise, declared - fmax(before, 0), list);
    else
        check_bytes(facts, gauge, rise, SM_UNIT_COUNT, list);
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
