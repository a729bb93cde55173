/* verb_run.c - spillmark run: a scenario, once or several times, and its report. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/record.h"
#include "allocator_library.h"
#include "execution.h"
#include "interrupt.h"
#include "outcome.h"
#include "own_cost_measure.h"
#include "paths.h"
#include "run_dir.h"
#include "verb_table.h"
#include "verbs.h"

#define LISTED(name) " " #name

enum { SETTINGS_MAX = 64, SHARDS_MAX = 1024 };
static const int default_pairs = 6;

struct run_arguments {
    const char *scenario, *out;
    struct sm_setting settings[SETTINGS_MAX];
    size_t setting_count;
    double time_scale;
    long repeat;
    int until_sure;
    struct sm_shard shard; /* count 0 = all of the load */
    int load_only;
    double start_at_unix_s;
    const char *allocator; /* NULL = the scenario's */
    int is_env_recorded;
    int live_port;      /* -1 = none, 0 = any */
    int own_cost_pairs; /* 0 = not to be measured */
    double sample_bytes;
    double control_per_s; /* as in sm_execution_options */
};

static int parse_setting(struct run_arguments *arguments, char *text) {
    char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return sm_verb_usage("run", "-p %s is not NAME=VALUE", text);
    if (arguments->setting_count == SETTINGS_MAX)
        return sm_verb_usage("run", "more than %d parameters", SETTINGS_MAX);
    *equals = '\0';
    arguments->settings[arguments->setting_count++] =
        (struct sm_setting){.name = text, .value = equals + 1};
    return 0;
}

static int parse_allocator(struct run_arguments *arguments, const char *name) {
    if (!sm_allocator_is_known(name))
        return sm_verb_usage("run", "--allocator %s is none of" SM_ALLOCATORS(LISTED), name);
    arguments->allocator = name;
    return 0;
}

static int parse_shard(const char *text, struct sm_shard *shard) {
    char *end;
    long index = strtol(text, &end, 10), count = 0;
    if (end != text && *end == '/')
        count = strtol(end + 1, &end, 10);
    if (*end || index < 1 || index > count || count > SHARDS_MAX)
        return sm_verb_usage("run", "--shard %s is not like 2/3, at most %d", text, SHARDS_MAX);
    *shard = (struct sm_shard){(int)index - 1, (int)count};
    return 0;
}

/* The options of a run in parts, and of what it records. */
static int parse_more(struct run_arguments *arguments, int option) {
    if (option == 'e') {
        arguments->is_env_recorded = 1;
        return 0;
    }
    if (option == 's') {
        arguments->until_sure = 1;
        return 0;
    }
    if (option == 'm')
        return sm_verb_sample_bytes("run", optarg, &arguments->sample_bytes);
    if (option == 'S')
        return parse_shard(optarg, &arguments->shard);
    if (option == 'T')
        return sm_verb_number("run", "--start-at", optarg, 1, 1e11, 0, &arguments->start_at_unix_s);
    arguments->load_only = 1;
    return 0;
}

static int parse_arguments(int argc, char **argv, struct run_arguments *arguments) {
    double repeat = 1, pairs = default_pairs, port = -1;
    int option, rc = 0;
    const struct sm_verb_getopt known = sm_verb_getopt("run");
    opterr = 0;
    while (rc == 0 &&
           (option = getopt_long(argc, argv, known.letters, known.options, NULL)) != -1) {
        switch (option) {
        case 'p':
            rc = parse_setting(arguments, optarg);
            break;
        case 'o':
            arguments->out = optarg;
            break;
        case 'a':
            rc = parse_allocator(arguments, optarg);
            break;
        case 'c':
            rc = optarg ? sm_verb_number("run", "--own-cost", optarg, 2, 100, 0, &pairs) : 0;
            arguments->own_cost_pairs = (int)pairs;
            break;
        case 'k':
            rc = sm_verb_control_rate("run", optarg, &arguments->control_per_s);
            break;
        case 'l':
            rc = sm_verb_number("run", "--live", optarg, 0, 65535, 0, &port);
            break;
        case 'S':
        case 'L':
        case 'T':
        case 'e':
        case 'm':
        case 's':
            rc = parse_more(arguments, option);
            break;
        case 't':
            rc = sm_verb_number("run", "--time-scale", optarg, 0.001, 1000, 0,
                                &arguments->time_scale);
            break;
        case 'r':
            rc = sm_verb_number("run", "--repeat", optarg, 1, 1000, 0, &repeat);
            break;
        default:
            rc = sm_verb_bad_option("run", option, argv);
        }
    }
    if (rc)
        return rc;
    if (optind != argc - 1)
        return sm_verb_usage("run", optind == argc ? "no scenario given" : "too many arguments");
    if (arguments->load_only && !arguments->shard.count)
        return sm_verb_usage("run", "--load-only is for a shard: add --shard 2/3");
    arguments->scenario = argv[optind];
    arguments->repeat = (long)repeat;
    arguments->live_port = (int)port;
    return 0;
}

/* The last part of a path without ".lua", or the shipped name itself. */
static void scenario_name(const char *scenario, char *name, size_t name_bytes) {
    size_t length = strlen(scenario);
    int is_file = length > 4 && strcmp(scenario + length - 4, ".lua") == 0;
    const char *slash = is_file ? strrchr(scenario, '/') : NULL;
    snprintf(name, name_bytes, "%s", slash ? slash + 1 : scenario);
    if (is_file)
        name[strlen(name) - 4] = '\0';
}

/* Into the record of the run that has just ended. */
static int measure_own_cost(const struct run_arguments *arguments,
                            const struct sm_execution_options *base, const struct sm_run_dir *dir,
                            struct sm_error *err) {
    const struct sm_own_cost_options options = {
        .scenario = arguments->scenario,
        .settings = arguments->settings,
        .setting_count = arguments->setting_count,
        .base = base,
        .dir = dir->path,
        .pairs = arguments->own_cost_pairs,
    };
    struct sm_own_cost cost;
    struct sm_record *record;
    int rc = sm_own_cost_measure(&options, &cost, err);
    if (rc == -EINTR)
        return 0; /* the run itself is whole */
    if (rc || (rc = sm_record_reopen(dir->record, &record, err)))
        return rc;
    char *text = sm_own_cost_json(&cost);
    if (text)
        sm_record_set_meta(record, SM_META_OWN_COST, text);
    free(text);
    rc = sm_record_close(record, 0);
    return rc ? sm_error_set(err, rc, dir->record, NULL, "the own cost cannot be written") : 0;
}

static int run_once(const struct run_arguments *arguments, const char *out) {
    struct sm_error err = {0};
    struct sm_run_dir dir;
    struct sm_execution_end end = {0};
    struct sm_scenario *scenario = NULL;
    char name[128];
    scenario_name(arguments->scenario, name, sizeof name);
    if (sm_run_dir_plan(out, name, &dir, &err))
        return sm_verb_fail("run", &err, SM_STATUS_USAGE);
    const struct sm_scenario_dirs dirs = {.bin = sm_path_pipelines(),
                                          .run = dir.scratch,
                                          .data = dir.data,
                                          .log = dir.log,
                                          .services = dir.services};
    if (sm_scenario_load(arguments->scenario, &dirs, arguments->settings, arguments->setting_count,
                         arguments->time_scale, &scenario, &err))
        return sm_verb_fail("run", &err, SM_STATUS_USAGE);
    const struct sm_execution_options options = {
        .scenario = scenario,
        .dir = &dir,
        .sample_rate_hz = SM_VERB_RATE_HZ,
        .sample_interval_bytes = (uint64_t)arguments->sample_bytes,
        .seed = SM_VERB_SEED,
        .allocator = arguments->allocator,
        .until_sure = arguments->until_sure,
        .shard = arguments->shard,
        .load_only = arguments->load_only,
        .start_at_unix_s = arguments->start_at_unix_s,
        .is_env_recorded = arguments->is_env_recorded,
        .is_live = arguments->live_port >= 0,
        .live_port = arguments->live_port,
        .control_per_s = arguments->control_per_s,
    };
    int rc = sm_execute(&options, &end, &err);
    sm_scenario_free(scenario);
    if (rc == 0 && arguments->own_cost_pairs && !sm_interrupt_pending())
        rc = measure_own_cost(arguments, &options, &dir, &err);
    return rc ? sm_verb_fail("run", &err, SM_STATUS_BROKEN)
              : sm_outcome_report("run", &dir, &end, stdout);
}

int sm_verb_run(int argc, char **argv) {
    struct run_arguments arguments = {.sample_bytes = SM_VERB_SAMPLE_BYTES, .time_scale = 1};
    int status = parse_arguments(argc, argv, &arguments);
    for (long i = 0; status != SM_STATUS_USAGE && i < arguments.repeat; i++) {
        char out[512];
        if (arguments.out && arguments.repeat > 1)
            snprintf(out, sizeof out, "%s.%ld", arguments.out, i + 1);
        else
            snprintf(out, sizeof out, "%s", arguments.out ? arguments.out : "");
        status = sm_verb_worse(status, run_once(&arguments, out[0] ? out : NULL));
        if (sm_interrupt_pending())
            break;
    }
    return status;
}
