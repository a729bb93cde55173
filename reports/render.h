/* render.h - the forms a report can take: one file each behind this table (render.c lists them).
 *
 * Renderers print what the analysis says and decide nothing. */
#pragma once

#include <stdio.h>

#include "analysis.h"

struct sm_renderer {
    const char *name; /* as --format takes it; NULL ends the table */
    const char *help;
    /* 0 or a negative errno with *err; errors of the stream itself are the caller's to check. */
    int (*render)(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                  struct sm_error *err);
};

extern const struct sm_renderer sm_render_table[];

/* What a user reads at the end of a run. Colours only on a terminal and without NO_COLOR. */
int sm_render_text(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                   struct sm_error *err);

/* One JSON object, version 1: see reports/README.md. */
int sm_render_json(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                   struct sm_error *err);

/* Formats of CI systems, monitors and spreadsheets, one file each: see README.md. */
int sm_render_junit(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                    struct sm_error *err);
int sm_render_markdown(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                       struct sm_error *err);
int sm_render_github(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                     struct sm_error *err);
int sm_render_sarif(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                    struct sm_error *err);
int sm_render_openmetrics(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                          struct sm_error *err);
int sm_render_openmetrics_history(const struct sm_run *run, const struct sm_analysis *analysis,
                                  FILE *to, struct sm_error *err);
int sm_render_csv(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                  struct sm_error *err);
int sm_render_csv_ledger(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                         struct sm_error *err);

/* Profiles for the tools of the field, one file each: see README.md. */
int sm_render_pprof(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                    struct sm_error *err);
int sm_render_folded(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                     struct sm_error *err);
int sm_render_folded_growth(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                            struct sm_error *err);
int sm_render_speedscope(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                         struct sm_error *err);
int sm_render_gperftools(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                         struct sm_error *err);

/* One page for a browser, all in one file: see html/README.md. */
int sm_render_html(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                   struct sm_error *err);

/* The same for two or more runs over each other. */
int sm_render_html_compare(const struct sm_run *const *runs,
                           const struct sm_analysis *const *analyses, size_t count, FILE *to,
                           struct sm_error *err);

/* The verdict and the budget, line by line: what `gate` prints. */
void sm_render_budget(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to);

/* 2 .. 64 runs, figure by figure, and which parameter moved which figure. 0 or a negative errno. */
struct sm_compared_run;
int sm_render_comparison(const struct sm_compared_run *runs, size_t count, FILE *to,
                         struct sm_error *err);

/* Two runs side by side: verdicts, reasons and figures. */
void sm_render_side_by_side(const struct sm_run *run_a, const struct sm_analysis *analysis_a,
                            const struct sm_run *run_b, const struct sm_analysis *analysis_b,
                            FILE *to);
