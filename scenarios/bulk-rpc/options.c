#include "options.h"

#include <limits.h>
#include <stdio.h>

#define AT(field) DAEMON_FIELD(struct br_options, field)

enum { STOCK_RECEIVE_MAX = 4 << 20 }; /* what gRPC allows unless told otherwise */

static const struct daemon_option options[] = {
    {"listen", "ADDRESS: 127.0.0.1:PORT (0: a free one, printed) or unix:PATH", AT(listen),
     DAEMON_TEXT(NULL)},
    {"handler", "NAME of what is done with an upload, see below", AT(handler_name),
     DAEMON_TEXT("stream")},
    {"reply", "count and checksum of the bytes, or all of them back, where they are still held",
     AT(is_echo), DAEMON_CHOICE(true, "summary", "echo")},
    {"receive-max", "BYTES of one message; 0 = no limit", AT(receive_max_bytes),
     DAEMON_NUMBER(STOCK_RECEIVE_MAX, 0, INT_MAX)},
    {"upload-max", "BYTES of a whole upload; 0 = no limit", AT(upload_max_bytes),
     DAEMON_NUMBER(0, 0, INT64_MAX)},
    {"stats", "PATH of a unix socket for GET /health and GET /stats over HTTP", AT(stats_path),
     DAEMON_TEXT(NULL)},
};

static const struct daemon_usage usage = {
    .name = "bulk-rpc",
    .synopsis = "--listen ADDRESS [OPTION VALUE]...",
    .about = "Takes large uploads over gRPC (bulk.proto), in one message or as a stream of them.\n",
    .closing = "Handlers:\n",
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

static bool find_handler(struct br_options *parsed) {
    parsed->handler = br_handler_find(parsed->handler_name);
    if (parsed->handler)
        return true;
    fprintf(stderr, "bulk-rpc: --handler: '%s' is none of", parsed->handler_name);
    for (const struct br_handler *const *handler = br_handlers; *handler; handler++)
        fprintf(stderr, " %s", (*handler)->name);
    fputc('\n', stderr);
    return false;
}

enum daemon_options_result br_options_parse(int argc, char **argv, struct br_options *ret_options) {
    enum daemon_options_result result = daemon_options_parse(&usage, argc, argv, ret_options);
    if (result == DAEMON_OPTIONS_HELP)
        for (const struct br_handler *const *handler = br_handlers; *handler; handler++)
            printf("  %-11s %s\n", (*handler)->name, (*handler)->help);
    if (result == DAEMON_OPTIONS_RUN &&
        !(find_handler(ret_options) && daemon_options_has(&usage, "listen", ret_options->listen)))
        return DAEMON_OPTIONS_BAD;
    return result;
}
