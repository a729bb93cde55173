/* OpenMetrics 1.0. `openmetrics` has the figures of the run without times, to be pushed or picked
 * up; `openmetrics-history` every sample with its time, to be filled into a database.
 * https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "render.h"
#include "utf8.h"

static void put_value(FILE *to, const char *text) {
    char bytes[SM_UTF8_MAX];
    for (uint32_t c; (c = sm_utf8_next(&text)) != 0;) {
        if (c == '"' || c == '\\')
            fputc('\\', to);
        if (c == '\n')
            fputs("\\n", to);
        else
            fwrite(bytes, 1, sm_utf8_put(c, bytes), to);
    }
}

/* One sample: every one carries the scenario, then pairs of names and values up to a NULL. */
static void print_head(FILE *to, const struct sm_run *run, const char *name,
                       const char *const *labels) {
    fprintf(to, "%s{scenario=\"", name);
    put_value(to, sm_run_meta(run, SM_META_SCENARIO));
    fputc('"', to);
    for (; labels[0]; labels += 2) {
        fprintf(to, ",%s=\"", labels[0]);
        put_value(to, labels[1]);
        fputc('"', to);
    }
    fputs("} ", to);
}

static void print_sample(FILE *to, const struct sm_run *run, const char *name,
                         const char *const *labels, double value) {
    if (!isfinite(value)) /* unknown is left out */
        return;
    print_head(to, run, name, labels);
    fprintf(to, "%.17g\n", value);
}
#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void print_family(FILE *to, const char *name, const char *type, const char *unit,
                         const char *help) {
    fprintf(to, "# TYPE %s %s\n", name, type);
    if (unit)
        fprintf(to, "# UNIT %s %s\n", name, unit);
    fprintf(to, "# HELP %s %s\n", name, help);
}

/* Metrics carry their unit in their name; one family for each. */
static const struct family {
    enum sm_unit unit;
    const char *name, *unit_name, *growth, *growth_unit;
} families[] = {
    {SM_UNIT_BYTES, "spillmark_series_bytes", "bytes", "spillmark_growth_bytes_per_second",
     "bytes_per_second"},
    {SM_UNIT_SECONDS, "spillmark_series_seconds", "seconds", "spillmark_growth_seconds_per_second",
     "seconds_per_second"},
    {SM_UNIT_COUNT, "spillmark_series", NULL, "spillmark_growth_per_second", NULL},
};
enum { FAMILIES = sizeof families / sizeof *families };

static const struct family *family_of(enum sm_unit unit) {
    return &families[unit == SM_UNIT_BYTES ? 0 : unit == SM_UNIT_SECONDS ? 1 : 2];
}

static int is_of(const struct sm_series_result *result, const struct family *family) {
    return result->series->process_id == 0 && family_of(result->series->unit) == family;
}

static void print_verdict(FILE *to, const struct sm_run *run, const struct sm_analysis *analysis) {
    static const char NAME[] = "spillmark_verdict";
    print_family(to, NAME, "gauge", NULL, "What the run says as a whole: 1 for the one that is.");
    for (int i = SM_RUN_PASS; i <= SM_RUN_INCONCLUSIVE; i++)
        print_sample(to, run, NAME, LABELS("verdict", sm_run_verdict_name((enum sm_run_verdict)i)),
                     (int)analysis->verdict == i);
    print_family(to, "spillmark_exit_status", "gauge", NULL,
                 "0 pass, 1 fail, 3 broken, 4 inconclusive.");
    print_sample(to, run, "spillmark_exit_status", LABELS(NULL), analysis->exit_status);
}

static void print_series(FILE *to, const struct sm_run *run, const struct sm_analysis *analysis) {
    for (const struct family *f = families; f < families + FAMILIES; f++) {
        print_family(to, f->name, "gauge", f->unit_name, "A series at its start, peak and end.");
        for (size_t i = 0; i < analysis->series_count; i++) {
            const struct sm_series_result *result = &analysis->series[i];
            const char *name = result->series->name;
            if (!is_of(result, f))
                continue;
            print_sample(to, run, f->name, LABELS("series", name, "at", "start"), result->start);
            print_sample(to, run, f->name, LABELS("series", name, "at", "peak"), result->peak);
            print_sample(to, run, f->name, LABELS("series", name, "at", "end"), result->end);
        }
        print_family(to, f->growth, "gauge", f->growth_unit,
                     "Growth of a judged series with its 99 % interval.");
        for (size_t i = 0; i < analysis->series_count; i++) {
            const struct sm_series_result *result = &analysis->series[i];
            const struct sm_interval *rate = &result->rate_per_s;
            const char *name = result->series->name;
            if (!is_of(result, f) || !result->is_judged)
                continue;
            print_sample(to, run, f->growth, LABELS("series", name, "of", "low"), rate->low);
            print_sample(to, run, f->growth, LABELS("series", name, "of", "value"), rate->value);
            print_sample(to, run, f->growth, LABELS("series", name, "of", "high"), rate->high);
        }
    }
    static const char STATE[] = "spillmark_series_verdict";
    print_family(to, STATE, "gauge", NULL, "Whether a series is bounded: 1 for the one that is.");
    for (size_t i = 0; i < analysis->series_count; i++) {
        const struct sm_series_result *result = &analysis->series[i];
        static const enum sm_verdict_kind kinds[] = {SM_VERDICT_BOUNDED, SM_VERDICT_GROWING,
                                                     SM_VERDICT_INCONCLUSIVE};
        for (size_t k = 0; k < 3 && result->is_judged && result->series->process_id == 0; k++)
            print_sample(
                to, run, STATE,
                LABELS("series", result->series->name, "verdict", sm_verdict_name(kinds[k])),
                result->verdict.kind == kinds[k]);
    }
}

static void print_ledger(FILE *to, const struct sm_run *run, const struct sm_ledger *ledger) {
    static const char NAME[] = "spillmark_ledger_units";
    struct sm_ledger_row rows[SM_LEDGER_ROWS];
    sm_ledger_rows(ledger, rows);
    print_family(to, NAME, "gauge", "units", "What became of every unit.");
    for (size_t i = 0; i < SM_LEDGER_ROWS; i++)
        if (rows[i].is_known)
            print_sample(to, run, NAME, LABELS("kind", rows[i].name), (double)rows[i].units);
}

static void print_budget(FILE *to, const struct sm_run *run, const struct sm_analysis *analysis) {
    static const char *const names[] = {"spillmark_budget_limit", "spillmark_budget_actual",
                                        "spillmark_budget_holds"};
    static const char *const helps[] = {"The limit of a line, in bytes, seconds or units.",
                                        "What it was.",
                                        "1 holds, 0 broken; missing: could not be judged."};
    for (int what = 0; what < 3; what++) {
        print_family(to, names[what], "gauge", NULL, helps[what]);
        for (size_t i = 0; i < analysis->budget_count; i++) {
            const struct sm_budget_line *line = &analysis->budget[i];
            double values[] = {line->item->is_bounded ? NAN : line->item->value, line->actual,
                               line->holds == SM_HOLDS_UNKNOWN ? NAN : line->holds == SM_HOLDS_YES};
            print_sample(to, run, names[what], LABELS("line", line->item->name), values[what]);
        }
    }
}

int sm_render_openmetrics(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                          struct sm_error *err) {
    static const char CAUSES[] = "spillmark_cause";
    size_t counts[SM_CAUSE_COUNT] = {0};
    (void)err;
    print_verdict(to, run, analysis);
    print_series(to, run, analysis);
    print_ledger(to, run, &analysis->ledger);
    print_budget(to, run, analysis);
    print_family(to, CAUSES, "gauge", NULL, "Causes that were found, by kind.");
    for (size_t i = 0; i < analysis->cause_count; i++)
        counts[analysis->causes[i].kind]++;
    for (int i = 0; i < SM_CAUSE_COUNT; i++)
        if (counts[i])
            print_sample(to, run, CAUSES, LABELS("kind", sm_cause_name((enum sm_cause_kind)i)),
                         (double)counts[i]);
    fputs("# EOF\n", to);
    return 0;
}

/* ---- history ---- */

static void print_history(FILE *to, const struct sm_run *run, const struct sm_series *series,
                          const char *name, double started_s) {
    char process[16];
    size_t count;
    const struct sm_sample *samples = sm_run_samples(run, series->id, &count);
    snprintf(process, sizeof process, "%d", series->process_id);
    double before_s = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        /* Databases keep milliseconds: of two samples within one the first stays. */
        double at_s = started_s + floor((double)samples[i].t_ns / 1e6) / 1e3;
        if (!isfinite(samples[i].value) || at_s <= before_s)
            continue;
        before_s = at_s;
        print_head(to, run, name, LABELS("series", series->name, "process", process));
        fprintf(to, "%.17g %.3f\n", samples[i].value, at_s);
    }
}

int sm_render_openmetrics_history(const struct sm_run *run, const struct sm_analysis *analysis,
                                  FILE *to, struct sm_error *err) {
    double started_s = strtod(sm_run_meta(run, SM_META_STARTED), NULL);
    (void)analysis;
    (void)err;
    for (const struct family *f = families; f < families + FAMILIES; f++) {
        print_family(to, f->name, "gauge", f->unit_name, "Every sample; process 0 is the target.");
        for (size_t i = 0; i < run->series_count; i++)
            if (family_of(run->series[i].unit) == f)
                print_history(to, run, &run->series[i], f->name, started_s);
    }
    fputs("# EOF\n", to);
    return 0;
}
