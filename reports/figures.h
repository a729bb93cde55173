/* figures.h - a few figures of runs of one scenario, to be compared with those of other runs.
 *
 * A line of the comparison says, with 99 % confidence (baseline.h):
 *
 *     holds     not worse by more than the tolerance
 *     broken    worse, and by more than the tolerance as far as can be told
 *     unknown   neither: too few runs for their noise, which the line says */
#pragma once

#include <stdio.h>

#include "analysis.h"

/* The figures: more is worse for each. */
#define SM_FIGURES_TABLE(X)                                                                        \
    X(HEAP_PEAK, "heap_peak", BYTES)                                                               \
    X(HEAP_END, "heap_end", BYTES)                                                                 \
    X(RSS_PEAK, "rss_peak", BYTES)                                                                 \
    X(FDS_PEAK, "fds_peak", COUNT)                                                                 \
    X(LATENCY_P99, "latency_p99", SECONDS)                                                         \
    X(UNDELIVERED, "undelivered", COUNT)

enum sm_figure {
#define X(id, name, unit) SM_FIGURE_##id,
    SM_FIGURES_TABLE(X)
#undef X
        SM_FIGURE_COUNT
};

enum { SM_FIGURES_RUNS = 100 };

/* NAN where a run did not have a figure. All zero is none. */
struct sm_figures {
    char scenario[160], params[1000]; /* of all runs; "" while there are none */
    double values[SM_FIGURE_COUNT][SM_FIGURES_RUNS];
    size_t count;
};

/* Adds a run. Complete ones that were not interrupted only: -ENODATA with *err for others, -EINVAL
 * for a run of another scenario or other parameters, -E2BIG when it is full. */
int sm_figures_add(struct sm_figures *figures, const struct sm_run *run,
                   const struct sm_analysis *analysis, struct sm_error *err);

/* Files are small JSON objects that are meant to be committed: sorted, one figure a line. Reading
 * adds to what is there, under the same conditions. */
int sm_figures_read(struct sm_figures *figures, const char *path, struct sm_error *err);
int sm_figures_write(const struct sm_figures *figures, FILE *to, struct sm_error *err);

/* One line of the comparison. */
struct sm_figure_line {
    struct sm_budget_line line; /* its item is the one below */
    struct sm_budget_item item;
    char name[64], limit[SM_UNIT_TEXT_BYTES];
};
struct sm_figure_lines {
    struct sm_figure_line lines[SM_FIGURE_COUNT];
    size_t count;
};

/* The figure of a name, -1 when there is none; all names, parted by ", ". */
int sm_figures_find(const char *name);
char *sm_figures_names(char *buffer, size_t buffer_bytes);

/* Compares each figure whose bit (1 << figure) is set and that both have; with no bit set, those
 * of memory and descriptors. `tolerance` is a share: 0.1 allows a tenth more. */
void sm_figures_judge(const struct sm_figures *before, const struct sm_figures *now,
                      unsigned wanted, double tolerance, struct sm_figure_lines *ret_lines);

/* Appends the lines to the budget of an analysis and decides anew. The lines must outlive it.
 * 0 or -ENOMEM. */
int sm_figures_apply(struct sm_figure_lines *lines, const struct sm_run *run,
                     struct sm_analysis *analysis);
