/* analysed_run.h - a synthetic run, written, opened and analysed, in the test's own directory. */
#pragma once

#include "reports/analysis.h"
#include "synthetic_run.h"

struct analysed_run {
    struct synthetic_truth truth;
    struct sm_run *run;
    struct sm_analysis *analysis;
};

/* record_path of `plan` is filled from the directory in *state (temp_dir.h). */
struct analysed_run analysed_run_make(void **state, struct synthetic_run plan);
void analysed_run_free(struct analysed_run *analysed);

/* The cause of a kind in the analysis, NULL when it was not found. */
const struct sm_cause *analysed_run_cause(const struct analysed_run *analysed,
                                          enum sm_cause_kind kind);
