#include "figures.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "json_values.h"
#include "loads.h"
#include "run_verdict.h"

static const struct {
    const char *name;
    enum sm_unit unit;
} kinds[] = {
#define X(id, name, unit) {name, SM_UNIT_##unit},
    SM_FIGURES_TABLE(X)
#undef X
};

/* ---- figures of a run ---- */

static double level(const struct sm_analysis *analysis, const char *series, int is_peak) {
    const struct sm_series_result *result = sm_analysis_series(analysis, 0, series);
    return !result ? NAN : is_peak ? result->peak : result->end;
}

/* Dropped, refused, unanswered or lost, of what was offered. */
static double undelivered(const struct sm_ledger *ledger) {
    if (ledger->offered < 0 || ledger->delivered < 0)
        return NAN;
    return fmax(0, (double)(ledger->offered - ledger->delivered));
}

static int agree(struct sm_figures *figures, const char *scenario, const char *params,
                 const char *where, struct sm_error *err) {
    if (figures->count == SM_FIGURES_RUNS)
        return sm_error_set(err, -E2BIG, where, "leave some out", "more than %d runs",
                            SM_FIGURES_RUNS);
    if (figures->count == 0) {
        snprintf(figures->scenario, sizeof figures->scenario, "%s", scenario);
        snprintf(figures->params, sizeof figures->params, "%s", params);
        return 0;
    }
    if (strcmp(figures->scenario, scenario) != 0 || strcmp(figures->params, params) != 0)
        return sm_error_set(err, -EINVAL, where, "compare runs of the same scenario and parameters",
                            "is a run of %.60s with %.100s, the others are of %.60s with %.100s",
                            scenario, params, figures->scenario, figures->params);
    return 0;
}

/* Parameters in one spelling, whatever the order in which they were written. */
static char *plain_params(const char *params) {
    json_t *object = sm_json_stored(params);
    char *text = json_dumps(object, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(object);
    return text;
}

int sm_figures_add(struct sm_figures *figures, const struct sm_run *run,
                   const struct sm_analysis *analysis, struct sm_error *err) {
    const char *by = sm_run_meta(run, SM_META_ENDED_BY);
    if (!run->complete || (strcmp(by, "schedule") != 0 && strcmp(by, "sure") != 0))
        return sm_error_set(err, -ENODATA, run->path, "run it again",
                            "did not run to its end, so its figures compare with nothing");
    char *params = plain_params(sm_run_meta(run, SM_META_PARAMS));
    if (!params)
        return sm_error_set(err, -ENOMEM, run->path, NULL, "out of memory");
    /* A program without a scenario is told apart by its name. */
    char scenario[sizeof figures->scenario];
    const char *name = sm_run_meta(run, SM_META_SCENARIO);
    int is_probe = strcmp(name, "probe") == 0;
    snprintf(scenario, sizeof scenario, "%s%s%s", name, is_probe ? " " : "",
             is_probe ? sm_run_meta(run, SM_META_TITLE) : "");
    int rc = agree(figures, scenario, params, run->path, err);
    free(params);
    if (rc)
        return rc;
    const double values[] = {
        [SM_FIGURE_HEAP_PEAK] = level(analysis, "heap", 1),
        [SM_FIGURE_HEAP_END] = level(analysis, "heap", 0),
        [SM_FIGURE_RSS_PEAK] = level(analysis, "rss", 1),
        [SM_FIGURE_FDS_PEAK] = level(analysis, "fds", 1),
        [SM_FIGURE_LATENCY_P99] = sm_loads_worst_latency_p99_s(run),
        [SM_FIGURE_UNDELIVERED] = undelivered(&analysis->ledger),
    };
    for (int i = 0; i < SM_FIGURE_COUNT; i++)
        figures->values[i][figures->count] = values[i];
    figures->count++;
    return 0;
}

/* ---- files ---- */

int sm_figures_write(const struct sm_figures *figures, FILE *to, struct sm_error *err) {
    json_t *all = json_object();
    for (int i = 0; i < SM_FIGURE_COUNT; i++) {
        json_t *values = json_array();
        for (size_t run = 0; run < figures->count; run++)
            json_array_append_new(values, sm_json_number(figures->values[i][run]));
        json_object_set_new(all, kinds[i].name, values);
    }
    json_t *file = json_pack("{si so so so}", "spillmark_baseline", 1, "scenario",
                             sm_json_text(figures->scenario), "params",
                             sm_json_stored(figures->params), "figures", all);
    char *text = file ? json_dumps(file, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(file);
    if (!text)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    /* A figure a line, so that changes read well. */
    for (const char *c = text; *c; c++) {
        fputc(*c, to);
        if ((*c == ',' && (c[-1] == ']' || c[-1] == '}')) || (*c == '{' && c > text))
            fputs("\n  ", to);
    }
    fputc('\n', to);
    free(text);
    return 0;
}

static int not_a_baseline(const char *path, struct sm_error *err) {
    return sm_error_set(err, -EINVAL, path, "write one with spillmark gate RUN... --save-baseline",
                        "is no baseline");
}

static int take_figures(struct sm_figures *figures, const json_t *all, size_t runs,
                        const char *path, struct sm_error *err) {
    if (runs > SM_FIGURES_RUNS - figures->count)
        return sm_error_set(err, -E2BIG, path, "leave some out", "more than %d runs",
                            SM_FIGURES_RUNS);
    for (int i = 0; i < SM_FIGURE_COUNT; i++) {
        const json_t *values = json_object_get(all, kinds[i].name);
        for (size_t run = 0; run < runs; run++) {
            const json_t *value = json_array_get(values, run); /* NULL in files of others */
            figures->values[i][figures->count + run] =
                json_is_number(value) ? json_number_value(value) : NAN;
        }
    }
    figures->count += runs;
    return 0;
}

int sm_figures_read(struct sm_figures *figures, const char *path, struct sm_error *err) {
    json_error_t error;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    const json_t *all = json_object_get(file, "figures"), *values;
    const char *scenario = json_string_value(json_object_get(file, "scenario")), *key;
    int rc = 0;
    size_t runs = 0;
    json_object_foreach((json_t *)all, key, values) {
        runs = json_array_size(values) > runs ? json_array_size(values) : runs;
    }
    if (json_integer_value(json_object_get(file, "spillmark_baseline")) != 1 || !scenario ||
        runs == 0)
        rc = not_a_baseline(path, err);
    char *params =
        rc ? NULL : json_dumps(json_object_get(file, "params"), JSON_SORT_KEYS | JSON_COMPACT);
    if (rc == 0)
        rc = params ? agree(figures, scenario, params, path, err) : not_a_baseline(path, err);
    if (rc == 0)
        rc = take_figures(figures, all, runs, path, err);
    free(params);
    json_decref(file);
    return rc;
}

/* ---- the comparison ---- */

static int is_known(const double *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            return 1;
    return 0;
}

/* Of things that come in ones, one more is always allowed when any more is. */
static struct sm_baseline_verdict compare(const struct sm_figures *before,
                                          const struct sm_figures *now, int figure,
                                          double tolerance) {
    struct sm_baseline_verdict verdict;
    int comes_in_ones = kinds[figure].unit == SM_UNIT_COUNT && tolerance > 0;
    const struct sm_baseline_ask ask = {.before = before->values[figure],
                                        .before_count = before->count,
                                        .now = now->values[figure],
                                        .now_count = now->count,
                                        .tolerance = tolerance,
                                        .least = comes_in_ones ? 1.5 : 0};
    sm_baseline_judge(&ask, &verdict);
    return verdict;
}

/* That it may be much better than before leaves no doubt that it is not worse. */
static enum sm_holds holds_of(const struct sm_baseline_verdict *verdict) {
    return verdict->kind == SM_BASELINE_WORSE    ? SM_HOLDS_NO
           : verdict->kind != SM_BASELINE_UNSURE ? SM_HOLDS_YES
           : verdict->high <= verdict->matters   ? SM_HOLDS_YES
                                                 : SM_HOLDS_UNKNOWN;
}

static void say_signed(char *buffer, size_t buffer_bytes, enum sm_unit unit, double value) {
    snprintf(buffer, buffer_bytes, "%s%s", value < 0 ? "-" : "+", SM_UNIT_TEXT(unit, fabs(value)));
}

static void say(struct sm_figure_line *out, const struct sm_baseline_verdict *verdict,
                size_t before_runs, size_t now_runs) {
    enum sm_unit unit = out->line.unit;
    char change[40], low[40], high[40];
    say_signed(change, sizeof change, unit, verdict->change);
    say_signed(low, sizeof low, unit, verdict->low);
    say_signed(high, sizeof high, unit, verdict->high);
    int used = snprintf(out->line.why, sizeof out->line.why,
                        "%s in %zu run%s, %s in %zu of the baseline: %s",
                        SM_UNIT_TEXT(unit, verdict->now), now_runs, now_runs == 1 ? "" : "s",
                        SM_UNIT_TEXT(unit, verdict->before), before_runs, change);
    char *rest = out->line.why + used;
    size_t room = sizeof out->line.why - (size_t)used;
    if (!isfinite(verdict->high)) {
        snprintf(rest, room, ", and one run does not tell the noise; about %zu would",
                 verdict->runs_needed);
        return;
    }
    used = snprintf(rest, room, " (99 %% sure of %s to %s; %s matters)", low, high,
                    SM_UNIT_TEXT(unit, verdict->matters));
    if (out->line.holds == SM_HOLDS_UNKNOWN && verdict->runs_needed)
        snprintf(rest + used, room - (size_t)used,
                 "; about %zu runs in the baseline would settle it", verdict->runs_needed);
    else if (out->line.holds == SM_HOLDS_UNKNOWN)
        snprintf(rest + used, room - (size_t)used,
                 "; runs differ too much: look at another figure, or allow more");
}

/* RSS is noisier than the heap: it stands in where nothing sees the heap. */
static unsigned usual_figures(const struct sm_figures *now) {
    unsigned heap = 1u << SM_FIGURE_HEAP_PEAK | 1u << SM_FIGURE_HEAP_END;
    int sees_heap = is_known(now->values[SM_FIGURE_HEAP_PEAK], now->count);
    return (sees_heap ? heap : 1u << SM_FIGURE_RSS_PEAK) | 1u << SM_FIGURE_FDS_PEAK;
}

int sm_figures_find(const char *name) {
    for (int i = 0; i < SM_FIGURE_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return i;
    return -1;
}

char *sm_figures_names(char *buffer, size_t buffer_bytes) {
    size_t used = 0;
    buffer[0] = '\0';
    for (int i = 0; i < SM_FIGURE_COUNT && used < buffer_bytes; i++)
        used += (size_t)snprintf(buffer + used, buffer_bytes - used, "%s%s", i ? ", " : "",
                                 kinds[i].name);
    return buffer;
}

void sm_figures_judge(const struct sm_figures *before, const struct sm_figures *now,
                      unsigned wanted, double tolerance, struct sm_figure_lines *ret_lines) {
    ret_lines->count = 0;
    wanted = wanted ? wanted : usual_figures(now);
    for (int i = 0; i < SM_FIGURE_COUNT; i++) {
        if (!(wanted & 1u << i) || !is_known(before->values[i], before->count) ||
            !is_known(now->values[i], now->count))
            continue;
        struct sm_figure_line *out = &ret_lines->lines[ret_lines->count++];
        struct sm_baseline_verdict verdict = compare(before, now, i, tolerance);
        *out = (struct sm_figure_line){.item.value = verdict.before + verdict.matters};
        snprintf(out->name, sizeof out->name, "%s:baseline", kinds[i].name);
        sm_unit_format(kinds[i].unit, out->item.value, out->limit);
        out->line.unit = kinds[i].unit;
        out->line.actual = verdict.now;
        out->line.margin = out->item.value - verdict.now;
        out->line.holds = holds_of(&verdict);
        say(out, &verdict, before->count, now->count);
    }
}

int sm_figures_apply(struct sm_figure_lines *lines, const struct sm_run *run,
                     struct sm_analysis *analysis) {
    struct sm_budget_line *more =
        realloc(analysis->budget, (analysis->budget_count + lines->count + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    analysis->budget = more;
    for (size_t i = 0; i < lines->count; i++) {
        struct sm_figure_line *line = &lines->lines[i];
        line->item.name = line->name;
        line->item.limit = line->limit;
        line->line.item = &line->item;
        more[analysis->budget_count++] = line->line;
    }
    sm_run_verdict_decide(run, analysis);
    return 0;
}
