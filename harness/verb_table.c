#include "verb_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/figures.h"
#include "../reports/render.h"
#include "allocator_library.h"
#include "verbs.h"

/* The words of a completion, each followed by a space. */
#define WORD(name)                  #name " "
#define FIGURE_WORD(id, name, unit) name " "

static const struct sm_verb_option run_options[] = {
    {"param", 'p', 1, 1, 0, "NAME=VALUE", "set a parameter of the scenario", 0, NULL},
    {"output", 'o', 1, 0, 0, "DIR", "leave the run there instead of in spillmark-runs",
     SM_COMPLETE_DIRECTORY, NULL},
    {"time-scale", 't', 0, 0, 0, "X", "make every phase X times as long", 0, NULL},
    {"repeat", 'r', 0, 0, 0, "N", "run N times, into DIR.1 to DIR.N", 0, NULL},
    {"until-sure", 's', 0, 0, 0, NULL, "end as soon as the outcome is settled", 0, NULL},
    {"live", 'l', 0, 0, 0, "PORT", "serve the page of the run on loopback while it goes on", 0,
     NULL},
    {"record-env", 'e', 0, 0, 0, NULL,
     "record the values of the environment variables it sets, not only their names", 0, NULL},
    {"allocator", 'a', 0, 0, 0, "NAME", "put another allocator beneath the target",
     SM_COMPLETE_WORDS, SM_ALLOCATORS(WORD)},
    {"sample-bytes", 'm', 0, 0, 0, "N", "take a stack every N bytes on average; 1 for all", 0,
     NULL},
    {"shard", 'S', 0, 0, 0, "I/N", "offer only the I-th of N parts of the load", 0, NULL},
    {"load-only", 'L', 0, 0, 0, NULL, "start no target: another shard does", 0, NULL},
    {"start-at", 'T', 0, 0, 0, "UNIX_SECONDS", "begin the first phase then, like other shards", 0,
     NULL},
    {"own-cost", 'c', 0, 0, 1, "PAIRS", "measure what the probe costs, in pairs of runs", 0, NULL},
    {"positive-control", 'k', 0, 0, 1, "RATE",
     "keep a known trickle of memory in the program, and say whether it was seen", 0, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL, 0, NULL}};

static const struct sm_verb_option probe_options[] = {
    {"output", 'o', 1, 0, 0, "DIR", "leave the run there instead of in spillmark-runs",
     SM_COMPLETE_DIRECTORY, NULL},
    {"for", 'F', 0, 0, 0, "DURATION",
     "end it after so long, like 60s; else until it ends by itself", 0, NULL},
    {"replace", 'r', 0, 0, 0, NULL, "in the place of a former run in DIR", 0, NULL},
    {"limit", 'l', 0, 1, 0, "NAME=LIMIT", "a limit the run must keep, like heap_peak=64MB", 0,
     NULL},
    {"budget", 'b', 1, 0, 0, "FILE", "lines `name = limit` that it must keep", SM_COMPLETE_FILE,
     NULL},
    {"sample-bytes", 's', 0, 0, 0, "N", "take a stack every N bytes on average; 1 for all", 0,
     NULL},
    {"positive-control", 'k', 0, 0, 1, "RATE",
     "keep a known trickle of memory in the program, and say whether it was seen", 0, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL, 0, NULL}};

static const struct sm_verb_option attach_options[] = {
    {"output", 'o', 1, 0, 0, "DIR", "leave the run there instead of in spillmark-runs",
     SM_COMPLETE_DIRECTORY, NULL},
    {"for", 'F', 0, 0, 0, "DURATION", "so long, like 60s; else until it ends, or Ctrl-C", 0, NULL},
    {"inject", 'i', 0, 0, 0, NULL,
     "load the probe into it, for its heap and sites from now on (experimental)", 0, NULL},
    {"sample-bytes", 's', 0, 0, 0, "N", "with --inject: a stack every N bytes on average", 0, NULL},
    {"limit", 'l', 0, 1, 0, "NAME=LIMIT", "a limit it must keep, like rss_peak=1GB", 0, NULL},
    {"budget", 'b', 1, 0, 0, "FILE", "lines `name = limit` that it must keep", SM_COMPLETE_FILE,
     NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL, 0, NULL}};

static const struct sm_verb_option report_options[] = {
    {"format", 'f', 1, 0, 0, "F", "how to write it: text unless told otherwise",
     SM_COMPLETE_FORMATS, NULL},
    {"output", 'o', 1, 0, 0, "FILE", "write it there instead of on standard output",
     SM_COMPLETE_FILE, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL, 0, NULL}};

static const struct sm_verb_option gate_options[] = {
    {"budget", 'b', 1, 0, 0, "FILE", "lines `name = limit` instead of the run's own budget",
     SM_COMPLETE_FILE, NULL},
    {"limit", 'l', 0, 1, 0, "NAME=LIMIT", "one more, like heap_peak=64MB", 0, NULL},
    {"baseline", 'B', 0, 1, 0, "RUN",
     "compare with it: a run, a directory of runs, or a file of --save-baseline", SM_COMPLETE_FILE,
     NULL},
    {"last", 'n', 0, 0, 0, "N", "of a directory of runs only the last N: 10", 0, NULL},
    {"figure", 'F', 0, 1, 0, "NAME", "what to compare instead of memory and descriptors",
     SM_COMPLETE_WORDS, SM_FIGURES_TABLE(FIGURE_WORD)},
    {"tolerance", 't', 0, 0, 0, "PERCENT", "how much more than the baseline is allowed: 10", 0,
     NULL},
    {"save-baseline", 'S', 0, 0, 0, "FILE", "write the figures of the runs there, to be committed",
     SM_COMPLETE_FILE, NULL},
    {"format", 'f', 1, 0, 0, "F", "a report with the lines judged here, instead of the lines alone",
     SM_COMPLETE_FORMATS, NULL},
    {"output", 'o', 1, 0, 0, "FILE", "write it there instead of on standard output",
     SM_COMPLETE_FILE, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL, 0, NULL}};

static const struct sm_verb_option compare_options[] = {
    {"format", 'f', 1, 0, 0, "F", "text, or html for a page", SM_COMPLETE_WORDS, "text html"},
    {"output", 'o', 1, 0, 0, "FILE", "write it there instead of on standard output",
     SM_COMPLETE_FILE, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL, 0, NULL}};

static const struct sm_verb_option merge_options[] = {
    {"output", 'o', 1, 0, 0, "DIR", "leave the record there instead of in spillmark-runs",
     SM_COMPLETE_DIRECTORY, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL, 0, NULL}};

static const struct sm_verb_option no_options[] = {{NULL, 0, 0, 0, 0, NULL, NULL, 0, NULL}};

const struct sm_verb sm_verb_table[] = {
    {"run", "run a scenario: a file, or a shipped name like log-batcher/slow-disk", "SCENARIO",
     SM_COMPLETE_SCENARIO, run_options, sm_verb_run},
    {"probe", "record any program, without a scenario", "-- COMMAND [ARG...]", SM_COMPLETE_COMMAND,
     probe_options, sm_verb_probe},
    {"attach", "watch a program that runs already, from outside or inside", "PID",
     SM_COMPLETE_NOTHING, attach_options, sm_verb_attach},
    {"report", "render a run, the pool file of a probe alone, or a CSV series", "RUN",
     SM_COMPLETE_FILE, report_options, sm_verb_report},
    {"gate", "check runs against budgets and against earlier runs, for CI", "RUN...",
     SM_COMPLETE_FILE, gate_options, sm_verb_gate},
    {"compare", "two or more runs over each other", "RUN RUN...", SM_COMPLETE_FILE, compare_options,
     sm_verb_compare},
    {"merge", "join the runs of all shards into one record", "RUN...", SM_COMPLETE_FILE,
     merge_options, sm_verb_merge},
    {"list", "shipped scenarios with their parameters", "", SM_COMPLETE_NOTHING, no_options,
     sm_verb_list},
    {"doctor", "what this machine allows, and what to do about it", "", SM_COMPLETE_NOTHING,
     no_options, sm_verb_doctor},
    {NULL, NULL, NULL, 0, NULL, NULL},
};

const struct sm_verb *sm_verb_find(const char *name) {
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++)
        if (strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

struct sm_verb_getopt sm_verb_getopt(const char *name) {
    const struct sm_verb *verb = sm_verb_find(name);
    struct sm_verb_getopt made = {0};
    size_t count = 0, letters = 0;
    if (verb->complete == SM_COMPLETE_COMMAND)
        made.letters[letters++] = '+';
    made.letters[letters++] = ':';
    for (const struct sm_verb_option *option = verb->options;
         option->name && count < SM_VERB_OPTIONS_MAX; option++) {
        made.options[count++] = (struct option){option->name,
                                                !option->value           ? no_argument
                                                : option->value_may_lack ? optional_argument
                                                                         : required_argument,
                                                NULL, option->letter};
        if (!option->has_short)
            continue;
        made.letters[letters++] = option->letter;
        if (option->value)
            made.letters[letters++] = ':';
    }
    return made;
}

char *sm_verb_usage_text(const struct sm_verb *verb, char *buffer) {
    int is_command = verb->complete == SM_COMPLETE_COMMAND; /* which comes last */
    const char *options = verb->options->name ? " [OPTION]..." : "";
    snprintf(buffer, SM_VERB_USAGE_BYTES, "%s%s%s%s%s", verb->name, is_command ? options : "",
             verb->operands[0] ? " " : "", verb->operands, is_command ? "" : options);
    return buffer;
}

char *sm_verb_option_text(const struct sm_verb_option *option, char *buffer, size_t buffer_bytes) {
    char brief[8] = "";
    if (option->has_short)
        snprintf(brief, sizeof brief, "-%c, ", option->letter);
    snprintf(buffer, buffer_bytes, "%s--%s%s%s%s", brief, option->name,
             option->value_may_lack ? "[="
             : option->value        ? " "
                                    : "",
             option->value ? option->value : "", option->value_may_lack ? "]" : "");
    return buffer;
}

char *sm_verb_words(enum sm_complete complete, const char *words) {
    char *text = NULL;
    size_t length = 0;
    if (complete == SM_COMPLETE_WORDS)
        return strdup(words);
    if (complete != SM_COMPLETE_FORMATS)
        return NULL;
    FILE *to = open_memstream(&text, &length);
    for (const struct sm_renderer *renderer = sm_render_table; to && renderer->name; renderer++)
        fprintf(to, "%s%s", renderer == sm_render_table ? "" : " ", renderer->name);
    if (!to || fclose(to)) {
        free(text);
        return NULL;
    }
    return text;
}
