#include "comparison.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comparison_effects.h"
#include "ledger.h"
#include "loads.h"
#include "stacks.h"
#include "timeline.h"

/* Sites of each run that are looked for in all of them. */
enum { SITES_OF_A_RUN = 6, FIGURES_MAX = 200 };

struct making {
    const struct sm_compared_run *runs;
    struct sm_comparison *comparison;
    int rc;
};

static double *add_figure(struct making *making, const char *name, enum sm_unit unit, int is_site) {
    struct sm_comparison *out = making->comparison;
    if (making->rc < 0 || out->figure_count == FIGURES_MAX)
        return NULL;
    double *values = malloc(out->run_count * sizeof *values);
    if (!values) {
        making->rc = -ENOMEM;
        return NULL;
    }
    for (size_t i = 0; i < out->run_count; i++)
        values[i] = is_site ? 0 : NAN;
    struct sm_compared_figure *figure = &out->figures[out->figure_count++];
    *figure = (struct sm_compared_figure){.unit = unit, .values = values, .is_site = is_site};
    snprintf(figure->name, sizeof figure->name, "%s", name);
    return values;
}

static int has_figure(const struct making *making, const char *name) {
    for (size_t i = 0; i < making->comparison->figure_count; i++)
        if (strcmp(making->comparison->figures[i].name, name) == 0)
            return 1;
    return 0;
}

/* ---- series ---- */

enum aspect { PEAK, END, RATE };

static double aspect_of(const struct sm_series_result *result, enum aspect aspect) {
    if (!result)
        return NAN;
    if (aspect == RATE && !result->is_judged)
        return NAN;
    /* Below a thousand millionth of its height in a second, a slope is rounding of its fit. */
    if (aspect == RATE)
        return fabs(result->rate_per_s.value) < 1e-9 * result->peak ? 0 : result->rate_per_s.value;
    return aspect == PEAK ? result->peak : result->end;
}

static void add_aspect(struct making *making, const char *series, enum sm_unit unit,
                       enum aspect aspect) {
    static const char *const words[] = {[PEAK] = "peak", [END] = "at end", [RATE] = "growth"};
    char name[96];
    snprintf(name, sizeof name, "%s %s", series, words[aspect]);
    if (has_figure(making, name))
        return;
    double *values = add_figure(making, name, aspect == RATE ? sm_unit_per_second(unit) : unit, 0);
    for (size_t i = 0; values && i < making->comparison->run_count; i++)
        values[i] = aspect_of(sm_analysis_series(making->runs[i].analysis, 0, series), aspect);
}

/* Heap, resident memory, slack, descriptors, threads, what is in flight, gauges. */
static int is_compared(const struct sm_series *series) {
    static const char *const names[] = {"heap", "rss", "slack", "fds", "threads", "mapped"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(series->name, names[i]) == 0)
            return 1;
    return strncmp(series->name, "gauge:", 6) == 0 || strncmp(series->name, "in_flight:", 10) == 0;
}

/* A counter's end is its peak: nothing else to compare. */
static int is_counter(const struct making *making, const char *name) {
    if (strncmp(name, "gauge:", 6) != 0)
        return 0;
    for (size_t i = 0; i < making->comparison->run_count; i++) {
        const struct sm_series_result *result =
            sm_analysis_series(making->runs[i].analysis, 0, name);
        if (result && result->end != result->peak)
            return 0;
    }
    return 1;
}

static void add_series(struct making *making, const struct sm_analysis *analysis) {
    for (size_t i = 0; i < analysis->series_count; i++) {
        const struct sm_series_result *result = &analysis->series[i];
        if (result->series->process_id != 0 || !is_compared(result->series))
            continue;
        const char *name = result->series->name;
        add_aspect(making, name, result->series->unit, PEAK);
        if (!is_counter(making, name))
            add_aspect(making, name, result->series->unit, END);
        if (strcmp(name, "heap") == 0 || strcmp(name, "rss") == 0 || strcmp(name, "fds") == 0)
            add_aspect(making, name, result->series->unit, RATE);
    }
}

/* ---- ledger and load ---- */

static void add_ledger(struct making *making) {
    struct sm_ledger_row rows[SM_LEDGER_ROWS];
    for (size_t k = 0; k < SM_LEDGER_ROWS; k++) {
        sm_ledger_rows(&making->runs[0].analysis->ledger, rows);
        if (strcmp(rows[k].name, "in_flight") == 0)
            continue;
        double *values = add_figure(making, rows[k].name, SM_UNIT_COUNT, 0);
        for (size_t i = 0; values && i < making->comparison->run_count; i++) {
            sm_ledger_rows(&making->runs[i].analysis->ledger, rows);
            values[i] = rows[k].is_known ? fmax(0, (double)rows[k].units) : NAN;
        }
    }
}

/* When a count first was at `least` or above; -1 when it never was. */
static int64_t reached(const struct sm_run *run, const struct sm_series *series, double least) {
    size_t count = 0;
    const struct sm_sample *samples = series ? sm_run_samples(run, series->id, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        if (samples[i].value >= least)
            return samples[i].t_ns;
    return -1;
}

/* Units delivered, by the time from the first that was offered until the last of them had come. */
static double throughput(const struct sm_run *run) {
    const struct sm_series *delivered = sm_run_series(run, 0, "delivered");
    double all = sm_timeline_at(run, delivered, INT64_MAX);
    int64_t from_ns = reached(run, sm_run_series(run, 0, "offered"), 1);
    int64_t to_ns = reached(run, delivered, all);
    if (!isfinite(all) || from_ns < 0)
        return NAN;
    return all < 1 || to_ns <= from_ns ? 0 : all / sm_timeline_seconds(to_ns - from_ns);
}

static void add_throughput(struct making *making) {
    double *values = add_figure(making, "throughput, delivered", SM_UNIT_COUNT_PER_S, 0);
    for (size_t i = 0; values && i < making->comparison->run_count; i++)
        values[i] = throughput(making->runs[i].run);
}

static void add_latency(struct making *making) {
    double *values = add_figure(making, "latency p99, worst", SM_UNIT_SECONDS, 0);
    for (size_t i = 0; values && i < making->comparison->run_count; i++)
        values[i] = sm_loads_worst_latency_p99_s(making->runs[i].run);
}

/* ---- sites ---- */

/* Builds differ, and with them the numbers and addresses of stacks: what is compared is the growth
 * at the function and line that a stack is named by. */
static char *site_name(const struct sm_run *run, const struct sm_site_result *site, char *name,
                       size_t name_bytes) {
    char stack[80];
    sm_stack_text(run, site->stack_id, stack, sizeof stack);
    static const char *const kinds[SM_SITE_KINDS] = {
        [SM_SITE_HEAP] = "", [SM_SITE_FD] = "fds ", [SM_SITE_MAP] = "mapped "};
    snprintf(name, name_bytes, "%s%s", kinds[site->kind], stack);
    return name;
}

static double growth_at(const struct sm_compared_run *run, const char *wanted) {
    double sum = 0;
    for (size_t i = 0; i < run->analysis->site_count; i++) {
        const struct sm_site_result *site = &run->analysis->sites[i];
        char name[96];
        if (strcmp(site_name(run->run, site, name, sizeof name), wanted) == 0)
            sum += site->kind == SM_SITE_FD ? site->growth_count : site->growth_bytes;
    }
    return sum;
}

static void add_sites(struct making *making, const struct sm_compared_run *run) {
    size_t of_kind[SM_SITE_KINDS] = {0};
    for (size_t i = 0; i < run->analysis->site_count; i++) {
        const struct sm_site_result *site = &run->analysis->sites[i];
        int is_fd = site->kind == SM_SITE_FD;
        char name[96];
        if ((is_fd ? site->growth_count : site->growth_bytes) <= 0 ||
            of_kind[site->kind]++ >= SITES_OF_A_RUN ||
            has_figure(making, site_name(run->run, site, name, sizeof name)))
            continue;
        double *values = add_figure(making, name, is_fd ? SM_UNIT_COUNT : SM_UNIT_BYTES, 1);
        for (size_t r = 0; values && r < making->comparison->run_count; r++)
            values[r] =
                making->runs[r].analysis->site_count ? growth_at(&making->runs[r], name) : NAN;
    }
}

/* A figure that no run knows says nothing. */
static void drop_unknown(struct sm_comparison *comparison) {
    size_t kept = 0;
    for (size_t f = 0; f < comparison->figure_count; f++) {
        int is_known = 0;
        for (size_t i = 0; i < comparison->run_count; i++)
            is_known |= isfinite(comparison->figures[f].values[i]) != 0;
        if (is_known)
            comparison->figures[kept++] = comparison->figures[f];
        else
            free(comparison->figures[f].values);
    }
    comparison->figure_count = kept;
}

int sm_comparison_make(const struct sm_compared_run *runs, size_t count,
                       struct sm_comparison *ret_comparison) {
    struct sm_comparison comparison = {.run_count = count};
    struct making making = {runs, &comparison, 0};
    if (count < 2 || count > SM_COMPARED_RUNS)
        return -EINVAL;
    comparison.figures = calloc(FIGURES_MAX, sizeof *comparison.figures);
    if (!comparison.figures)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        add_series(&making, runs[i].analysis);
    add_ledger(&making);
    add_throughput(&making);
    add_latency(&making);
    for (size_t i = 0; i < count; i++)
        add_sites(&making, &runs[i]);
    drop_unknown(&comparison);
    int rc = making.rc < 0 ? making.rc : sm_comparison_find_effects(runs, &comparison);
    if (rc < 0)
        sm_comparison_clear(&comparison);
    else
        *ret_comparison = comparison;
    return rc;
}

void sm_comparison_clear(struct sm_comparison *comparison) {
    for (size_t i = 0; i < comparison->figure_count; i++)
        free(comparison->figures[i].values);
    free(comparison->figures);
    free(comparison->changes);
    free(comparison->effects);
    *comparison = (struct sm_comparison){0};
}
