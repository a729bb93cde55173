/* comparison.h - the figures of several runs beside each other, and which parameter moved which.
 *
 * Pure functions of the runs and their analyses, which must outlive the comparison (names point
 * into them). NAN stands for an unknown figure. */
#pragma once

#include "analysis.h"

struct sm_compared_run {
    const struct sm_run *run;
    const struct sm_analysis *analysis;
};

/* One figure of every run. */
struct sm_compared_figure {
    char name[96];
    enum sm_unit unit;
    double *values; /* one per run */
    int is_site;    /* growth at a call stack */
};

/* A parameter that the runs differ in, at a level other than the one of the first run. */
struct sm_compared_change {
    char parameter[64];
    char from[40], to[40];
};

/* What a change does to a figure, the other changes held still. */
struct sm_main_effect {
    struct sm_interval
        difference;   /* 99 %; low and high are NAN where no run is left to tell noise */
    double from_mean; /* of the figure without the change */
    int is_known;     /* 0: the runs do not separate it from another change */
    int is_sure;      /* the interval lies on one side of zero */
};

struct sm_comparison {
    size_t run_count;
    struct sm_compared_figure *figures;
    size_t figure_count;
    struct sm_compared_change *changes;
    size_t change_count;
    struct sm_main_effect *effects; /* [figure * change_count + change] */
    int freedom;                    /* runs beyond those that the changes need */
};

enum { SM_COMPARED_RUNS = 64, SM_COMPARED_CHANGES = 16 };

/* Compares 2 .. SM_COMPARED_RUNS runs. 0, -EINVAL for another number, or -ENOMEM. */
int sm_comparison_make(const struct sm_compared_run *runs, size_t count,
                       struct sm_comparison *ret_comparison);
void sm_comparison_clear(struct sm_comparison *comparison);
