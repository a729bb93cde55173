/* main.c - the spillmark program: finds the verb and hands over. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <getopt.h>

#include "../reports/render.h"
#include "../reports/suggest.h"
#include "completion.h"
#include "manual.h"
#include "verb_table.h"
#include "verbs.h"

int sm_verb_fail(const char *verb, const struct sm_error *err, int status) {
    char line[sizeof *err];
    fprintf(stderr, "spillmark %s: %s\n", verb, sm_error_format(err, line, sizeof line));
    return err->status ? err->status : status;
}

int sm_verb_usage(const char *verb, const char *what_format, ...) {
    char what[512];
    char usage[SM_VERB_USAGE_BYTES];
    va_list args;
    va_start(args, what_format);
    vsnprintf(what, sizeof what, what_format, args);
    va_end(args);
    fprintf(stderr, "spillmark %s: %s; usage: spillmark %s; see spillmark %s --help\n", verb, what,
            sm_verb_usage_text(sm_verb_find(verb), usage), verb);
    return SM_STATUS_USAGE;
}

int sm_verb_worse(int a, int b) {
    static const int gravity[] = {[SM_STATUS_OK] = 0,
                                  [SM_STATUS_INCONCLUSIVE] = 1,
                                  [SM_STATUS_FAILED] = 2,
                                  [SM_STATUS_BROKEN] = 3,
                                  [SM_STATUS_USAGE] = 4};
    return gravity[a] >= gravity[b] ? a : b;
}

static int help(FILE *to) {
    fprintf(to, "spillmark finds what makes an ingest program's memory grow, under scripted load "
                "and faults.\n\n");
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++)
        fprintf(to, "  %-7s  %-19s  %s\n", verb->name, verb->operands, verb->summary);
    fprintf(to,
            "\n\"spillmark VERB --help\" lists the options of a verb.\n\nExit status: 0 within "
            "budget and nothing growing; 1 a budget broken or a series growing;\n2 a usage or "
            "scenario error (nothing was run); 3 the target, a service or this machine\nfailed; "
            "4 inconclusive.\n");
    return ferror(to) ? SM_STATUS_BROKEN : SM_STATUS_OK;
}

static int help_with(const struct sm_verb *verb) {
    char text[SM_VERB_USAGE_BYTES];
    printf("spillmark %s\n    %s\n", sm_verb_usage_text(verb, text), verb->summary);
    for (const struct sm_verb_option *option = verb->options; option->name; option++) {
        printf("%s  %-24s  %s\n", option == verb->options ? "\n" : "",
               sm_verb_option_text(option, text, sizeof text), option->help);
        if (option->complete == SM_COMPLETE_FORMATS)
            for (const struct sm_renderer *f = sm_render_table; f->name; f++)
                printf("      %-20s  %s\n", f->name, f->help);
    }
    return ferror(stdout) ? SM_STATUS_BROKEN : SM_STATUS_OK;
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
    if (strcmp(argv[1], "--manual") == 0)
        return sm_manual_print(stdout);
    if (strcmp(argv[1], "--completion") == 0)
        return sm_completion_print(argc > 2 ? argv[2] : "", stdout);
    const struct sm_verb *verb = sm_verb_find(argv[1]);
    if (!verb)
        return unknown_verb(argv[1]);
    if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
        return help_with(verb);
    }
    return verb->main(argc - 1, argv + 1);
}
