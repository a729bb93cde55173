/* verb_compare.c - spillmark compare: two or more runs over each other. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../reports/comparison.h"
#include "../reports/render.h"
#include "outcome.h"
#include "verb_table.h"
#include "verbs.h"
#include "whole_file.h"

enum { RUNS = SM_COMPARED_RUNS, PAGE_RUNS = 8 };

struct compared {
    struct sm_outcome outcomes[RUNS];
    size_t count;
};

static int open_runs(char *const *paths, size_t count, struct compared *compared,
                     struct sm_error *err) {
    int rc = 0;
    for (; rc == 0 && compared->count < count; compared->count++)
        rc = sm_outcome_open(paths[compared->count], &compared->outcomes[compared->count], err);
    return rc;
}

static int render(const struct compared *compared, const char *format, FILE *to,
                  struct sm_error *err) {
    const struct sm_run *runs[RUNS];
    const struct sm_analysis *analyses[RUNS];
    for (size_t i = 0; i < compared->count; i++) {
        runs[i] = compared->outcomes[i].run;
        analyses[i] = compared->outcomes[i].analysis;
    }
    if (strcmp(format, "html") == 0)
        return sm_render_html_compare(runs, analyses, compared->count, to, err);
    struct sm_compared_run all[RUNS];
    for (size_t i = 0; i < compared->count; i++)
        all[i] = (struct sm_compared_run){runs[i], analyses[i]};
    if (compared->count == 2) {
        sm_render_side_by_side(runs[0], analyses[0], runs[1], analyses[1], to);
        fputc('\n', to);
    }
    return sm_render_comparison(all, compared->count, to, err);
}

static int check_arguments(const char *format, int runs) {
    int is_html = strcmp(format, "html") == 0;
    if (!is_html && strcmp(format, "text") != 0)
        return sm_verb_usage("compare", "--format %s is not text or html", format);
    if (runs < 2)
        return sm_verb_usage("compare", "two runs are needed");
    if (runs > (is_html ? PAGE_RUNS : RUNS))
        return sm_verb_usage("compare", "more than %d runs", is_html ? PAGE_RUNS : RUNS);
    return 0;
}

int sm_verb_compare(int argc, char **argv) {
    const char *format = "text", *out = NULL;
    struct sm_error err = {0};
    struct compared compared = {0};
    struct sm_whole_file file;
    const struct sm_verb_getopt known = sm_verb_getopt("compare");
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, known.letters, known.options, NULL)) != -1) {
        if (option == 'f')
            format = optarg;
        else if (option == 'o')
            out = optarg;
        else
            return sm_verb_bad_option("compare", option, argv);
    }
    int status = check_arguments(format, argc - optind);
    if (status)
        return status;
    if (open_runs(argv + optind, (size_t)(argc - optind), &compared, &err))
        status = sm_verb_fail("compare", &err, SM_STATUS_USAGE);
    else if (sm_whole_file_open(out, &file, &err) ||
             sm_whole_file_close(&file, render(&compared, format, file.to, &err), &err))
        status = sm_verb_fail("compare", &err, SM_STATUS_BROKEN);
    for (size_t i = 0; i < compared.count; i++)
        sm_outcome_free(&compared.outcomes[i]);
    return status;
}
