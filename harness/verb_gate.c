/* verb_gate.c - spillmark gate: the budget of a run, line by line, and the exit status for CI. A
 * budget file replaces the scenario's own: lines `name = limit`, # begins a comment. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/budget.h"
#include "../reports/render.h"
#include "outcome.h"
#include "verb_table.h"
#include "verbs.h"

static int gate(const char *path, const char *budget) {
    struct sm_error err = {0};
    struct sm_run *run = NULL;
    struct sm_analysis *analysis = NULL;
    int rc = sm_run_open(path, &run, &err);
    if (rc == 0 && budget)
        rc = read_budget(budget, run, &err);
    if (rc == 0)
        rc = sm_analysis_make(run, &analysis, &err);
    int status = rc ? sm_verb_fail("gate", &err, SM_STATUS_USAGE) : analysis->exit_status;
    if (rc == 0)
        sm_render_budget(run, analysis, stdout);
    sm_analysis_free(analysis);
    sm_run_free(run);
    return status;
}

int sm_verb_gate(int argc, char **argv) {
    const char *budget = NULL;
    int option;
    const struct sm_verb_getopt known = sm_verb_getopt("gate");
    opterr = 0;
    while ((option = getopt_long(argc, argv, known.letters, known.options, NULL)) != -1) {
        if (option != 'b')
            return sm_verb_bad_option("gate", option, argv);
        budget = optarg;
    }
    if (optind != argc - 1)
        return sm_verb_usage("gate", optind == argc ? "no run given" : "too many arguments");
    return gate(argv[optind], budget);
}
