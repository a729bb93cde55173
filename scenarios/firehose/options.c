#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, COUNT, MILLISECONDS, CHOICE };

/* An option: where it goes, and what it may be. A choice is true for its second word. */
struct setting {
    const char *name;
    const char *environment; /* the variable that sets it besides; may be NULL */
    enum kind kind;
    size_t offset; /* in struct fh_options */
    const char *no, *yes;
    const char *help;
};

#define AT(member) offsetof(struct fh_options, member)

static const struct setting settings[] = {
    {"relay", "INGESTER_RELAY_HOSTS", TEXT, AT(relay_hosts), NULL, NULL,
     "HOST:PORT or unix:PATH of relays, with commas"},
    {"labeler", "INGESTER_LABELER_HOSTS", TEXT, AT(labeler_hosts), NULL, NULL, "of labelers"},
    {"backfill", "INGESTER_BACKFILL_URL", TEXT, AT(backfill_url), NULL, NULL,
     "http://HOST:PORT whose repositories are listed once"},
    {"redis", "REDIS_URL", TEXT, AT(redis_url), NULL, NULL, "redis://HOST:PORT or unix:PATH"},
    {"stats", NULL, TEXT, AT(stats_path), NULL, NULL,
     "a unix socket for GET /health and GET /stats"},
    {"high-water-mark", "INGESTER_HIGH_WATER_MARK", COUNT, AT(high_water_mark), NULL, NULL,
     "entries of a stream at which the writer waits (100000)"},
    {"batch-size", "INGESTER_BATCH_SIZE", COUNT, AT(batch_size), NULL, NULL, "events (500)"},
    {"batch-timeout-ms", "INGESTER_BATCH_TIMEOUT_MS", MILLISECONDS, AT(batch_timeout_ms), NULL,
     NULL, "age at which a batch is written though it is not full (1000)"},
    {"pressure-sleep-ms", NULL, MILLISECONDS, AT(pressure_sleep_ms), NULL, NULL,
     "how long the writer waits at the mark (5000)"},
    {"metrics-interval-ms", NULL, MILLISECONDS, AT(metrics_interval_ms), NULL, NULL,
     "between two lines of metrics (10000)"},
    {"channels", NULL, CHOICE, AT(is_bounded), "unbounded", "bounded",
     "twice the batch size for events and 4 for batches, or without end"},
    {"pressure", NULL, CHOICE, AT(drops_under_pressure), "keep", "drop",
     "the batch in hand while the stream is at the mark"},
    {"counter", NULL, CHOICE, AT(counts_right), "code", "right",
     "events in flight: dropped ones stay counted, or not"},
    {"redis-failure", NULL, CHOICE, AT(retries_redis), "end", "retry",
     "the writer ends when Redis fails, or waits for it"},
    {"parse", NULL, CHOICE, AT(parses_per_operation), "shared", "per-op",
     "a commit's blocks are read once, or for each operation"},
};

enum {
    SETTING_COUNT = sizeof settings / sizeof settings[0],
    OPTION_HELP = SETTING_COUNT + 1,
};

static void print_help(void) {
    fputs("Usage: firehose [OPTION]...\n"
          "Reads a relay's events over WebSocket and writes them to Redis streams in batches.\n\n",
          stdout);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];
        char values[40] = "VALUE";
        if (setting->kind == CHOICE)
            snprintf(values, sizeof values, "%s|%s", setting->no, setting->yes);
        printf("  --%-20s %s\n      %s%s%s\n", setting->name, values, setting->help,
               setting->environment ? "; also " : "",
               setting->environment ? setting->environment : "");
    }
    fputs("\nStreams: firehose_live, label_live, repo_backfill. The cursor of a relay is\n"
          "firehose_live:cursor:HOST.\n",
          stdout);
}

static bool bad(const char *name, const char *value, const char *expected) {
    fprintf(stderr, "firehose: %s: '%s' is not %s\n", name, value, expected);
    return false;
}

static bool parse_number(const char *name, const char *text, unsigned long *ret_value) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || value < 1 ||
        value > INT_MAX)
        return bad(name, text, "a whole number from 1 to 2147483647");
    *ret_value = value;
    return true;
}

static bool apply(const struct setting *setting, const char *name, const char *value,
                  struct fh_options *options) {
    void *place = (char *)options + setting->offset;
    unsigned long number;
    switch (setting->kind) {
    case TEXT:
        *(const char **)place = value;
        return true;
    case COUNT:
        if (!parse_number(name, value, &number))
            return false;
        *(size_t *)place = number;
        return true;
    case MILLISECONDS:
        if (!parse_number(name, value, &number))
            return false;
        *(unsigned *)place = (unsigned)number;
        return true;
    default:
        *(bool *)place = strcmp(value, setting->yes) == 0;
        if (*(bool *)place || strcmp(value, setting->no) == 0)
            return true;
        fprintf(stderr, "firehose: %s: '%s' is neither %s nor %s\n", name, value, setting->no,
                setting->yes);
        return false;
    }
}

static bool apply_environment(struct fh_options *options) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *name = settings[i].environment;
        const char *value = name ? getenv(name) : NULL;
        if (value && !apply(&settings[i], name, value, options))
            return false;
    }
    return true;
}

static enum fh_options_result apply_arguments(int argc, char **argv, struct fh_options *options) {
    struct option long_options[SETTING_COUNT + 2] = {0};
    for (size_t i = 0; i < SETTING_COUNT; i++)
        long_options[i] = (struct option){settings[i].name, required_argument, NULL, (int)i + 1};
    long_options[SETTING_COUNT] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            print_help();
            return FH_OPTIONS_HELP;
        }
        if (option == '?' || option == ':') {
            fprintf(stderr, "firehose: %s: %s; see --help\n", argv[optind - 1],
                    option == ':' ? "needs a value" : "no such option");
            return FH_OPTIONS_BAD;
        }
        if (!apply(&settings[option - 1], settings[option - 1].name, optarg, options))
            return FH_OPTIONS_BAD;
    }
    if (optind < argc) {
        fprintf(stderr, "firehose: '%s': takes options only; see --help\n", argv[optind]);
        return FH_OPTIONS_BAD;
    }
    return FH_OPTIONS_RUN;
}

enum fh_options_result fh_options_parse(int argc, char **argv, struct fh_options *ret_options) {
    struct fh_options options = {
        .relay_hosts = "",
        .labeler_hosts = "",
        .redis_url = "redis://127.0.0.1:6379",
        .high_water_mark = 100000,
        .batch_size = 500,
        .batch_timeout_ms = 1000,
        .pressure_sleep_ms = 5000,
        .metrics_interval_ms = 10000,
        .is_bounded = true,
        .counts_right = true,
        .retries_redis = true,
    };
    if (!apply_environment(&options))
        return FH_OPTIONS_BAD;
    enum fh_options_result result = apply_arguments(argc, argv, &options);
    if (result != FH_OPTIONS_RUN)
        return result;
    if (!*options.relay_hosts && !*options.labeler_hosts && !options.backfill_url) {
        fprintf(stderr, "firehose: one of --relay, --labeler and --backfill is needed\n");
        return FH_OPTIONS_BAD;
    }
    *ret_options = options;
    return FH_OPTIONS_RUN;
}
