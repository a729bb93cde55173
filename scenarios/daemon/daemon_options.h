/* daemon_options.h - a daemon's command line, as a table: --NAME VALUE or --NAME=VALUE, and --help,
 * which is printed from the table. A daemon's own options.c keeps the table and what one option
 * asks of another. Before any thread is made. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum daemon_option_kind { DAEMON_OPTION_TEXT, DAEMON_OPTION_NUMBER, DAEMON_OPTION_CHOICE };

/* One option. Rows are {name, help, DAEMON_FIELD(..), DAEMON_TEXT|NUMBER|CHOICE(..)}. */
struct daemon_option {
    const char *name; /* without the dashes */
    const char *help; /* what the value is, then what for: "N rows of a measurement are flushed" */
    /* Of the field: const char * for a text; else bool, or an integer or an enum of 4 or 8 bytes,
     * in which the limits fit. */
    size_t offset, size;
    enum daemon_option_kind kind;
    const char *text;           /* of a text: the default; NULL = none */
    int64_t fallback;           /* of a number or a choice: the default */
    int64_t at_least, at_most;  /* of a number */
    const char *const words[6]; /* of a choice, which is a word's index; ends with NULL */
    const char *environment;    /* a variable that sets it as well; NULL = none */
};

#define DAEMON_FIELD(type, field)  offsetof(type, field), sizeof(((type *)NULL)->field)
#define DAEMON_TEXT(fallback_text) .kind = DAEMON_OPTION_TEXT, .text = (fallback_text)
#define DAEMON_NUMBER(fallback_value, least, most)                                                 \
    .kind = DAEMON_OPTION_NUMBER, .fallback = (fallback_value), .at_least = (least),               \
    .at_most = (most)
#define DAEMON_CHOICE(fallback_index, ...)                                                         \
    .kind = DAEMON_OPTION_CHOICE, .fallback = (fallback_index), .words = {__VA_ARGS__}

enum { DAEMON_OPTIONS_MAX = 48 };

/* A daemon, as --help tells of it. Texts of lines end with a line end. */
struct daemon_usage {
    const char *name;     /* begins the lines about what is wrong */
    const char *synopsis; /* what follows the name in the first line */
    const char *about;    /* lines before the options */
    const char *closing;  /* lines after them; NULL = none */
    const struct daemon_option *options;
    size_t option_count; /* at most DAEMON_OPTIONS_MAX */
};

/* Whether to run; if not, the exit status. */
enum daemon_options_result {
    DAEMON_OPTIONS_RUN = -1,
    DAEMON_OPTIONS_HELP = 0,
    DAEMON_OPTIONS_BAD = 2,
};

/* Fills the fields of *ret_options: defaults, then the environment, then the command line; texts
 * belong to argv, the environment or the table. Prints the help on standard output, or one line
 * about what is wrong on standard error, when it does not return DAEMON_OPTIONS_RUN. */
enum daemon_options_result daemon_options_parse(const struct daemon_usage *usage, int argc,
                                                char **argv, void *ret_options);

/* True when a text was given; else prints that the option is missing. */
bool daemon_options_has(const struct daemon_usage *usage, const char *name, const char *text);

/* True when the path of a unix socket was given and is no longer than one may be; else prints so.
 */
bool daemon_options_has_socket(const struct daemon_usage *usage, const char *name,
                               const char *path);
