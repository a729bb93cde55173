/* verb_compare.c - spillmark compare: two runs side by side. */
#include <stdio.h>

#include "../reports/render.h"
#include "outcome.h"
#include "verbs.h"

int sm_verb_compare(int argc, char **argv) {
    struct sm_error err = {0};
    struct sm_outcome a = {0}, b = {0};
    if (argc != 3)
        return sm_verb_usage("compare", "two runs are needed");
    int rc = sm_outcome_open(argv[1], &a, &err);
    if (rc == 0)
        rc = sm_outcome_open(argv[2], &b, &err);
    if (rc) {
        sm_outcome_free(&a);
        return sm_verb_fail("compare", &err, SM_STATUS_USAGE);
    }
    sm_render_side_by_side(a.run, a.analysis, b.run, b.analysis, stdout);
    rc = fflush(stdout) || ferror(stdout);
    sm_outcome_free(&a);
    sm_outcome_free(&b);
    return rc ? SM_STATUS_BROKEN : SM_STATUS_OK;
}
