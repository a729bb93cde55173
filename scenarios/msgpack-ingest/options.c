#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "stats.h"

enum kind { TEXT, NUMBER, CHOICE };

struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    int64_t fallback, at_least, at_most;
    const char *const words[3]; /* of a choice */
    const char *help;
};

#define AT(field) offsetof(struct mi_options, field)
#define PLACE(name, field, help)                                                                   \
    { name, TEXT, AT(field), 0, 0, 0, {NULL}, help }
#define COUNT(name, field, fallback, least, most, help)                                            \
    { name, NUMBER, AT(field), fallback, least, most, {NULL}, help }
#define SWITCH(name, field, fallback, was, mended, help)                                           \
    { name, CHOICE, AT(field), fallback, 0, 0, {was, mended, NULL}, help }
#define MEGABYTES (INT64_C(1) << 20)
#define DAY_MS    86400000

static const struct option options[] = {
    PLACE("socket", socket_path, "PATH of the unix socket to listen at"),
    PLACE("data", data_directory, "DIRECTORY for the Avro files"),
    COUNT("workers", workers, 8, 1, MI_WORKERS_MAX, "N processes that share the socket"),
    COUNT("threads", threads, 1, 1, 64, "N requests at work at once, per worker"),
    COUNT("flush-threads", flush_threads, 256, 1, 2048,
          "N flushes at work at once at the most, per worker"),
    SWITCH("decompression", decompression, 1, "chunks", "single",
           "a list of pieces that are joined, or one buffer that grows"),
    SWITCH("retry", retry, 1, "unbounded", "limited",
           "a failed flush is put back for ever, or three times and then dropped"),
    SWITCH("release", release, 1, "late", "prompt",
           "payloads are freed at the next tick, or at once if over 1000 records"),
    SWITCH("body-check", body_check, 0, "whole", "arriving",
           "a body's size is looked at when it is all there, or while it comes"),
    COUNT("max-rows", max_rows, 17000, 1, 1000000000, "N rows of a measurement are flushed"),
    COUNT("age-ms", age_ms, 5000, 1, DAY_MS, "N ms at most from row to flush"),
    COUNT("tick-ms", tick_ms, 1000, 1, DAY_MS, "N ms between looks for old rows"),
    COUNT("compressed-max", compressed_max_bytes, 100 * MEGABYTES, 1, 1 << 30, "BYTES of a body"),
    COUNT("decompressed-max", decompressed_max_bytes, 100 * MEGABYTES, 1, 1 << 30,
          "BYTES of what it decompresses to"),
    COUNT("held-max", held_max_bytes, 0, 0, INT64_MAX,
          "BYTES of rows per worker between request and file; beyond: 503; 0 = any"),
};
enum { OPTION_COUNT = sizeof options / sizeof *options };

static void print_help(void) {
    printf("Usage: msgpack-ingest --socket PATH --data DIRECTORY [OPTION VALUE]...\n"
           "Takes rows as MessagePack over HTTP on a unix socket and writes them to Avro files,\n"
           "a measurement at a time.\n\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &options[i];
        printf("  --%-17s %s", option->name, option->help);
        if (option->kind == NUMBER)
            printf(" (%lld)", (long long)option->fallback);
        if (option->kind == CHOICE)
            printf(": %s|%s (%s)", option->words[0], option->words[1],
                   option->words[option->fallback]);
        putchar('\n');
    }
    printf("\nPOST /api/v1/write/msgpack, GET /api/v1/write/msgpack/stats, GET /health\n");
}

static int64_t *number_at(struct mi_options *to, const struct option *option) {
    return (int64_t *)((char *)to + option->offset);
}

static bool parse_number(const struct option *option, const char *text, int64_t *ret_value) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (!errno && end != text && !*end && value >= option->at_least && value <= option->at_most) {
        *ret_value = value;
        return true;
    }
    fprintf(stderr, "msgpack-ingest: --%s: '%s' is not a whole number from %lld to %lld\n",
            option->name, text, (long long)option->at_least, (long long)option->at_most);
    return false;
}

static bool parse_choice(const struct option *option, const char *text, int64_t *ret_value) {
    for (int i = 0; option->words[i]; i++)
        if (strcmp(option->words[i], text) == 0) {
            *ret_value = i;
            return true;
        }
    fprintf(stderr, "msgpack-ingest: --%s: '%s' is neither %s nor %s\n", option->name, text,
            option->words[0], option->words[1]);
    return false;
}

static bool apply(const struct option *option, const char *text, struct mi_options *to) {
    if (option->kind == NUMBER)
        return parse_number(option, text, number_at(to, option));
    if (option->kind == CHOICE)
        return parse_choice(option, text, number_at(to, option));
    memcpy((char *)to + option->offset, &text, sizeof text);
    return true;
}

static const struct option *find(const char *argument) {
    for (size_t i = 0; strncmp(argument, "--", 2) == 0 && i < OPTION_COUNT; i++)
        if (strcmp(options[i].name, argument + 2) == 0)
            return &options[i];
    return NULL;
}

static bool is_complete(const struct mi_options *parsed) {
    const size_t most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    if (!parsed->socket_path || !parsed->data_directory) {
        fprintf(stderr, "msgpack-ingest: --%s is missing; see --help\n",
                parsed->socket_path ? "data" : "socket");
        return false;
    }
    if (strlen(parsed->socket_path) <= most)
        return true;
    fprintf(stderr, "msgpack-ingest: --socket: the path is longer than %zu bytes\n", most);
    return false;
}

enum mi_options_result mi_options_parse(int argc, char **argv, struct mi_options *ret_options) {
    struct mi_options parsed = {0};
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].kind != TEXT)
            *number_at(&parsed, &options[i]) = options[i].fallback;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            return MI_OPTIONS_HELP;
        }
        const struct option *option = find(argv[i]);
        if (!option || i + 1 == argc) {
            fprintf(stderr, "msgpack-ingest: %s: %s; see --help\n", argv[i],
                    option ? "needs a value" : "no such option");
            return MI_OPTIONS_BAD;
        }
        if (!apply(option, argv[i + 1], &parsed))
            return MI_OPTIONS_BAD;
    }
    if (!is_complete(&parsed))
        return MI_OPTIONS_BAD;
    *ret_options = parsed;
    return MI_OPTIONS_RUN;
}
