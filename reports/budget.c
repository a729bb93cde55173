#include "budget.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latency.h"
#include "loads.h"
#include "suggest.h"
#include "timeline.h"

struct context {
    const struct sm_run *run;
    const struct sm_analysis *analysis;
    struct sm_budget_line *line;
};

/* One kind of line. `subject` is a series, a column of the ledger or of latencies. */
struct rule {
    const char *name;
    const char *subject;
    enum sm_unit unit;
    int is_bounded; /* the limit must be "bounded", or the growth that matters */
    void (*judge)(const struct context *context, const struct rule *rule);
};

static void judge_bounded(const struct context *context, const struct rule *rule);
static void judge_peak(const struct context *context, const struct rule *rule);
static void judge_ledger(const struct context *context, const struct rule *rule);
static void judge_latency(const struct context *context, const struct rule *rule);

static const struct rule rules[] = {
    {"heap", "heap", SM_UNIT_BYTES, 1, judge_bounded},
    {"rss", "rss", SM_UNIT_BYTES, 1, judge_bounded},
    {"slack", "slack", SM_UNIT_BYTES, 1, judge_bounded},
    {"fds", "fds", SM_UNIT_COUNT, 1, judge_bounded},
    {"heap_peak", "heap", SM_UNIT_BYTES, 0, judge_peak},
    {"rss_peak", "rss", SM_UNIT_BYTES, 0, judge_peak},
    {"fds_peak", "fds", SM_UNIT_COUNT, 0, judge_peak},
    {"unaccounted", "unaccounted", SM_UNIT_COUNT, 0, judge_ledger},
    {"dropped", "dropped", SM_UNIT_COUNT, 0, judge_ledger},
    {"refused", "refused", SM_UNIT_COUNT, 0, judge_ledger},
    {"unanswered", "unanswered", SM_UNIT_COUNT, 0, judge_ledger},
    {"latency_p50", "p50", SM_UNIT_SECONDS, 0, judge_latency},
    {"latency_p90", "p90", SM_UNIT_SECONDS, 0, judge_latency},
    {"latency_p99", "p99", SM_UNIT_SECONDS, 0, judge_latency},
    {"latency_max", "max", SM_UNIT_SECONDS, 0, judge_latency},
};
enum { RULES = sizeof rules / sizeof *rules };

static const char GAUGE[] = "gauge:";

static int is_gauge(const char *name) {
    return strncmp(name, GAUGE, sizeof GAUGE - 1) == 0 && name[sizeof GAUGE - 1];
}

/* As the harness reads gauges: bytes when the name says so. */
static enum sm_unit gauge_unit(const char *name) {
    static const char bytes[] = "_bytes";
    size_t length = strlen(name), end = sizeof bytes - 1;
    return length > end && strcmp(name + length - end, bytes) == 0 ? SM_UNIT_BYTES : SM_UNIT_NONE;
}

static const struct rule *find_rule(const char *name) {
    for (size_t i = 0; i < RULES; i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

static int refuse_name(const char *name, struct sm_error *err) {
    const char *names[RULES + 1];
    char todo[128];
    for (size_t i = 0; i < RULES; i++)
        names[i] = rules[i].name;
    names[RULES] = "gauge:NAME";
    const char *near = sm_suggest(name, names, RULES + 1);
    snprintf(todo, sizeof todo, "did you mean \"%s\"?", near ? near : "");
    return sm_error_set(err, -EINVAL, NULL,
                        near ? todo : "heap, rss, fds, heap_peak, unaccounted, latency_p99, ...",
                        "a budget has no line \"%s\"", name);
}

static int fill_item(const char *name, const char *limit, int is_bounded, double value,
                     struct sm_budget_item *out, struct sm_error *err) {
    struct sm_budget_item item = {strdup(name), strdup(limit), is_bounded, value};
    if (!item.name || !item.limit) {
        sm_budget_item_clear(&item);
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    }
    *out = item;
    return 0;
}

int sm_budget_check_name(const char *name, const char *limit, struct sm_budget_item *out,
                         struct sm_error *err) {
    const struct rule *rule = find_rule(name);
    int wants_bounded = strcmp(limit, "bounded") == 0, gauge = is_gauge(name);
    char todo[160];
    double value = 0;
    if (!rule && !gauge)
        return refuse_name(name, err);
    if (wants_bounded && (gauge || rule->is_bounded))
        return fill_item(name, limit, 1, 0, out, err);
    enum sm_unit unit = gauge ? gauge_unit(name) : rule->unit;
    enum sm_unit growth = sm_unit_per_second(unit);
    if ((gauge || rule->is_bounded) && sm_unit_parse(growth, limit, &value) == 0 && value > 0)
        return fill_item(name, limit, 1, value, out, err);
    if (rule && rule->is_bounded) {
        snprintf(todo, sizeof todo, "write %s = bounded, %s = \"%s\", or %s_peak = \"%s\"", name,
                 name, sm_unit_example(growth), name, sm_unit_example(unit));
        if (strcmp(name, "slack") == 0)
            snprintf(todo, sizeof todo, "write slack = bounded, or slack = \"64KB/s\"");
        return sm_error_set(err, -EINVAL, NULL, todo, "the limit of %s cannot be \"%s\"", name,
                            limit);
    }
    snprintf(todo, sizeof todo, "write %s = \"%s\"", name, sm_unit_example(unit));
    if (sm_unit_parse(unit, limit, &value) < 0)
        return sm_error_set(err, -EINVAL, NULL, todo, "the limit of %s cannot be \"%s\"", name,
                            limit);
    return fill_item(name, limit, 0, value, out, err);
}

void sm_budget_item_clear(struct sm_budget_item *item) {
    free(item->name);
    free(item->limit);
    *item = (struct sm_budget_item){0};
}

__attribute__((format(printf, 3, 4))) static void
settle(struct sm_budget_line *line, enum sm_holds holds, const char *why_format, ...) {
    va_list args;
    va_start(args, why_format);
    vsnprintf(line->why, sizeof line->why, why_format, args);
    va_end(args);
    line->holds = holds;
}

/* Says what was not measured, and for what only a probe sees, why there was none. */
static void not_measured(const struct context *context, const char *subject) {
    const struct sm_run *run = context->run;
    int needs_probe = strcmp(subject, "heap") == 0 || strcmp(subject, "slack") == 0;
    for (size_t i = 0; needs_probe && i < run->processes_count; i++)
        if (strncmp(run->processes[i].probe, "on", 2) != 0 && run->processes[i].probe[0]) {
            settle(context->line, SM_HOLDS_UNKNOWN, "%s was not measured: probe %s", subject,
                   run->processes[i].probe);
            return;
        }
    settle(context->line, SM_HOLDS_UNKNOWN, "%s was not measured", subject);
}

/* ---- lines that must be bounded ---- */

/* Bounded is worth nothing where growth would have looked the same. Says so, or returns 1. */
static int is_power_shown(const struct context *context, const struct rule *rule,
                          const struct sm_series_result *result) {
    const struct sm_control *control = &context->analysis->control;
    char limit[SM_UNIT_TEXT_BYTES];
    enum sm_unit unit = sm_unit_per_second(result->series->unit);
    if (result->is_blind) {
        settle(context->line, SM_HOLDS_UNKNOWN,
               "bounded, but growth of several times %s would have passed for bounded too: %s",
               sm_unit_format(unit, result->resolution_per_s, limit), "doses { \"4s\", \"2s\" }");
        return 0;
    }
    if (strcmp(rule->subject, "heap") == 0 &&
        (control->state == SM_CONTROL_MISSED || control->state == SM_CONTROL_IMPOSSIBLE)) {
        settle(context->line, SM_HOLDS_UNKNOWN, "bounded, but %s", control->text);
        return 0;
    }
    return 1;
}

static void judge_bounded(const struct context *context, const struct rule *rule) {
    struct sm_budget_line *line = context->line;
    const struct sm_series_result *result = sm_analysis_series(context->analysis, 0, rule->subject);
    if (!result && strcmp(rule->subject, "slack") == 0)
        result = sm_analysis_series(context->analysis, 0, "slack_estimate");
    if (!result || !result->is_judged) {
        not_measured(context, rule->subject);
        return;
    }
    line->actual = result->end;
    line->is_settled = result->verdict.may_stop;
    if (!context->run->complete && result->verdict.kind == SM_VERDICT_BOUNDED)
        settle(line, SM_HOLDS_UNKNOWN, "bounded so far, but the record was cut short");
    else if (result->verdict.kind == SM_VERDICT_BOUNDED && !is_power_shown(context, rule, result))
        return;
    else
        settle(line,
               result->verdict.kind == SM_VERDICT_BOUNDED   ? SM_HOLDS_YES
               : result->verdict.kind == SM_VERDICT_GROWING ? SM_HOLDS_NO
                                                            : SM_HOLDS_UNKNOWN,
               "%s: %s%s%s", sm_verdict_name(result->verdict.kind), result->verdict.why,
               result->verdict.needs[0] ? "; " : "", result->verdict.needs);
}

/* ---- lines with a limit ---- */

/* A figure against its limit. An excess is certain at any time; to have stayed below is certain
 * only at the end of a complete run. */
static void compare(const struct context *context, double actual, const char *what) {
    struct sm_budget_line *line = context->line;
    char have[SM_UNIT_TEXT_BYTES], limit[SM_UNIT_TEXT_BYTES];
    line->actual = actual;
    line->margin = line->item->value - actual;
    sm_unit_format(line->unit, actual, have);
    sm_unit_format(line->unit, line->item->value, limit);
    line->is_settled = actual > line->item->value;
    if (actual > line->item->value)
        settle(line, SM_HOLDS_NO, "%s %s, the limit is %s", what, have, limit);
    else if (!context->run->complete)
        settle(line, SM_HOLDS_UNKNOWN, "%s %s so far, but the record was cut short", what, have);
    else
        settle(line, SM_HOLDS_YES, "%s %s, the limit is %s", what, have, limit);
}

/* The same of what only the load has seen: where its driver was late, too much of it is nothing
 * that could be held against the target. */
static void compare_load(const struct context *context, double actual, const char *what) {
    struct sm_budget_line *line = context->line;
    char seen[sizeof line->why];
    double slip_s;
    compare(context, actual, what);
    const char *late = line->holds == SM_HOLDS_NO ? sm_loads_late(context->run, &slip_s) : NULL;
    if (!late)
        return;
    memcpy(seen, line->why, sizeof seen);
    line->is_settled = 0;
    settle(line, SM_HOLDS_UNKNOWN,
           "%.200s; but %.60s itself came late, by %s, so that this says "
           "more of it than of the target",
           seen, late, SM_UNIT_TEXT(SM_UNIT_SECONDS, slip_s));
}

static void judge_peak(const struct context *context, const struct rule *rule) {
    const struct sm_series_result *result = sm_analysis_series(context->analysis, 0, rule->subject);
    if (!result || isnan(result->peak))
        not_measured(context, rule->subject);
    else
        compare(context, result->peak, "the peak was");
}

static void judge_ledger(const struct context *context, const struct rule *rule) {
    const struct sm_ledger *ledger = &context->analysis->ledger;
    /* More delivered than accepted loses nothing. */
    int64_t lost = !ledger->is_unaccounted_known ? -1
                   : ledger->unaccounted > 0     ? ledger->unaccounted
                                                 : 0;
    int64_t value = strcmp(rule->subject, "unaccounted") == 0 ? lost
                    : strcmp(rule->subject, "dropped") == 0   ? ledger->dropped
                    : strcmp(rule->subject, "refused") == 0   ? ledger->refused
                                                              : ledger->unanswered;
    /* What a target that ended left unanswered is not the load's doing, however late that was. */
    if (value < 0)
        settle(context->line, SM_HOLDS_UNKNOWN, "not known: %s",
               ledger->note[0] ? ledger->note : "it was not counted");
    else if (strcmp(rule->subject, "unanswered") == 0 && !sm_run_ended_by_target(context->run))
        compare_load(context, (double)value, "there were");
    else
        compare(context, (double)value, "there were");
    /* What is only late is not lost yet. */
    if (strcmp(rule->subject, "unaccounted") == 0 && !context->run->complete)
        context->line->is_settled = 0;
}

static double quantile_of(const char *subject) {
    return strcmp(subject, "p50") == 0   ? .5
           : strcmp(subject, "p90") == 0 ? .9
           : strcmp(subject, "p99") == 0 ? .99
                                         : 1;
}

/* Over all units of a phase; the worst phase is judged. */
static void judge_latency(const struct context *context, const struct rule *rule) {
    const struct sm_run *run = context->run;
    const struct sm_phase *worst_phase = NULL;
    struct sm_phase_latency worst = {NAN, 1}, now;
    char what[160];
    for (size_t i = 0; i < run->phases_count; i++) {
        if (sm_latency_of_phase(run, &run->phases[i], quantile_of(rule->subject), &now) < 0) {
            settle(context->line, SM_HOLDS_UNKNOWN, "out of memory");
            return;
        }
        if (isnan(now.value_s) || now.value_s <= worst.value_s)
            continue;
        worst = now;
        worst_phase = &run->phases[i];
    }
    if (!worst_phase) {
        settle(context->line, SM_HOLDS_UNKNOWN, "no request was answered");
        return;
    }
    snprintf(what, sizeof what, "in phase \"%.60s\"%s", worst_phase->name,
             worst.is_whole ? "" : ", in its worst interval,");
    compare_load(context, worst.value_s, what);
}

static void judge_gauge(const struct context *context) {
    struct sm_budget_line *line = context->line;
    const struct rule rule = {line->item->name, line->item->name, line->unit, 0, NULL};
    if (!sm_analysis_series(context->analysis, 0, line->item->name))
        settle(line, SM_HOLDS_UNKNOWN, "the program reported no such gauge");
    else if (line->item->is_bounded)
        judge_bounded(context, &rule);
    else
        judge_peak(context, &rule);
}

int sm_budget_judge(const struct sm_run *run, struct sm_analysis *analysis) {
    size_t count = run->budget_items_count;
    if (count == 0)
        return 0;
    struct sm_budget_line *lines = calloc(count, sizeof *lines);
    if (!lines)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct sm_budget_item *item = &run->budget_items[i];
        const struct rule *rule = find_rule(item->name);
        lines[i] = (struct sm_budget_line){.item = item,
                                           .unit = rule ? rule->unit : gauge_unit(item->name),
                                           .actual = NAN,
                                           .margin = NAN,
                                           .holds = SM_HOLDS_UNKNOWN};
        struct context context = {run, analysis, &lines[i]};
        if (rule)
            rule->judge(&context, rule);
        else if (is_gauge(item->name))
            judge_gauge(&context);
        else
            settle(&lines[i], SM_HOLDS_UNKNOWN, "this version knows no such line");
    }
    analysis->budget = lines;
    analysis->budget_count = count;
    return 0;
}
