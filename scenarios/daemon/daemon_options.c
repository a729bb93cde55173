#include "daemon_options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* Prints a line's beginning, up to what is wrong with the value. */
static void begin_line(const struct daemon_usage *usage, const char *name, const char *value) {
    fprintf(stderr, "%s: %s: '%s' is ", usage->name, name, value);
}

static void print_option(const struct daemon_option *option, int width) {
    printf("  --%-*s %s", width, option->name, option->help);
    for (int i = 0; option->words[i]; i++)
        printf("%s%s", i ? "|" : ": ", option->words[i]);
    if (option->kind == DAEMON_OPTION_CHOICE)
        printf(" (%s)", option->words[option->fallback]);
    if (option->kind == DAEMON_OPTION_NUMBER)
        printf(" (%lld)", (long long)option->fallback);
    if (option->kind == DAEMON_OPTION_TEXT && option->text && *option->text)
        printf(" (%s)", option->text);
    if (option->environment)
        printf("; also %s", option->environment);
    putchar('\n');
}

static void print_help(const struct daemon_usage *usage) {
    size_t longest = 0;
    for (size_t i = 0; i < usage->option_count; i++)
        if (strlen(usage->options[i].name) > longest)
            longest = strlen(usage->options[i].name);
    printf("Usage: %s %s\n%s\n", usage->name, usage->synopsis, usage->about);
    for (size_t i = 0; i < usage->option_count; i++)
        print_option(&usage->options[i], (int)longest + 1);
    if (usage->closing)
        printf("\n%s", usage->closing);
}

static void store(const struct daemon_option *option, int64_t value, char *options) {
    bool flag = value != 0;
    uint32_t word = (uint32_t)value;
    if (option->size == sizeof flag)
        memcpy(options + option->offset, &flag, sizeof flag);
    else if (option->size == sizeof word)
        memcpy(options + option->offset, &word, sizeof word);
    else
        memcpy(options + option->offset, &value, sizeof value);
}

static bool parse_number(const struct daemon_usage *usage, const struct daemon_option *option,
                         const char *name, const char *text, int64_t *ret_value) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool is_plain = (text[0] >= '0' && text[0] <= '9') || text[0] == '-';
    if (is_plain && !errno && end != text && !*end && value >= option->at_least &&
        value <= option->at_most) {
        *ret_value = value;
        return true;
    }
    begin_line(usage, name, text);
    fprintf(stderr, "not a whole number from %lld to %lld\n", (long long)option->at_least,
            (long long)option->at_most);
    return false;
}

static bool parse_choice(const struct daemon_usage *usage, const struct daemon_option *option,
                         const char *name, const char *text, int64_t *ret_value) {
    for (int i = 0; option->words[i]; i++)
        if (strcmp(option->words[i], text) == 0) {
            *ret_value = i;
            return true;
        }
    begin_line(usage, name, text);
    if (!option->words[2]) {
        fprintf(stderr, "neither %s nor %s\n", option->words[0], option->words[1]);
        return false;
    }
    fputs("none of", stderr);
    for (int i = 0; option->words[i]; i++)
        fprintf(stderr, " %s", option->words[i]);
    fputc('\n', stderr);
    return false;
}

/* Name is what the line about a bad value calls it: the option, or the variable. */
static bool apply(const struct daemon_usage *usage, const struct daemon_option *option,
                  const char *name, const char *text, char *options) {
    int64_t value;
    if (option->kind == DAEMON_OPTION_TEXT) {
        memcpy(options + option->offset, &text, sizeof text);
        return true;
    }
    bool is_ok = option->kind == DAEMON_OPTION_NUMBER
                     ? parse_number(usage, option, name, text, &value)
                     : parse_choice(usage, option, name, text, &value);
    if (is_ok)
        store(option, value, options);
    return is_ok;
}

static void apply_defaults(const struct daemon_usage *usage, char *options) {
    for (size_t i = 0; i < usage->option_count; i++) {
        const struct daemon_option *option = &usage->options[i];
        if (option->kind == DAEMON_OPTION_TEXT)
            memcpy(options + option->offset, &option->text, sizeof option->text);
        else
            store(option, option->fallback, options);
    }
}

static bool apply_environment(const struct daemon_usage *usage, char *options) {
    for (size_t i = 0; i < usage->option_count; i++) {
        const char *name = usage->options[i].environment;
        const char *value = name ? getenv(name) : NULL;
        if (value && !apply(usage, &usage->options[i], name, value, options))
            return false;
    }
    return true;
}

static enum daemon_options_result apply_argument(const struct daemon_usage *usage, int found,
                                                 const char *argument, char *options) {
    if (found == (int)usage->option_count + 1) {
        print_help(usage);
        return DAEMON_OPTIONS_HELP;
    }
    if (found == '?' || found == ':') {
        fprintf(stderr, "%s: %s: %s; see --help\n", usage->name, argument,
                found == ':' ? "needs a value" : "no such option");
        return DAEMON_OPTIONS_BAD;
    }
    const struct daemon_option *option = &usage->options[found - 1];
    char name[64];
    snprintf(name, sizeof name, "--%s", option->name);
    return apply(usage, option, name, optarg, options) ? DAEMON_OPTIONS_RUN : DAEMON_OPTIONS_BAD;
}

enum daemon_options_result daemon_options_parse(const struct daemon_usage *usage, int argc,
                                                char **argv, void *ret_options) {
    struct option names[DAEMON_OPTIONS_MAX + 2] = {0};
    size_t count = usage->option_count;
    /* What getopt returns for an option lies below its own '?' and ':'. */
    static_assert(DAEMON_OPTIONS_MAX + 1 < ':' && ':' < '?', "no number means two things");
    assert(count <= DAEMON_OPTIONS_MAX);
    for (size_t i = 0; i < count; i++)
        names[i] = (struct option){usage->options[i].name, required_argument, NULL, (int)i + 1};
    names[count] = (struct option){"help", no_argument, NULL, (int)count + 1};
    apply_defaults(usage, ret_options);
    if (!apply_environment(usage, ret_options))
        return DAEMON_OPTIONS_BAD;
    opterr = 0;
    for (;;) {
        int at = optind;
        int found = getopt_long(argc, argv, "+:", names, NULL);
        if (found == -1)
            break;
        enum daemon_options_result result = apply_argument(usage, found, argv[at], ret_options);
        if (result != DAEMON_OPTIONS_RUN)
            return result;
    }
    if (optind == argc)
        return DAEMON_OPTIONS_RUN;
    fprintf(stderr, "%s: '%s': takes options only; see --help\n", usage->name, argv[optind]);
    return DAEMON_OPTIONS_BAD;
}

bool daemon_options_has(const struct daemon_usage *usage, const char *name, const char *text) {
    if (!text)
        fprintf(stderr, "%s: --%s is missing; see --help\n", usage->name, name);
    return text != NULL;
}

bool daemon_options_has_socket(const struct daemon_usage *usage, const char *name,
                               const char *path) {
    const size_t most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    if (!daemon_options_has(usage, name, path))
        return false;
    if (strlen(path) > most)
        fprintf(stderr, "%s: --%s: the path is longer than %zu bytes\n", usage->name, name, most);
    return strlen(path) <= most;
}
