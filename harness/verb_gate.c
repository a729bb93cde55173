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

static char *trim(char *text) {
    text += strspn(text, " \t\r\n");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        text[--length] = '\0';
    return text;
}

static int parse_line(char *line, const char *where, struct sm_run *run, struct sm_error *err) {
    char *comment = strchr(line, '#');
    if (comment)
        *comment = '\0';
    char *text = trim(line), *equals = strchr(text, '=');
    if (text[0] == '\0')
        return 0;
    if (!equals)
        return sm_error_set(err, -EINVAL, where, "write heap_peak = 64MB",
                            "not a line `name = limit`");
    *equals = '\0';
    struct sm_budget_item item = {0}, *more;
    int rc = sm_budget_check_name(trim(text), trim(equals + 1), &item, err);
    if (rc) {
        if (err)
            snprintf(err->where, sizeof err->where, "%s", where);
        return rc;
    }
    more = realloc(run->budget_items, (run->budget_items_count + 1) * sizeof *more);
    if (!more) {
        sm_budget_item_clear(&item);
        return sm_error_set(err, -ENOMEM, where, NULL, "out of memory");
    }
    run->budget_items = more;
    run->budget_items[run->budget_items_count++] = item;
    return 0;
}

/* Replaces the run's budget with the file's. */
static int read_budget(const char *path, struct sm_run *run, struct sm_error *err) {
    char line[512], where[256];
    int number = 0, rc = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return sm_error_errno(err, -errno, path, NULL, "the budget cannot be read");
    for (size_t i = 0; i < run->budget_items_count; i++)
        sm_budget_item_clear(&run->budget_items[i]);
    run->budget_items_count = 0;
    while (rc == 0 && fgets(line, sizeof line, file)) {
        snprintf(where, sizeof where, "%.200s:%d", path, ++number);
        rc = parse_line(line, where, run, err);
    }
    if (rc == 0 && ferror(file))
        rc = sm_error_errno(err, -EIO, path, NULL, "the budget cannot be read");
    fclose(file);
    if (rc == 0 && run->budget_items_count == 0)
        rc = sm_error_set(err, -EINVAL, path, "write heap_peak = 64MB", "holds no budget line");
    return rc;
}

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
