#include "analysed_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

struct analysed_run analysed_run_make(void **state, struct synthetic_run plan) {
    struct analysed_run analysed = {0};
    struct sm_error err = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/run.db", (char *)*state);
    unlink(path);
    plan.record_path = path;
    synthetic_run_write(&plan, &analysed.truth);
    assert_int_equal(sm_run_open(path, &analysed.run, &err), 0);
    assert_int_equal(sm_analysis_make(analysed.run, &analysed.analysis, &err), 0);
    return analysed;
}

void analysed_run_free(struct analysed_run *analysed) {
    sm_analysis_free(analysed->analysis);
    sm_run_free(analysed->run);
    *analysed = (struct analysed_run){0};
}

const struct sm_cause *analysed_run_cause(const struct analysed_run *analysed,
                                          enum sm_cause_kind kind) {
    for (size_t i = 0; i < analysed->analysis->cause_count; i++)
        if (analysed->analysis->causes[i].kind == kind)
            return &analysed->analysis->causes[i];
    return NULL;
}
