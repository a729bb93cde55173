/* verb_probe.c - spillmark probe: any program, recorded without a scenario. The program keeps the
 * terminal and standard output; the report goes to standard error when it has ended. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../reports/units.h"
#include "execution.h"
#include "outcome.h"
#include "run_dir.h"
#include "verb_table.h"
#include "verbs.h"

static const double default_rate_hz = 20;
static const uint64_t default_seed = 20261;

struct probe_arguments {
    const char *out;
    double interval_bytes, control_per_s;
    char **command;
};

static int parse_arguments(int argc, char **argv, struct probe_arguments *arguments) {
    int option, rc;
    const struct sm_verb_getopt known = sm_verb_getopt("probe");
    opterr = 0;
    while ((option = getopt_long(argc, argv, known.letters, known.options, NULL)) != -1) {
        if (option == 'o')
            arguments->out = optarg;
        else if (option == 'k' &&
                 (rc = sm_verb_control_rate("probe", optarg, &arguments->control_per_s)))
            return rc;
        else if (option != 's' && option != 'k')
            return sm_verb_bad_option("probe", option, argv);
        else if (option == 's' && sm_unit_parse(SM_UNIT_BYTES, optarg, &arguments->interval_bytes))
            return sm_verb_usage("probe", "--sample-bytes %s is not a size like %s", optarg,
                                 sm_unit_example(SM_UNIT_BYTES));
    }
    if (optind == argc)
        return sm_verb_usage("probe", "no command given");
    arguments->command = argv + optind;
    return 0;
}

int sm_verb_probe(int argc, char **argv) {
    struct probe_arguments arguments = {.interval_bytes = 512 * 1024};
    struct sm_error err = {0};
    struct sm_run_dir dir;
    struct sm_execution_end end = {0};
    int status = parse_arguments(argc, argv, &arguments);
    if (status)
        return status;
    const char *slash = strrchr(arguments.command[0], '/');
    if (sm_run_dir_plan(arguments.out, slash ? slash + 1 : arguments.command[0], &dir, &err))
        return sm_verb_fail("probe", &err, SM_STATUS_USAGE);
    const struct sm_execution_options options = {
        .command = (const char *const *)arguments.command,
        .dir = &dir,
        .sample_rate_hz = default_rate_hz,
        .sample_interval_bytes = (uint64_t)arguments.interval_bytes,
        .seed = default_seed,
        .control_per_s = arguments.control_per_s,
    };
    if (sm_execute(&options, &end, &err))
        return sm_verb_fail("probe", &err, SM_STATUS_BROKEN);
    return sm_outcome_report("probe", &dir, &end, stderr);
}
