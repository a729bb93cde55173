/* verb_table.h - the one table of verbs and of what they take: parsing, help, the manual page and
 * the completions of shells are all made from it. */
#pragma once

#include <getopt.h>
#include <stddef.h>

/* How the value of an option, or an operand, is completed. */
enum sm_complete {
    SM_COMPLETE_NOTHING,
    SM_COMPLETE_WORDS, /* those of `words` */
    SM_COMPLETE_FORMATS,
    SM_COMPLETE_FILE,
    SM_COMPLETE_DIRECTORY,
    SM_COMPLETE_SCENARIO, /* a file, or a name that `spillmark list` tells */
    SM_COMPLETE_COMMAND,  /* a program and its arguments */
};

struct sm_verb_option {
    const char *name; /* the long form without dashes; NULL ends a table */
    char letter;      /* what getopt_long returns */
    char has_short;   /* -LETTER means the same */
    char may_repeat;
    char value_may_lack; /* --name or --name=VALUE */
    const char *value;   /* "DIR"; NULL when it takes none */
    const char *help;
    enum sm_complete complete;
    const char *words; /* parted by blanks */
};

struct sm_verb {
    const char *name;
    const char *summary;       /* one line */
    const char *operands;      /* "SCENARIO"; "" for none */
    enum sm_complete complete; /* of an operand */
    const struct sm_verb_option *options;
    int (*main)(int argc, char **argv);
};

/* Ends with a name of NULL. */
extern const struct sm_verb sm_verb_table[];

/* NULL when there is none of that name. */
const struct sm_verb *sm_verb_find(const char *name);

enum { SM_VERB_OPTIONS_MAX = 32, SM_VERB_USAGE_BYTES = 200 };

/* What getopt_long wants. Letters begin with ':', after a '+' where an operand is a command. */
struct sm_verb_getopt {
    char letters[SM_VERB_OPTIONS_MAX * 2 + 3];
    struct option options[SM_VERB_OPTIONS_MAX + 1];
};
struct sm_verb_getopt sm_verb_getopt(const char *verb);

/* "run SCENARIO [OPTION]..." into the buffer of SM_VERB_USAGE_BYTES; returns it. */
char *sm_verb_usage_text(const struct sm_verb *verb, char *buffer);

/* "-o, --output DIR" into the buffer; returns it. */
char *sm_verb_option_text(const struct sm_verb_option *option, char *buffer, size_t buffer_bytes);

/* The words that a value may be: of the option, or the formats of reports. Words are parted by
 * blanks; malloc'd, NULL when out of memory or when there are none to tell. */
char *sm_verb_words(enum sm_complete complete, const char *words);
