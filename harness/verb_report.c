/* verb_report.c - spillmark report: a record, the pool file of a probe without a harness, or a CSV
 * series of any other monitor, rendered. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../reports/render_series.h"
#include "../reports/render_verdicts.h"
#include "outcome.h"
#include "verb_table.h"
#include "verbs.h"

static int ends_with(const char *path, const char *ending) {
    size_t length = strlen(path), ending_length = strlen(ending);
    return length > ending_length && strcmp(path + length - ending_length, ending) == 0;
}

static int report_series(const char *path, const char *format, const char *out) {
    struct sm_error err = {0};
    struct sm_trace *trace = NULL;
    int status = SM_STATUS_OK, is_text = strcmp(format, "text") == 0;
    if (!is_text && strcmp(format, "verdicts") != 0)
        return sm_verb_usage("report", "a CSV series has the formats text and verdicts, not %s",
                             format);
    if (out)
        return sm_verb_usage("report", "-o goes with a run, not with a CSV series");
    int rc = sm_trace_read_csv(path, &trace, &err);
    if (rc == 0 && is_text)
        rc = sm_render_series(trace, path, stdout, &status, &err);
    else if (rc == 0)
        rc = sm_render_verdicts(trace, stdout, &err);
    sm_trace_free(trace);
    return rc ? sm_verb_fail("report", &err, SM_STATUS_USAGE) : status;
}

static int report_run(const char *path, const char *format, const char *out) {
    struct sm_error err = {0};
    struct sm_outcome outcome = {0};
    int rc = ends_with(path, ".pool") ? sm_outcome_import(path, &outcome, &err)
                                      : sm_outcome_open(path, &outcome, &err);
    if (rc)
        return sm_verb_fail("report", &err, SM_STATUS_USAGE);
    rc = sm_outcome_render(&outcome, format, out, &err);
    int status = outcome.analysis->exit_status;
    sm_outcome_free(&outcome);
    return rc ? sm_verb_fail("report", &err, SM_STATUS_BROKEN) : status;
}

int sm_verb_report(int argc, char **argv) {
    const char *format = NULL, *out = NULL;
    int option;
    const struct sm_verb_getopt known = sm_verb_getopt("report");
    opterr = 0;
    while ((option = getopt_long(argc, argv, known.letters, known.options, NULL)) != -1) {
        if (option == 'f')
            format = optarg;
        else if (option == 'o')
            out = optarg;
        else
            return sm_verb_bad_option("report", option, argv);
    }
    if (optind != argc - 1)
        return sm_verb_usage("report", optind == argc ? "no run given" : "too many arguments");
    if (ends_with(argv[optind], ".csv"))
        return report_series(argv[optind], format ? format : "text", out);
    return report_run(argv[optind], format ? format : "text", out);
}
