#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_LISTEN = 1,
    OPTION_STATS,
    OPTION_HANDLER,
    OPTION_REPLY,
    OPTION_RECEIVE_MAX,
    OPTION_UPLOAD_MAX,
    OPTION_HELP,
    STOCK_RECEIVE_MAX = 4 << 20, /* what gRPC allows unless told otherwise */
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"stats", required_argument, NULL, OPTION_STATS},
    {"handler", required_argument, NULL, OPTION_HANDLER},
    {"reply", required_argument, NULL, OPTION_REPLY},
    {"receive-max", required_argument, NULL, OPTION_RECEIVE_MAX},
    {"upload-max", required_argument, NULL, OPTION_UPLOAD_MAX},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static void print_help(void) {
    fputs("Usage: bulk-rpc --listen ADDRESS [OPTION]...\n"
          "Takes large uploads over gRPC (bulk.proto), in one message or as a stream of them.\n"
          "\n"
          "  --listen ADDRESS      127.0.0.1:PORT (0: a free one, printed) or unix:PATH\n"
          "  --handler NAME        what is done with an upload (stream):\n",
          stdout);
    for (const struct br_handler *const *handler = br_handlers; *handler; handler++)
        printf("                          %-11s %s\n", (*handler)->name, (*handler)->help);
    fputs("  --reply echo|summary  all bytes back, or their count and checksum (echo); what is\n"
          "                        not held any more cannot be echoed\n"
          "  --receive-max BYTES   of one message; 0: no limit (4194304)\n"
          "  --upload-max BYTES    of a whole upload; 0: no limit (0)\n"
          "  --stats PATH          a unix socket for GET /health and GET /stats over HTTP\n",
          stdout);
}

static bool bad(const char *option, const char *value, const char *expected) {
    fprintf(stderr, "bulk-rpc: --%s: '%s' is not %s\n", option, value, expected);
    return false;
}

static bool parse_bytes(const char *option, const char *text, unsigned long max,
                        size_t *ret_bytes) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || value > max) {
        char expected[64];
        snprintf(expected, sizeof expected, "a number of bytes from 0 to %lu", max);
        return bad(option, text, expected);
    }
    *ret_bytes = value;
    return true;
}

static bool apply(int option, const char *value, struct br_options *options) {
    switch (option) {
    case OPTION_LISTEN:
        options->listen = value;
        return true;
    case OPTION_STATS:
        options->stats_path = value;
        return true;
    case OPTION_HANDLER:
        options->handler = br_handler_find(value);
        return options->handler || bad("handler", value, "one of --help");
    case OPTION_REPLY:
        options->is_echo = strcmp(value, "echo") == 0;
        return options->is_echo || strcmp(value, "summary") == 0 ||
               bad("reply", value, "echo or summary");
    case OPTION_RECEIVE_MAX:
        return parse_bytes("receive-max", value, INT_MAX, &options->receive_max_bytes);
    default:
        return parse_bytes("upload-max", value, LONG_MAX, &options->upload_max_bytes);
    }
}

enum br_options_result br_options_parse(int argc, char **argv, struct br_options *ret_options) {
    struct br_options options = {
        .handler = &br_handler_stream, .is_echo = true, .receive_max_bytes = STOCK_RECEIVE_MAX};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            print_help();
            return BR_OPTIONS_HELP;
        }
        if (option == '?' || option == ':') {
            fprintf(stderr, "bulk-rpc: %s: %s; see --help\n", argv[optind - 1],
                    option == ':' ? "needs a value" : "no such option");
            return BR_OPTIONS_BAD;
        }
        if (!apply(option, optarg, &options))
            return BR_OPTIONS_BAD;
    }
    if (optind < argc) {
        fprintf(stderr, "bulk-rpc: '%s': takes options only; see --help\n", argv[optind]);
        return BR_OPTIONS_BAD;
    }
    if (!options.listen) {
        fprintf(stderr, "bulk-rpc: --listen is missing; see --help\n");
        return BR_OPTIONS_BAD;
    }
    *ret_options = options;
    return BR_OPTIONS_RUN;
}
