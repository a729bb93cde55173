/* main.c - the spillmark program: finds the verb and hands over. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <getopt.h>

#include "../reports/suggest.h"
#include "../reports/units.h"
#include "verbs.h"

const struct sm_verb sm_verb_table[] = {
    {"run",
     "run SCENARIO [-p NAME=VALUE]... [-o DIR] [--time-scale X] [--repeat N] "
     "[--until-sure] [--live PORT] [--allocator NAME] [--own-cost[=PAIRS]] "
     "[--shard I/N [--load-only]] [--start-at UNIX_SECONDS] "
     "[--positive-control[=RATE]]",
     "run a scenario: a file, or a shipped name like log-batcher/slow-disk", sm_verb_run},
    {"probe", "probe [-o DIR] [--sample-bytes N] [--positive-control[=RATE]] -- COMMAND [ARG...]",
     "record any program, without a scenario", sm_verb_probe},
    {"report", "report RUN [--format F] [-o FILE]",
     "render a run (or a CSV series): text, json, verdicts", sm_verb_report},
    {"gate", "gate RUN [--budget FILE]", "check a run against budgets, for CI", sm_verb_gate},
    {"compare", "compare RUN RUN... [--format text|html] [-o FILE]", "two or more runs over each other",
     sm_verb_compare},
    {"merge", "merge RUN... -o DIR", "join the runs of all shards into one record", sm_verb_merge},
    {"list", "list", "shipped scenarios with their parameters", sm_verb_list},
    {"doctor", "doctor", "what this machine allows, and what to do about it", sm_verb_doctor},
    {NULL, NULL, NULL, NULL},
};

static const struct sm_verb *find_verb(const char *name) {
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++)
        if (strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

int sm_verb_fail(const char *verb, const struct sm_error *err, int status) {
    char line[1200];
    fprintf(stderr, "spillmark %s: %s\n", verb, sm_error_format(err, line, sizeof line));
    return err->status ? err->status : status;
}

int sm_verb_usage(const char *verb, const char *what_format, ...) {
    char what[512];
    va_list args;
    va_start(args, what_format);
    vsnprintf(what, sizeof what, what_format, args);
    va_end(args);
    fprintf(stderr, "spillmark %s: %s; usage: spillmark %s\n", verb, what, find_verb(verb)->usage);
    return SM_STATUS_USAGE;
}

int sm_verb_control_rate(const char *verb, const char *text, double *ret_per_s) {
    double per_s = -1;
    if (text && (sm_unit_parse(SM_UNIT_BYTES_PER_S, text, &per_s) || per_s <= 0))
        return sm_verb_usage(verb, "--positive-control=%s is not a rate like %s", text,
                             sm_unit_example(SM_UNIT_BYTES_PER_S));
    *ret_per_s = per_s;
    return 0;
}

int sm_verb_bad_option(const char *verb, int code, char **argv) {
    const char *text = argv[optind - 1];
    return sm_verb_usage(verb, code == ':' ? "option %s needs a value" : "unknown option %s", text);
}

static int help(FILE *to) {
    fprintf(to, "spillmark finds what makes an ingest program's memory grow, under scripted load "
                "and faults.\n\n");
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++)
        fprintf(to, "  spillmark %s\n        %s\n", verb->usage, verb->summary);
    fprintf(to, "\nExit status: 0 within budget and nothing growing; 1 a budget broken or a series "
                "growing;\n2 a usage or scenario error (nothing was run); 3 the target, a service "
                "or this machine\nfailed; 4 inconclusive.\n");
    return ferror(to) ? SM_STATUS_BROKEN : SM_STATUS_OK;
}

static int unknown_verb(const char *name) {
    const char *names[16];
    size_t count = 0;
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++)
        names[count++] = verb->name;
    const char *near = sm_suggest(name, names, count);
    fprintf(stderr, "spillmark: no verb \"%s\"; %s%s%s\n", name,
            near ? "did you mean \"" : "see spillmark --help", near ? near : "", near ? "\"?" : "");
    return SM_STATUS_USAGE;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        help(stderr);
        return SM_STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return help(stdout);
    if (strcmp(argv[1], "--version") == 0) {
        printf("spillmark %s\n", SPILLMARK_VERSION);
        return SM_STATUS_OK;
    }
    const struct sm_verb *verb = find_verb(argv[1]);
    if (!verb)
        return unknown_verb(argv[1]);
    if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
        printf("spillmark %s\n    %s\n", verb->usage, verb->summary);
        return SM_STATUS_OK;
    }
    return verb->main(argc - 1, argv + 1);
}
