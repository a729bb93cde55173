/* verb_probe.c - spillmark probe: any program, recorded without a scenario. The program keeps the
 * terminal and standard output; the report goes to standard error when it has ended. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "budget_file.h"
#include "execution.h"
#include "outcome.h"
#include "run_dir.h"
#include "verb_table.h"
#include "verbs.h"

struct probe_arguments {
    const char *out;
    double interval_bytes, control_per_s, duration_s;
    struct sm_budget_list budget;
    int is_replacing; /* what `out` holds of a former run */
    char **command;
};

static int take_option(int option, char **argv, struct probe_arguments *arguments) {
    struct sm_error err = {0};
    int rc = 0;
    switch (option) {
    case 'o':
        arguments->out = optarg;
        break;
    case 'r':
        arguments->is_replacing = 1;
        break;
    case 'l':
        rc = sm_budget_list_add(&arguments->budget, optarg, &err);
        break;
    case 'b':
        rc = sm_budget_list_read(&arguments->budget, optarg, &err);
        break;
    case 'k':
        return sm_verb_control_rate("probe", optarg, &arguments->control_per_s);
    case 'F':
        return sm_verb_duration("probe", optarg, &arguments->duration_s);
    case 's':
        return sm_verb_sample_bytes("probe", optarg, &arguments->interval_bytes);
    default:
        return sm_verb_bad_option("probe", option, argv);
    }
    return rc ? sm_verb_fail("probe", &err, SM_STATUS_USAGE) : 0;
}

static int parse_arguments(int argc, char **argv, struct probe_arguments *arguments) {
    int option, status = 0;
    const struct sm_verb_getopt known = sm_verb_getopt("probe");
    opterr = 0;
    while ((option = getopt_long(argc, argv, known.letters, known.options, NULL)) != -1)
        if ((status = take_option(option, argv, arguments)) != 0)
            return status;
    if (optind == argc)
        return sm_verb_usage("probe", "no command given");
    if (arguments->is_replacing && !arguments->out)
        return sm_verb_usage("probe", "--replace goes with -o");
    arguments->command = argv + optind;
    return 0;
}

static int probe(const struct probe_arguments *arguments) {
    struct sm_error err = {0};
    struct sm_run_dir dir;
    struct sm_execution_end end = {0};
    const char *slash = strrchr(arguments->command[0], '/');
    if ((arguments->is_replacing && sm_run_dir_forget(arguments->out, &err)) ||
        sm_run_dir_plan(arguments->out, slash ? slash + 1 : arguments->command[0], &dir, &err))
        return sm_verb_fail("probe", &err, SM_STATUS_USAGE);
    const struct sm_execution_options options = {
        .command = (const char *const *)arguments->command,
        .command_s = arguments->duration_s,
        .budget = arguments->budget.items,
        .budget_count = arguments->budget.count,
        .dir = &dir,
        .sample_rate_hz = SM_VERB_RATE_HZ,
        .sample_interval_bytes = (uint64_t)arguments->interval_bytes,
        .seed = SM_VERB_SEED,
        .control_per_s = arguments->control_per_s,
    };
    if (sm_execute(&options, &end, &err))
        return sm_verb_fail("probe", &err, SM_STATUS_BROKEN);
    return sm_outcome_report("probe", &dir, &end, stderr);
}

int sm_verb_probe(int argc, char **argv) {
    struct probe_arguments arguments = {.interval_bytes = SM_VERB_SAMPLE_BYTES};
    int status = parse_arguments(argc, argv, &arguments);
    if (status == 0)
        status = probe(&arguments);
    sm_budget_list_clear(&arguments.budget);
    return status;
}
