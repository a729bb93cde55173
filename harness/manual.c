#include "manual.h"

#include "../reports/render.h"
#include "verb_table.h"
#include "verbs.h"

/* A text: dashes are to be typed, and a line may not begin like a macro. */
static void put(FILE *to, const char *text) {
    if (text[0] == '.' || text[0] == '\'')
        fputs("\\&", to);
    for (; *text; text++)
        if (*text == '-')
            fputs("\\-", to);
        else if (*text == '\\')
            fputs("\\e", to);
        else
            fputc(*text, to);
}

static void print_verb(FILE *to, const struct sm_verb *verb) {
    char text[SM_VERB_USAGE_BYTES];
    fputs(".SS ", to);
    put(to, verb->name);
    fputs("\n.B spillmark ", to);
    put(to, sm_verb_usage_text(verb, text));
    fputs("\n.PP\n", to);
    put(to, verb->summary);
    fputs(".\n", to);
    for (const struct sm_verb_option *option = verb->options; option->name; option++) {
        fputs(".TP\n.B ", to);
        put(to, sm_verb_option_text(option, text, sizeof text));
        fputc('\n', to);
        put(to, option->help);
        fputs(".\n", to);
    }
}

static void print_formats(FILE *to) {
    fputs(".SH FORMATS\n", to);
    for (const struct sm_renderer *renderer = sm_render_table; renderer->name; renderer++) {
        fputs(".TP\n.B ", to);
        put(to, renderer->name);
        fputc('\n', to);
        put(to, renderer->help);
        fputs(".\n", to);
    }
}

int sm_manual_print(FILE *to) {
    fprintf(to, ".TH SPILLMARK 1 \"\" \"spillmark %s\" \"User Commands\"\n", SPILLMARK_VERSION);
    fputs(".SH NAME\nspillmark \\- find out why an ingest program's memory grows\n"
          ".SH SYNOPSIS\n.B spillmark\n.I VERB\n.RI [ ARGUMENT ]...\n"
          ".SH DESCRIPTION\n"
          "Runs an unmodified program under scripted load and faults, watches its heap, "
          "descriptors and work\nin flight from inside, and says with figures and call stacks "
          "whether anything grows without bound,\nwhy, and whether that is within budget.\n"
          ".SH VERBS\n",
          to);
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++)
        print_verb(to, verb);
    print_formats(to);
    fputs(".SH EXIT STATUS\nThe same for every verb.\n"
          ".TP\n.B 0\nWithin budget and nothing growing.\n"
          ".TP\n.B 1\nA budget broken or a series growing.\n"
          ".TP\n.B 2\nA usage or scenario error; nothing was run.\n"
          ".TP\n.B 3\nThe target, a service or this machine failed.\n"
          ".TP\n.B 4\nInconclusive: the run could not settle it.\n"
          ".SH FILES\n.TP\n.I spillmark-runs/NAME.N\n"
          "Where runs are left unless told otherwise: run.db, an SQLite file with everything "
          "measured, and\nlogs.\n"
          ".TP\n.I /usr/share/doc/spillmark\nHow to write scenarios, and how verdicts are "
          "reached.\n",
          to);
    return ferror(to) ? SM_STATUS_BROKEN : SM_STATUS_OK;
}
