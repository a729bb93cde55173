/* The rules, in order:
 *
 * fail          a budget line is broken; or the live heap or the descriptors grow, or RSS where
 *               nothing better is seen or what the program maps itself grows with it, or most of
 *               its rise is neither heap nor slack; or the memory of one process does and the
 *               whole is inconclusive; or a cause that is not a note was found (units lost, a
 *               declared bound exceeded)
 * broken        nothing failed, but the target, a service or this machine ended the run
 * inconclusive  a budget line could not be judged; without a budget, the heap or the descriptors
 *               could not; RSS could not where the heap could, most of its rise is neither heap nor
 *               slack, and no limit asks for it; not one unit of the load was answered; a fault had
 *               no effect; the record was cut short or the run interrupted; nothing was measured
 *               and there is no budget, whose lines say so themselves
 * pass          otherwise
 *
 * RSS above a bounded heap that is slack is shown as such and is no leak by itself. */
#include "run_verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "loads.h"
#include "memory.h"
#include "stacks.h"
#include "timeline.h"

__attribute__((format(printf, 2, 3))) static void say(struct sm_analysis *analysis,
                                                      const char *format, ...) {
    size_t used = strlen(analysis->why);
    va_list args;
    if (used && used + 1 < sizeof analysis->why)
        analysis->why[used++] = ' ';
    va_start(args, format);
    vsnprintf(analysis->why + used, sizeof analysis->why - used, format, args);
    va_end(args);
}

static int is_kind(const struct sm_analysis *analysis, const char *name,
                   enum sm_verdict_kind kind) {
    const struct sm_series_result *result = sm_analysis_series(analysis, 0, name);
    return result && result->is_judged && result->verdict.kind == kind;
}

static int is_judged(const struct sm_analysis *analysis, const char *name) {
    const struct sm_series_result *result = sm_analysis_series(analysis, 0, name);
    return result && result->is_judged;
}

/* What grows is memory that the program mapped, as far as the allocator's account tells. */
static int is_beyond_heap(const struct sm_analysis *analysis) {
    return sm_memory_rises_beyond_heap(&analysis->late_rise, SM_BEYOND_HEAP_LEAST_BYTES);
}

/* A process that grows while the others keep the whole from being called either. */
static const struct sm_series_result *growing_process(const struct sm_analysis *analysis) {
    const char *memory = is_judged(analysis, "heap") ? "heap" : "rss";
    for (size_t i = 0;
         is_kind(analysis, memory, SM_VERDICT_INCONCLUSIVE) && i < analysis->series_count; i++)
        if (analysis->series[i].series->process_id != 0 &&
            strcmp(analysis->series[i].series->name, memory) == 0 &&
            sm_series_is_growing(&analysis->series[i]))
            return &analysis->series[i];
    return NULL;
}

/* The series that makes the run fail by growing; NULL when none does. */
static const struct sm_series_result *growing(const struct sm_analysis *analysis) {
    static const char *const always[] = {"heap", "fds"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (is_kind(analysis, always[i], SM_VERDICT_GROWING))
            return sm_analysis_series(analysis, 0, always[i]);
    for (size_t i = 0; i < analysis->series_count; i++)
        if (analysis->series[i].series->process_id == 0 &&
            strncmp(analysis->series[i].series->name, "fds:", 4) == 0 &&
            sm_series_is_growing(&analysis->series[i]))
            return &analysis->series[i];
    if (is_kind(analysis, "rss", SM_VERDICT_GROWING) &&
        (!is_judged(analysis, "heap") || is_kind(analysis, "mapped", SM_VERDICT_GROWING) ||
         is_beyond_heap(analysis)))
        return sm_analysis_series(analysis, 0, "rss");
    return growing_process(analysis);
}

static const struct sm_budget_line *line_that(const struct sm_analysis *analysis,
                                              enum sm_holds holds) {
    for (size_t i = 0; i < analysis->budget_count; i++)
        if (analysis->budget[i].holds == holds)
            return &analysis->budget[i];
    return NULL;
}

static size_t count_lines(const struct sm_analysis *analysis, enum sm_holds holds) {
    size_t count = 0;
    for (size_t i = 0; i < analysis->budget_count; i++)
        count += analysis->budget[i].holds == holds;
    return count;
}

static const struct sm_cause *gravest(const struct sm_analysis *analysis) {
    return analysis->cause_count && !analysis->causes[0].is_note ? &analysis->causes[0] : NULL;
}

/* Causes that fail a run by themselves; the others explain a series that grows. */
static const struct sm_cause *failing_cause(const struct sm_analysis *analysis) {
    for (size_t i = 0; i < analysis->cause_count; i++)
        if (analysis->causes[i].kind == SM_CAUSE_SILENT_LOSS ||
            analysis->causes[i].kind == SM_CAUSE_DECLARED_BOUND_EXCEEDED)
            return &analysis->causes[i];
    return NULL;
}

static const struct sm_fault *idle_fault(const struct sm_run *run) {
    for (size_t i = 0; i < run->faults_count; i++)
        if (run->faults[i].calls == 0 && run->faults[i].bytes == 0 && run->faults[i].delay_s == 0)
            return &run->faults[i];
    return NULL;
}

static const char *title_of(const char *series) {
    static const struct {
        const char *name, *title;
    } titles[] = {
#define X(id, name, unit, title) {name, title},
        SM_SERIES_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strcmp(titles[i].name, series) == 0)
            return titles[i].title;
    return series;
}

/* "is" or "are", as the title wants it. */
static const char *be(const char *title) {
    return title[strlen(title) - 1] == 's' ? "are" : "is";
}

static void say_growth(struct sm_analysis *analysis, const struct sm_series_result *result) {
    enum sm_unit unit = result->series->unit, rate = sm_unit_per_second(unit);
    const char *title = title_of(result->series->name);
    say(analysis, "The %s%s %s growing: by %s (99 %% sure of %s to %s), from %s to a peak of %s.",
        title, result->series->process_id ? " of one process" : "", be(title),
        SM_UNIT_TEXT(rate, result->rate_per_s.value), SM_UNIT_TEXT(rate, result->rate_per_s.low),
        SM_UNIT_TEXT(rate, result->rate_per_s.high), SM_UNIT_TEXT(unit, result->start),
        SM_UNIT_TEXT(unit, result->peak));
    say(analysis, "What decided it: %s.", result->verdict.why);
}

/* Of the target's own process: the last one, where it was started several times. */
static const char *last_exit(const struct sm_run *run) {
    const char *exit = "";
    for (size_t i = 0; i < run->processes_count; i++)
        if (run->processes[i].parent_pid == run->processes[0].parent_pid)
            exit = run->processes[i].exit;
    return exit;
}

/* What held most when the target ended. */
static const struct sm_site_result *largest_at_end(const struct sm_analysis *analysis) {
    const struct sm_site_result *largest = NULL;
    for (size_t i = 0; i < analysis->site_count; i++) {
        const struct sm_site_result *site = &analysis->sites[i];
        if (site->kind == SM_SITE_HEAP && site->held_bytes > (largest ? largest->held_bytes : 0))
            largest = site;
    }
    return largest;
}

/* Of a target that ended by itself: how, what it held, and what it left unanswered. */
static void say_end(const struct sm_run *run, struct sm_analysis *analysis, const char *how) {
    const struct sm_series_result *heap = sm_analysis_series(analysis, 0, "heap");
    const struct sm_site_result *site = largest_at_end(analysis);
    const char *lost = sm_run_meta(run, SM_META_LOST_UNITS);
    char stack[160];
    int64_t from_ns = 0, to_ns = 0;
    sm_timeline_range(run, &from_ns, &to_ns);
    say(analysis, "The target ended after %s, before the schedule did%s%s.",
        SM_UNIT_TEXT(SM_UNIT_SECONDS, sm_timeline_seconds(to_ns - from_ns)), how[0] ? ": " : "",
        how);
    if (heap && isfinite(heap->end))
        say(analysis, "It held %s of live heap.", SM_UNIT_TEXT(SM_UNIT_BYTES, heap->end));
    if (site && site->held_bytes > 0)
        say(analysis, "Most of it, %s in %.0f objects, was allocated by %s.",
            SM_UNIT_TEXT(SM_UNIT_BYTES, site->held_bytes), site->held_count,
            sm_stack_text(run, site->stack_id, stack, sizeof stack));
    if (lost[0])
        say(analysis, "Sent and not answered: %s.", lost);
}

static int decide_failure(const struct sm_run *run, struct sm_analysis *analysis) {
    const struct sm_series_result *result = growing(analysis);
    const struct sm_budget_line *broken = line_that(analysis, SM_HOLDS_NO);
    const struct sm_cause *cause = failing_cause(analysis), *first = gravest(analysis);
    if (!result && !broken && !cause)
        return 0;
    analysis->verdict = SM_RUN_FAIL;
    analysis->exit_status = SM_STATUS_FAILED;
    if (sm_run_ended_by_target(run))
        say_end(run, analysis, last_exit(run));
    if (result)
        say_growth(analysis, result);
    if (first)
        say(analysis, "%s", first->text);
    if (cause && cause != first)
        say(analysis, "%s", cause->text);
    for (size_t i = 0; i < analysis->budget_count; i++)
        if (analysis->budget[i].holds == SM_HOLDS_NO && !analysis->budget[i].item->is_bounded)
            say(analysis, "The budget line %s is broken: %s.", analysis->budget[i].item->name,
                analysis->budget[i].why);
        else if (analysis->budget[i].holds == SM_HOLDS_NO && !result)
            say(analysis, "%s is to be bounded and is %s.", analysis->budget[i].item->name,
                analysis->budget[i].why);
    return 1;
}

static int decide_broken(const struct sm_run *run, struct sm_analysis *analysis) {
    const char *by = sm_run_meta(run, SM_META_ENDED_BY);
    int target = strcmp(by, "target") == 0;
    if (!target && strcmp(by, "service") != 0 && strcmp(by, "error") != 0 &&
        strcmp(by, "record") != 0)
        return 0;
    analysis->verdict = SM_RUN_INCONCLUSIVE;
    analysis->exit_status = SM_STATUS_BROKEN;
    if (target) {
        const char *how = last_exit(run);
        if (strcmp(sm_run_meta(run, SM_META_SCENARIO), "probe") == 0)
            say(analysis, "The command failed%s%s.", how[0] ? ": " : "", how);
        else
            say_end(run, analysis, how);
        say(analysis, "So nothing is settled; what it did until then is below.");
    } else {
        say(analysis, "The run was ended by a failure of this machine or of a service, not of the "
                      "target, so nothing is settled; the events say which.");
    }
    return 1;
}

static int doubt(struct sm_analysis *analysis) {
    analysis->verdict = SM_RUN_INCONCLUSIVE;
    analysis->exit_status = SM_STATUS_INCONCLUSIVE;
    return 1;
}

/* Without a budget the heap (or RSS) and the descriptors are what is asked. */
static const struct sm_series_result *open_question(const struct sm_analysis *analysis) {
    const char *names[] = {is_judged(analysis, "heap") ? "heap" : "rss", "fds"};
    for (size_t i = 0; analysis->budget_count == 0 && i < 2; i++)
        if (is_kind(analysis, names[i], SM_VERDICT_INCONCLUSIVE))
            return sm_analysis_series(analysis, 0, names[i]);
    for (size_t i = 0; i < analysis->budget_count; i++)
        if (strncmp(analysis->budget[i].item->name, "rss", 3) == 0)
            return NULL;
    if (is_kind(analysis, "heap", SM_VERDICT_BOUNDED) &&
        is_kind(analysis, "rss", SM_VERDICT_INCONCLUSIVE) && is_beyond_heap(analysis))
        return sm_analysis_series(analysis, 0, "rss");
    return NULL;
}

/* The outcome that most units had. */
static const char *usual_outcome(const struct sm_run *run) {
    const struct sm_load_outcome *most = NULL;
    for (size_t i = 0; i < run->load_outcomes_count; i++)
        if (!most || run->load_outcomes[i].count > most->count)
            most = &run->load_outcomes[i];
    return most ? most->outcome : "no answer";
}

static void say_open_line(struct sm_analysis *analysis, const struct sm_budget_line *line) {
    size_t more = count_lines(analysis, SM_HOLDS_UNKNOWN) - 1;
    say(analysis, "This run cannot settle the budget line %s: %s.", line->item->name, line->why);
    if (more)
        say(analysis, "%zu more line%s could not be judged.", more, more == 1 ? "" : "s");
    const struct sm_cause *cause = gravest(analysis);
    if (cause)
        say(analysis, "What was seen: %s", cause->text);
}

/* A program that was watched as it was, by probe or attach. */
static int is_without_scenario(const struct sm_run *run) {
    const char *scenario = sm_run_meta(run, SM_META_SCENARIO);
    return strcmp(scenario, "probe") == 0 || strcmp(scenario, "attach") == 0;
}

/* How much of what is needed is said: what to write into a scenario only where there is one. */
static int length_of_needs(const struct sm_run *run, const char *needs) {
    const char *line = strstr(needs, ": phase {");
    return (int)(is_without_scenario(run) && line ? line - needs : (ptrdiff_t)strlen(needs));
}

static void say_open_question(const struct sm_run *run, struct sm_analysis *analysis,
                              const struct sm_series_result *open) {
    const char *title = title_of(open->series->name);
    say(analysis, "Whether the %s %s bounded this run cannot settle: %s.", title, be(title),
        open->verdict.why);
    if (strcmp(open->series->name, "rss") == 0 && is_judged(analysis, "heap"))
        say(analysis,
            "Private memory rose by %s in the later half of the load, most of it beside the heap "
            "of malloc: the program mapped it itself, or its language's runtime did.",
            SM_UNIT_TEXT(SM_UNIT_BYTES, analysis->late_rise.resident));
    if (open->verdict.needs[0])
        say(analysis, "Needed: %.*s", length_of_needs(run, open->verdict.needs),
            open->verdict.needs);
}

static int decide_doubt(const struct sm_run *run, struct sm_analysis *analysis) {
    const struct sm_budget_line *line = line_that(analysis, SM_HOLDS_UNKNOWN);
    const struct sm_fault *fault = idle_fault(run);
    const struct sm_series_result *open = open_question(analysis);
    if (strcmp(sm_run_meta(run, SM_META_ENDED_BY), SM_ENDED_BY_SNAPSHOT) == 0) {
        say(analysis,
            "This is what the probe alone tells of one moment: what is held, by which stacks. "
            "Whether it grows takes a record of some time: spillmark probe -- COMMAND makes one, "
            "spillmark attach PID of a program that runs.");
        return doubt(analysis);
    }
    if (!analysis->trace && analysis->budget_count == 0) {
        say(analysis, "Nothing was measured: the record holds no samples of memory or descriptors "
                      "within a phase. Did the program end at once?");
        return doubt(analysis);
    }
    if (!run->complete) {
        say(analysis, "The record was cut short (its writer was killed), so it proves no bound. Up "
                      "to then nothing was found growing.");
        return doubt(analysis);
    }
    if (strcmp(sm_run_meta(run, SM_META_ENDED_BY), "interrupt") == 0) {
        say(analysis,
            "The run was interrupted, so it proves no bound. Up to then nothing was found "
            "growing.");
        return doubt(analysis);
    }
    if (fault) {
        say(analysis,
            "The fault %s had no effect: its receipt shows not one call, byte or delay%s%s%s, so "
            "the run did not test what it was to test.",
            fault->kind, fault->note[0] ? " (" : "", fault->note, fault->note[0] ? ")" : "");
        return doubt(analysis);
    }
    if (analysis->ledger.offered > 0 && analysis->ledger.unanswered == analysis->ledger.offered) {
        say(analysis,
            "Not one of the %lld units of the load was answered (%s), so the program was not under "
            "it. Does the load go where the program listens?",
            (long long)analysis->ledger.offered, usual_outcome(run));
        return doubt(analysis);
    }
    if (line) {
        say_open_line(analysis, line);
        return doubt(analysis);
    }
    if (open) {
        const struct sm_cause *cause = gravest(analysis);
        say_open_question(run, analysis, open);
        if (cause)
            say(analysis, "What was seen: %s", cause->text);
        return doubt(analysis);
    }
    return 0;
}

static void say_bounded(struct sm_analysis *analysis, const char *name) {
    const struct sm_series_result *result = sm_analysis_series(analysis, 0, name);
    const char *title = title_of(name);
    if (result && result->is_judged && result->verdict.kind == SM_VERDICT_BOUNDED)
        say(analysis, "The %s %s bounded, with a peak of %s and %s at the end: %s.", title,
            be(title), SM_UNIT_TEXT(result->series->unit, result->peak),
            SM_UNIT_TEXT(result->series->unit, result->end), result->verdict.why);
}

static void say_power(struct sm_analysis *analysis) {
    const char *name = is_judged(analysis, "heap") ? "heap" : "rss";
    const struct sm_series_result *result = sm_analysis_series(analysis, 0, name);
    if (result && isfinite(result->least_seen_per_s))
        say(analysis, "Growth of the %s from %s on would have been seen%s.", title_of(name),
            SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, result->least_seen_per_s),
            analysis->control.state == SM_CONTROL_FOUND
                ? ": a trickle kept in the target for real was"
                : "");
}

/* What nobody loads grows seldom. */
static void say_idle(const struct sm_run *run, struct sm_analysis *analysis) {
    static const double least_share = .001;
    const struct sm_series_result *cpu = sm_analysis_series(analysis, 0, "cpu");
    int64_t from_ns = 0, to_ns = 0;
    sm_timeline_range(run, &from_ns, &to_ns);
    double seconds = sm_timeline_seconds(to_ns - from_ns);
    if (is_without_scenario(run) && cpu && cpu->end - cpu->start < least_share * seconds)
        say(analysis,
            "The program used hardly any processor time (%s of %s), so it was hardly under load: "
            "this says little of how it is under one.",
            SM_UNIT_TEXT(SM_UNIT_SECONDS, cpu->end - cpu->start),
            SM_UNIT_TEXT(SM_UNIT_SECONDS, seconds));
}

static void decide_pass(const struct sm_run *run, struct sm_analysis *analysis) {
    analysis->verdict = SM_RUN_PASS;
    analysis->exit_status = SM_STATUS_OK;
    say_bounded(analysis, is_judged(analysis, "heap") ? "heap" : "rss");
    say_power(analysis);
    say_bounded(analysis, "fds");
    if (analysis->budget_count)
        say(analysis, "%s of the budget hold%s.",
            analysis->budget_count == 1 ? "The one line" : "All lines",
            analysis->budget_count == 1 ? "s" : "");
    if (analysis->ledger.is_unaccounted_known && analysis->ledger.unaccounted <= 0)
        say(analysis, "Every accepted unit is accounted for.");
    say_idle(run, analysis);
    for (size_t i = 0; i < analysis->cause_count; i++)
        if (analysis->causes[i].kind == SM_CAUSE_BOUNDED_BY_DISCARDING)
            say(analysis, "%s", analysis->causes[i].text);
}

/* Last, whatever the verdict: what the target is charged with above may be the load's own doing. */
static void say_late_load(const struct sm_run *run, struct sm_analysis *analysis) {
    double slip_s;
    const char *load = sm_loads_late(run, &slip_s);
    if (load)
        say(analysis,
            "%s could not keep up with its own schedule: units left up to %s late (p99) while the "
            "target did not hold them up, so rates, latencies and unanswered units say more of the "
            "load than of the target; ask for less, or drive it from more machines or shards.",
            load, SM_UNIT_TEXT(SM_UNIT_SECONDS, slip_s));
}

void sm_run_verdict_decide(const struct sm_run *run, struct sm_analysis *analysis) {
    analysis->why[0] = '\0';
    if (!decide_failure(run, analysis) && !decide_broken(run, analysis) &&
        !decide_doubt(run, analysis))
        decide_pass(run, analysis);
    if (strcmp(sm_run_meta(run, SM_META_ENDED_BY), "sure") == 0)
        say(analysis,
            "The run was ended before its schedule was through, as soon as this was sure: %s.",
            sm_run_meta(run, SM_META_ENDED_WHY));
    say_late_load(run, analysis);
}

const char *sm_run_verdict_name(enum sm_run_verdict verdict) {
    static const char *const names[] = {
        [SM_RUN_PASS] = "pass", [SM_RUN_FAIL] = "fail", [SM_RUN_INCONCLUSIVE] = "inconclusive"};
    return names[verdict];
}
