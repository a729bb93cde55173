/* findings.h - what a run has to tell, one entry a matter with its level and its place in the
 * source: for formats that are lists of findings. They repeat what the analysis decided. */
#pragma once

#include "analysis.h"

enum sm_finding_level {
    SM_FINDING_NOTE,    /* explains */
    SM_FINDING_WARNING, /* could not be settled, or grew in a run that did not fail */
    SM_FINDING_ERROR,   /* fails the run */
};

struct sm_finding {
    char rule[80]; /* "backlog", "budget/heap_peak", "verdict/fail": what it is about, stable */
    char title[160];
    enum sm_finding_level level;
    const char *text, *advice; /* of the analysis; advice may be "" */
    int stack_id;              /* where in the program; 0 = nowhere */
};

/* The verdict first, then causes, then budget lines that do not hold. 0 and an array the caller
 * frees, good as long as the run and the analysis, or -ENOMEM. */
int sm_findings_make(const struct sm_run *run, const struct sm_analysis *analysis,
                     struct sm_finding **ret_findings, size_t *ret_count);

/* Where a stack points in the source: the innermost line of the program's own code whose file is
 * found from the working directory, written relative to it, as review tools want it. The name
 * (at most capacity bytes) and the line, or 0 when there is none. */
int sm_finding_place(const struct sm_run *run, int stack_id, char *file, size_t capacity);

/* The same for one frame: 1, or 0 when its file is not found. */
int sm_finding_file(const char *source, char *file, size_t capacity);
