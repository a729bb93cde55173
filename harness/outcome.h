/* outcome.h - from a finished record to what the user sees: symbols, analysis, a report. One
 * thread; an int is 0 or a negative errno with *err where nothing else is said. */
#pragma once

#include <stdio.h>

#include "../reports/analysis.h"
#include "../reports/model.h"
#include "execution.h"
#include "run_dir.h"

/* A run with its analysis, as verbs need them. */
struct sm_outcome {
    struct sm_run *run;
    struct sm_analysis *analysis;
};

/* Opens a run (directory or run.db) and analyses it. Free with sm_outcome_free. */
int sm_outcome_open(const char *path, struct sm_outcome *ret_outcome, struct sm_error *err);
void sm_outcome_free(struct sm_outcome *outcome);

/* The same for the pool file of a probe that ran without a harness, by way of a record that is
 * gone again when this returns. */
int sm_outcome_import(const char *pool_path, struct sm_outcome *ret_outcome, struct sm_error *err);

/* Prints in one of the formats of reports/render.h to `path`, or to standard output when it is
 * NULL. A file is written whole or not at all. */
int sm_outcome_render(const struct sm_outcome *outcome, const char *format, const char *path,
                      struct sm_error *err);

/* What `verb` shows when an execution has ended: why it ended early, the text report and where the
 * run lies, the latter two on `to`. Returns the exit status. */
int sm_outcome_report(const char *verb, const struct sm_run_dir *dir,
                      const struct sm_execution_end *end, FILE *to);
