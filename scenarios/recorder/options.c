#include "options.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum kind { TEXT, NUMBER, CHOICE };

struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    int64_t fallback, at_least, at_most;
    const char *const words[5]; /* of a choice, in the order of its enum */
    const char *help;
};

#define AT(field) offsetof(struct rc_options, field)
#define PLACE(name, field, help)                                                                   \
    { name, TEXT, AT(field), 0, 0, 0, {NULL}, help }
#define COUNT(name, field, fallback, least, most, help)                                            \
    { name, NUMBER, AT(field), fallback, least, most, {NULL}, help }
#define SWITCH(name, field, fallback, help, ...)                                                   \
    { name, CHOICE, AT(field), fallback, 0, 0, {__VA_ARGS__}, help }
#define MEGABYTE  INT64_C(1000000)
#define BYTES_MAX (INT64_C(1) << 40)
#define DAY_MS    86400000

static const struct option options[] = {
    SWITCH("role", role, RC_ALL, "which part this is, or all of them, each in a process of its own",
           "all", "server", "sdk", "viewer"),
    PLACE("listen", listen, "ADDRESS of the server: unix:PATH or 127.0.0.1:PORT"),
    PLACE("socket", socket, "PATH where the SDK takes HTTP"),
    PLACE("data", data, "DIRECTORY where viewers write which rows they showed"),
    PLACE("stats", stats_path, "PATH for GET /health and GET /stats over HTTP"),
    COUNT("figures", figures_fd, -1, -1, INT32_MAX, "N, the descriptor of figures that are shared"),
    COUNT("viewers", viewers, 1, 0, RC_VIEWERS_MAX, "N viewers, with --role all"),
    COUNT("viewer-number", viewer_number, 0, 0, RC_VIEWERS_MAX - 1, "N, with --role viewer"),
    COUNT("server-limit", server_limit_bytes, 500 * MEGABYTE, 1, BYTES_MAX,
          "BYTES of messages that the server is to hold"),
    COUNT("viewer-limit", viewer_limit_bytes, 2500 * MEGABYTE, 1, BYTES_MAX,
          "BYTES that a viewer is to hold"),
    COUNT("viewer-rate", viewer_bytes_per_s, 0, 0, BYTES_MAX,
          "BYTES a second that a viewer shows; 0 = as fast as it can"),
    COUNT("viewer-wait-ms", viewer_wait_ms, 0, 0, DAY_MS, "N ms until a viewer connects"),
    COUNT("batch-bytes", batch_bytes, 1 << 20, 1, 1 << 30, "BYTES of a batch of logged rows"),
    COUNT("batch-ms", batch_ms, 200, 1, DAY_MS, "N ms that a logged row waits for others"),
    SWITCH("chunk-limit", chunk_limit, RC_CHUNK_ANY,
           "send_columns takes a chunk of any size, or says which size would do", "any", "refuse"),
    COUNT("chunk-max", chunk_max_bytes, 100 * MEGABYTE, 1, BYTES_MAX, "BYTES of a chunk"),
    SWITCH(
        "batching", batching, RC_BATCHING_NONE,
        "send_columns sends one chunk, chunks of --chunk-max, or of a tenth of the limit that the "
        "server announces, each acknowledged",
        "none", "fixed", "adaptive"),
    SWITCH(
        "collection", collection, RC_COLLECTION_LATE,
        "the server makes room after it passed a message on and before it keeps it, or before it "
        "takes it, with 20 % to spare, and refuses what has none",
        "late", "early"),
    SWITCH(
        "in-flight", in_flight, RC_IN_FLIGHT_IGNORED,
        "the server's account leaves out what is on the way to viewers, or counts it and does not "
        "collect it",
        "ignored", "tracked"),
    SWITCH("queues", queues, RC_QUEUES_SLOTS,
           "bounded by messages, where a slow viewer misses the oldest; by bytes, where senders "
           "wait; or by both, where a larger message goes alone",
           "slots", "bytes", "both"),
    COUNT("queue-slots", queue_slots, 1024, 1, 1 << 20, "N messages"),
    COUNT("queue-bytes", queue_max_bytes, 128 << 20, 1, BYTES_MAX, "BYTES"),
    SWITCH("pressure", pressure, RC_PRESSURE_NONE,
           "the SDK learns nothing, or that there is no room and when there is again", "none",
           "signal"),
    SWITCH("viewer-check", viewer_check, RC_CHECK_LATE,
           "a viewer looks at its limit after it made room for a chunk; before, and refuses what "
           "does not fit; or before, and lets go of its oldest",
           "late", "early", "purge"),
};
enum { OPTION_COUNT = sizeof options / sizeof *options };

static void print_help(void) {
    printf("Usage: recorder [OPTION VALUE]...\n"
           "Takes columns from an SDK into a server's buffer, from where viewers read them.\n\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &options[i];
        printf("  --%-15s %s", option->name, option->help);
        if (option->kind == NUMBER)
            printf(" (%lld)", (long long)option->fallback);
        for (int word = 0; option->kind == CHOICE && option->words[word]; word++)
            printf("%s%s", word ? "|" : ": ", option->words[word]);
        if (option->kind == CHOICE)
            printf(" (%s)", option->words[option->fallback]);
        putchar('\n');
    }
    printf(
        "\nThe SDK: POST /log and /send_columns with ?rows=N&row_bytes=N[&stream=N][&kind=KIND],\n"
        "whose body is the number of the call; KIND is disposable, static or persistent.\n");
}

static int64_t *number_at(struct rc_options *to, const struct option *option) {
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
    fprintf(stderr, "recorder: --%s: '%s' is not a whole number from %lld to %lld\n", option->name,
            text, (long long)option->at_least, (long long)option->at_most);
    return false;
}

static bool parse_choice(const struct option *option, const char *text, int64_t *ret_value) {
    for (int i = 0; option->words[i]; i++)
        if (strcmp(option->words[i], text) == 0) {
            *ret_value = i;
            return true;
        }
    fprintf(stderr, "recorder: --%s: '%s' is none of", option->name, text);
    for (int i = 0; option->words[i]; i++)
        fprintf(stderr, " %s", option->words[i]);
    fputc('\n', stderr);
    return false;
}

static bool apply(const struct option *option, const char *text, struct rc_options *to) {
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

static bool is_there(const char *text, const char *name) {
    if (!text)
        fprintf(stderr, "recorder: --%s is missing; see --help\n", name);
    return text != NULL;
}

static bool is_complete(const struct rc_options *parsed) {
    const size_t most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    bool has_sdk = parsed->role == RC_ALL || parsed->role == RC_SDK;
    bool has_viewer = parsed->role == RC_ALL || parsed->role == RC_VIEWER;
    if (!is_there(parsed->listen, "listen") || (has_sdk && !is_there(parsed->socket, "socket")) ||
        (has_viewer && !is_there(parsed->data, "data")))
        return false;
    if (!has_sdk || strlen(parsed->socket) <= most)
        return true;
    fprintf(stderr, "recorder: --socket: the path is longer than %zu bytes\n", most);
    return false;
}

enum rc_options_result rc_options_parse(int argc, char **argv, struct rc_options *ret_options) {
    struct rc_options parsed = {0};
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].kind != TEXT)
            *number_at(&parsed, &options[i]) = options[i].fallback;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            return RC_OPTIONS_HELP;
        }
        const struct option *option = find(argv[i]);
        if (!option || i + 1 == argc) {
            fprintf(stderr, "recorder: %s: %s; see --help\n", argv[i],
                    option ? "needs a value" : "no such option");
            return RC_OPTIONS_BAD;
        }
        if (!apply(option, argv[i + 1], &parsed))
            return RC_OPTIONS_BAD;
    }
    if (!is_complete(&parsed))
        return RC_OPTIONS_BAD;
    *ret_options = parsed;
    return RC_OPTIONS_RUN;
}
