#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum {
    OPTION_SOCKET = 1,
    OPTION_DB,
    OPTION_CHANNEL,
    OPTION_CAPACITY,
    OPTION_MAX_BODY,
    OPTION_THREADS,
    OPTION_SYSMON,
    OPTION_SYSMON_INTERVAL,
    OPTION_STALE_SOCKET,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"db", required_argument, NULL, OPTION_DB},
    {"channel", required_argument, NULL, OPTION_CHANNEL},
    {"capacity", required_argument, NULL, OPTION_CAPACITY},
    {"max-body", required_argument, NULL, OPTION_MAX_BODY},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"sysmon", required_argument, NULL, OPTION_SYSMON},
    {"sysmon-interval-ms", required_argument, NULL, OPTION_SYSMON_INTERVAL},
    {"stale-socket", required_argument, NULL, OPTION_STALE_SOCKET},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static const char help_text[] =
    "Usage: log-batcher --socket PATH --db FILE [OPTION]...\n"
    "Takes log entries as JSON-RPC over HTTP on a unix socket and writes them to SQLite in\n"
    "batches, every 100 ms or at 10000 entries.\n"
    "\n"
    "  --channel unbounded|bounded         between the callers and the batcher (bounded)\n"
    "  --capacity N                        entries in a bounded channel (100000)\n"
    "  --sysmon off|retain|release         watch /proc: not at all, with descriptors kept open\n"
    "                                      between refreshes, or closed after each (off)\n"
    "  --sysmon-interval-ms N              time between two refreshes (1000)\n"
    "  --stale-socket unlink|keep          a socket left by a killed daemon is replaced, or\n"
    "                                      stops this one from starting (unlink)\n"
    "  --max-body BYTES                    of one request; more is answered 413 (1048576)\n"
    "  --threads N                         of the HTTP server (1)\n"
    "\n"
    "POST /rpc  method logs.insert, params: a text, {source, level, message}, or a list of them\n"
    "GET /health, GET /stats\n";

static bool bad(const char *option, const char *value, const char *expected) {
    fprintf(stderr, "log-batcher: --%s: '%s' is not %s\n", option, value, expected);
    return false;
}

static bool parse_number(const char *option, const char *text, unsigned long max,
                         unsigned long *ret_value) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || value < 1 ||
        value > max) {
        char expected[64];
        snprintf(expected, sizeof expected, "a whole number from 1 to %lu", max);
        return bad(option, text, expected);
    }
    *ret_value = value;
    return true;
}

/* Finds text among the NULL-terminated names. */
static bool parse_choice(const char *option, const char *text, const char *const *names,
                         const char *expected, int *ret_index) {
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return bad(option, text, expected);
}

static bool apply_choice(int option, const char *value, struct lb_options *options) {
    static const char *const channels[] = {"unbounded", "bounded", NULL};
    static const char *const sysmons[] = {"off", "retain", "release", NULL};
    static const char *const stales[] = {"keep", "unlink", NULL};
    int index;
    switch (option) {
    case OPTION_CHANNEL:
        if (!parse_choice("channel", value, channels, "unbounded or bounded", &index))
            return false;
        options->is_bounded = index == 1;
        return true;
    case OPTION_SYSMON:
        if (!parse_choice("sysmon", value, sysmons, "off, retain or release", &index))
            return false;
        options->sysmon = (enum lb_sysmon_mode)index;
        return true;
    default:
        if (!parse_choice("stale-socket", value, stales, "keep or unlink", &index))
            return false;
        options->unlinks_stale_socket = index == 1;
        return true;
    }
}

static bool apply(int option, const char *value, struct lb_options *options) {
    unsigned long number;
    switch (option) {
    case OPTION_SOCKET:
        options->socket_path = value;
        return true;
    case OPTION_DB:
        options->database_path = value;
        return true;
    case OPTION_CAPACITY:
        if (!parse_number("capacity", value, 1000000000, &number))
            return false;
        options->capacity = number;
        return true;
    case OPTION_MAX_BODY:
        if (!parse_number("max-body", value, 1ul << 30, &number))
            return false;
        options->body_max_bytes = number;
        return true;
    case OPTION_THREADS:
        if (!parse_number("threads", value, 64, &number))
            return false;
        options->thread_count = (unsigned)number;
        return true;
    case OPTION_SYSMON_INTERVAL:
        if (!parse_number("sysmon-interval-ms", value, 3600000, &number))
            return false;
        options->sysmon_interval_ms = (unsigned)number;
        return true;
    default:
        return apply_choice(option, value, options);
    }
}

static bool is_complete(const struct lb_options *options) {
    if (!options->socket_path || !options->database_path) {
        fprintf(stderr, "log-batcher: --%s is missing; see --help\n",
                options->socket_path ? "db" : "socket");
        return false;
    }
    if (strlen(options->socket_path) >= sizeof((struct sockaddr_un *)NULL)->sun_path) {
        fprintf(stderr, "log-batcher: --socket: the path is longer than %zu bytes\n",
                sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
        return false;
    }
    return true;
}

enum lb_options_result lb_options_parse(int argc, char **argv, struct lb_options *ret_options) {
    struct lb_options options = {.is_bounded = true,
                                 .capacity = 100000,
                                 .body_max_bytes = 1 << 20,
                                 .thread_count = 1,
                                 .sysmon = LB_SYSMON_OFF,
                                 .sysmon_interval_ms = 1000,
                                 .unlinks_stale_socket = true};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            fputs(help_text, stdout);
            return LB_OPTIONS_HELP;
        }
        if (option == '?' || option == ':') {
            fprintf(stderr, "log-batcher: %s: %s; see --help\n", argv[optind - 1],
                    option == ':' ? "needs a value" : "no such option");
            return LB_OPTIONS_BAD;
        }
        if (!apply(option, optarg, &options))
            return LB_OPTIONS_BAD;
    }
    if (optind < argc) {
        fprintf(stderr, "log-batcher: '%s': takes options only; see --help\n", argv[optind]);
        return LB_OPTIONS_BAD;
    }
    if (!is_complete(&options))
        return LB_OPTIONS_BAD;
    *ret_options = options;
    return LB_OPTIONS_RUN;
}
