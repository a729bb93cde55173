#include "ledger.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "timeline.h"

/* The last value of a series as a count, -1 when there is none. */
static int64_t last_count(const struct sm_run *run, const char *name) {
    size_t count = 0;
    const struct sm_series *series = sm_run_series(run, 0, name);
    const struct sm_sample *samples = series ? sm_run_samples(run, series->id, &count) : NULL;
    double value = count ? samples[count - 1].value : -1;
    return value >= 0 && value < 1e15 ? (int64_t)llround(value) : -1;
}

/* The total of the record, or, in a record cut short, what its series said last. */
static int64_t total_or_last(const struct sm_run *run, int64_t total, const char *series) {
    return total >= 0 ? total : last_count(run, series);
}

static void add_note(struct sm_ledger *ledger, const char *text) {
    size_t used = strlen(ledger->note);
    snprintf(ledger->note + used, sizeof ledger->note - used, "%s%s", used ? "; " : "", text);
}

double sm_ledger_declared_units(const struct sm_run *run, int64_t t_ns) {
    static const char prefix[] = "mark:", suffix[] = ":count";
    double sum = -1;
    for (size_t i = 0; i < run->series_count; i++) {
        const struct sm_series *series = &run->series[i];
        size_t length = strlen(series->name);
        double units = sm_timeline_at(run, series, t_ns);
        if (series->process_id == 0 && length >= sizeof prefix + sizeof suffix - 2 &&
            strncmp(series->name, prefix, sizeof prefix - 1) == 0 &&
            strcmp(series->name + length - (sizeof suffix - 1), suffix) == 0 && isfinite(units))
            sum = fmax(sum, 0) + units;
    }
    return sum;
}

/* A program that is stopped with work in its hands did not lose it before: what it declared to hold
 * when the last phase ended, less what it delivered while it stopped, was in flight. */
static void add_held(const struct sm_run *run, struct sm_ledger *ledger) {
    int64_t from_ns, to_ns;
    int64_t missing =
        ledger->accepted - ledger->delivered - (ledger->dropped > 0 ? ledger->dropped : 0);
    if (ledger->in_flight != 0 || missing <= 0 || !sm_timeline_range(run, &from_ns, &to_ns))
        return;
    double delivered = sm_timeline_at(run, sm_run_series(run, 0, "delivered"), to_ns);
    double held = sm_ledger_declared_units(run, to_ns);
    if (isfinite(delivered))
        held -= fmax((double)ledger->delivered - delivered, 0);
    if (held < 1)
        return;
    ledger->in_flight = held < (double)missing ? (int64_t)held : missing;
    ledger->is_held_at_stop = 1;
}

static void explain(const struct sm_run *run, struct sm_ledger *ledger) {
    if (ledger->offered < 0) {
        add_note(ledger, "no load was driven");
        return;
    }
    if (ledger->delivered < 0)
        add_note(ledger, "delivered units are not counted (the scenario names no `delivered`)");
    if (ledger->dropped < 0)
        add_note(ledger, "the program reports no drops (the scenario names no `dropped`)");
    if (ledger->in_flight < 0 && run->complete)
        add_note(ledger, "units still in flight at the end are not known");
    if (ledger->is_held_at_stop)
        add_note(ledger,
                 "what is in flight was in the program when it was stopped, as it declared");
    if (ledger->unaccounted < 0 && ledger->is_unaccounted_known)
        add_note(ledger, "more arrived than was accepted: unanswered or refused units got through");
    if (ledger->unbalanced != 0)
        add_note(ledger, "the load driver's own counts do not add up");
}

/* The ways of measuring what is in flight that the run has, at their peaks, side by side. */
static void compare_in_flight(const struct sm_run *run, struct sm_ledger *ledger) {
    static const struct {
        const char *series, *words;
    } ways[] = {{"in_flight:sockets", "in the kernel's sockets"},
                {"in_flight:read-written", "read from sockets and not written to files"},
                {"in_flight:declared", "declared by the program"},
                {"in_flight:driver", "unanswered at the driver"}};
    int64_t from_ns, to_ns;
    size_t used = 0;
    if (!sm_timeline_range(run, &from_ns, &to_ns))
        return;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char text[SM_UNIT_TEXT_BYTES];
        const struct sm_series *series = sm_run_series(run, 0, ways[i].series);
        double peak = sm_timeline_peak(run, series, from_ns, to_ns);
        if (!series || !isfinite(peak))
            continue;
        int n =
            snprintf(ledger->in_flight_note + used, sizeof ledger->in_flight_note - used, "%s%s %s",
                     used ? ", " : "", sm_unit_format(series->unit, peak, text), ways[i].words);
        if (n < 0 || (size_t)n >= sizeof ledger->in_flight_note - used)
            return;
        used += (size_t)n;
    }
}

void sm_ledger_make(const struct sm_run *run, struct sm_ledger *ret_ledger) {
    const struct sm_ledger_totals *totals = &run->ledger;
    struct sm_ledger ledger = {
        .offered = total_or_last(run, totals->offered, "offered"),
        .accepted = total_or_last(run, totals->accepted, "accepted"),
        .refused = total_or_last(run, totals->refused, "refused"),
        .unanswered = total_or_last(run, totals->unanswered, "unanswered"),
        .delivered = total_or_last(run, totals->delivered, "delivered"),
        .dropped = total_or_last(run, totals->dropped, "dropped"),
        .in_flight = totals->in_flight,
        .unit_bytes = fmax(totals->unit_bytes, 0),
    };
    if (ledger.offered >= 0 && ledger.accepted >= 0 && ledger.refused >= 0 &&
        ledger.unanswered >= 0 && totals->offered >= 0)
        ledger.unbalanced = ledger.offered - ledger.accepted - ledger.refused - ledger.unanswered;
    /* A program that names no drop counter has reported none. */
    if (ledger.accepted >= 0 && ledger.delivered >= 0 && ledger.in_flight >= 0) {
        ledger.is_unaccounted_known = 1;
        add_held(run, &ledger);
        ledger.unaccounted = ledger.accepted - ledger.delivered -
                             (ledger.dropped > 0 ? ledger.dropped : 0) - ledger.in_flight;
    }
    explain(run, &ledger);
    compare_in_flight(run, &ledger);
    *ret_ledger = ledger;
}

void sm_ledger_rows(const struct sm_ledger *ledger, struct sm_ledger_row ret_rows[SM_LEDGER_ROWS]) {
    const struct sm_ledger_row rows[SM_LEDGER_ROWS] = {
        {"offered", ledger->offered, ledger->offered >= 0},
        {"accepted", ledger->accepted, ledger->accepted >= 0},
        {"refused", ledger->refused, ledger->refused >= 0},
        {"unanswered", ledger->unanswered, ledger->unanswered >= 0},
        {"delivered", ledger->delivered, ledger->delivered >= 0},
        {"dropped", ledger->dropped, ledger->dropped >= 0},
        {"in_flight", ledger->in_flight, ledger->in_flight >= 0},
        {"unaccounted", ledger->unaccounted, ledger->is_unaccounted_known}};
    memcpy(ret_rows, rows, sizeof rows);
}
