/* verb_gate.c - spillmark gate: the budget of runs and their comparison with earlier ones, line by
 * line, and the exit status for CI. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/figures.h"
#include "../reports/render.h"
#include "budget_file.h"
#include "gate_baseline.h"
#include "outcome.h"
#include "verb_table.h"
#include "verbs.h"

enum { BASELINES_MAX = 64 };
static const double default_tolerance = 0.1;

struct gate_arguments {
    struct sm_budget_list budget; /* empty: each run's own */
    int has_budget_file;          /* else the limits are added to the run's own */
    const char *baselines[BASELINES_MAX];
    size_t baseline_count;
    const char *save, *format, *out;
    unsigned figures;
    double tolerance;
    int last;
    char **runs;
    size_t run_count;
};

static int take_figure(struct gate_arguments *arguments) {
    char names[200];
    int figure = sm_figures_find(optarg);
    if (figure < 0)
        return sm_verb_usage("gate", "--figure %s is none of %s", optarg,
                             sm_figures_names(names, sizeof names));
    arguments->figures |= 1u << figure;
    return 0;
}

static int take_option(int option, char **argv, struct gate_arguments *arguments) {
    struct sm_error err = {0};
    double number = 0;
    int rc = 0;
    switch (option) {
    case 'b':
        rc = sm_budget_list_read(&arguments->budget, optarg, &err);
        arguments->has_budget_file = 1;
        break;
    case 'l':
        rc = sm_budget_list_add(&arguments->budget, optarg, &err);
        break;
    case 'B':
        if (arguments->baseline_count == BASELINES_MAX)
            return sm_verb_usage("gate", "more than %d baselines", BASELINES_MAX);
        arguments->baselines[arguments->baseline_count++] = optarg;
        break;
    case 'n':
        rc = sm_verb_number("gate", "--last", optarg, 1, SM_FIGURES_RUNS, 0, &number);
        arguments->last = (int)number;
        return rc;
    case 't':
        rc = sm_verb_number("gate", "--tolerance", optarg, 0, 1000, '%', &number);
        arguments->tolerance = number / 100;
        return rc;
    case 'F':
        return take_figure(arguments);
    case 'S':
        arguments->save = optarg;
        break;
    case 'f':
        arguments->format = optarg;
        break;
    case 'o':
        arguments->out = optarg;
        break;
    default:
        return sm_verb_bad_option("gate", option, argv);
    }
    return rc ? sm_verb_fail("gate", &err, SM_STATUS_USAGE) : 0;
}

static int parse_arguments(int argc, char **argv, struct gate_arguments *arguments) {
    const struct sm_verb_getopt known = sm_verb_getopt("gate");
    int option, status = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, known.letters, known.options, NULL)) != -1)
        if ((status = take_option(option, argv, arguments)) != 0)
            return status;
    arguments->runs = argv + optind;
    arguments->run_count = (size_t)(argc - optind);
    if (arguments->run_count == 0)
        return sm_verb_usage("gate", "no run given");
    if (arguments->run_count > 1 && arguments->format)
        return sm_verb_usage("gate", "--format goes with one run");
    if (arguments->out && !arguments->format)
        return sm_verb_usage("gate", "-o goes with --format");
    return 0;
}

static int open_run(const struct gate_arguments *arguments, const char *path,
                    struct sm_outcome *ret_outcome, struct sm_error *err) {
    struct sm_outcome outcome = {0};
    int rc = sm_run_open(path, &outcome.run, err);
    if (rc == 0 && arguments->budget.count &&
        sm_budget_list_apply(&arguments->budget, !arguments->has_budget_file, outcome.run))
        rc = sm_error_set(err, -ENOMEM, path, NULL, "out of memory");
    if (rc == 0)
        rc = sm_analysis_make(outcome.run, &outcome.analysis, err);
    if (rc)
        sm_outcome_free(&outcome);
    else
        *ret_outcome = outcome;
    return rc;
}

/* The figures of the runs in question. One that was cut short has none; its own verdict says so. */
static int gather(const struct gate_arguments *arguments, const struct sm_outcome *outcomes,
                  struct sm_figures *now, struct sm_error *err) {
    for (size_t i = 0; i < arguments->run_count; i++) {
        struct sm_error why = {0};
        int rc = sm_figures_add(now, outcomes[i].run, outcomes[i].analysis, &why);
        if (rc && rc != -ENODATA) {
            *err = why;
            return rc;
        }
    }
    return 0;
}

static int save(const char *path, const struct sm_figures *now, struct sm_error *err) {
    if (now->count == 0)
        return sm_error_set(err, -ENODATA, path, "run it again",
                            "no run went to its end, so there is nothing to save");
    FILE *file = fopen(path, "we");
    if (!file)
        return sm_error_errno(err, -errno, path, NULL, "the baseline cannot be written");
    int rc = sm_figures_write(now, file, err);
    if (fclose(file) && rc == 0)
        rc = sm_error_errno(err, -errno, path, NULL, "the baseline cannot be written");
    return rc;
}

/* Judged over all runs together, told with the last of them. */
static int compare(const struct gate_arguments *arguments, struct sm_outcome *outcomes,
                   struct sm_figure_lines *lines, struct sm_error *err) {
    struct sm_figures *before = calloc(1, sizeof *before), *now = calloc(1, sizeof *now);
    struct sm_outcome *last = &outcomes[arguments->run_count - 1];
    int rc = before && now ? 0 : sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    if (rc == 0)
        rc = gather(arguments, outcomes, now, err);
    if (rc == 0 && arguments->save)
        rc = save(arguments->save, now, err);
    for (size_t i = 0; rc == 0 && now->count && i < arguments->baseline_count; i++)
        rc = sm_gate_baseline_add(before, arguments->baselines[i], arguments->last, now,
                                  arguments->runs, arguments->run_count, err);
    if (rc == 0 && before->count &&
        (strcmp(before->scenario, now->scenario) != 0 || strcmp(before->params, now->params) != 0))
        rc = sm_error_set(err, -EINVAL, arguments->baselines[0],
                          "compare runs of the same scenario and parameters",
                          "is of %.60s with %.100s, the run of %.60s with %.100s", before->scenario,
                          before->params, now->scenario, now->params);
    if (rc == 0 && before->count) {
        sm_figures_judge(before, now, arguments->figures, arguments->tolerance, lines);
        if (sm_figures_apply(lines, last->run, last->analysis))
            rc = sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    }
    free(before);
    free(now);
    return rc;
}

static int print(const struct gate_arguments *arguments, const struct sm_outcome *outcomes,
                 struct sm_error *err) {
    if (arguments->format)
        return sm_outcome_render(&outcomes[0], arguments->format, arguments->out, err);
    for (size_t i = 0; i < arguments->run_count; i++) {
        if (i > 0)
            printf("\n");
        sm_render_budget(outcomes[i].run, outcomes[i].analysis, stdout);
    }
    return fflush(stdout) || ferror(stdout)
               ? sm_error_errno(err, -EIO, NULL, NULL, "the lines cannot be written")
               : 0;
}

static int gate(const struct gate_arguments *arguments) {
    struct sm_error err = {0};
    struct sm_outcome *outcomes = calloc(arguments->run_count, sizeof *outcomes);
    struct sm_figure_lines *lines = calloc(1, sizeof *lines);
    int rc = outcomes && lines ? 0 : sm_error_set(&err, -ENOMEM, NULL, NULL, "out of memory");
    int status = SM_STATUS_OK, broken = SM_STATUS_USAGE;
    for (size_t i = 0; rc == 0 && i < arguments->run_count; i++)
        rc = open_run(arguments, arguments->runs[i], &outcomes[i], &err);
    if (rc == 0 && (arguments->baseline_count || arguments->save))
        rc = compare(arguments, outcomes, lines, &err);
    if (rc == 0) {
        rc = print(arguments, outcomes, &err);
        broken = SM_STATUS_BROKEN;
    }
    for (size_t i = 0; rc == 0 && i < arguments->run_count; i++)
        status = sm_verb_worse(status, outcomes[i].analysis->exit_status);
    for (size_t i = 0; outcomes && i < arguments->run_count; i++)
        sm_outcome_free(&outcomes[i]);
    free(outcomes);
    free(lines);
    return rc ? sm_verb_fail("gate", &err, broken) : status;
}

int sm_verb_gate(int argc, char **argv) {
    struct gate_arguments arguments = {.tolerance = default_tolerance, .last = 10};
    int status = parse_arguments(argc, argv, &arguments);
    if (status == 0)
        status = gate(&arguments);
    sm_budget_list_clear(&arguments.budget);
    return status;
}
