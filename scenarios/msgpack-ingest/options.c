#include "options.h"

#include "stats.h"

#define AT(field) DAEMON_FIELD(struct mi_options, field)
#define MEGABYTES (INT64_C(1) << 20)
#define DAY_MS    86400000

static const struct daemon_option options[] = {
    {"socket", "PATH of the unix socket to listen at", AT(socket_path), DAEMON_TEXT(NULL)},
    {"data", "DIRECTORY for the Avro files", AT(data_directory), DAEMON_TEXT(NULL)},
    {"workers", "N processes that share the socket", AT(workers),
     DAEMON_NUMBER(8, 1, MI_WORKERS_MAX)},
    {"threads", "N requests at work at once, per worker", AT(threads), DAEMON_NUMBER(1, 1, 64)},
    {"flush-threads", "N flushes at work at once at the most, per worker", AT(flush_threads),
     DAEMON_NUMBER(256, 1, 2048)},
    {"decompression", "a list of pieces that are joined, or one buffer that grows",
     AT(decompression), DAEMON_CHOICE(1, "chunks", "single")},
    {"retry", "a failed flush is put back for ever, or three times and then dropped", AT(retry),
     DAEMON_CHOICE(1, "unbounded", "limited")},
    {"release", "payloads are freed at the next tick, or at once if over 1000 records", AT(release),
     DAEMON_CHOICE(1, "late", "prompt")},
    {"body-check", "a body's size is looked at when it is all there, or while it comes",
     AT(body_check), DAEMON_CHOICE(0, "whole", "arriving")},
    {"max-rows", "N rows of a measurement are flushed", AT(max_rows),
     DAEMON_NUMBER(17000, 1, 1000000000)},
    {"age-ms", "N ms at most from row to flush", AT(age_ms), DAEMON_NUMBER(5000, 1, DAY_MS)},
    {"tick-ms", "N ms between looks for old rows", AT(tick_ms), DAEMON_NUMBER(1000, 1, DAY_MS)},
    {"compressed-max", "BYTES of a body", AT(compressed_max_bytes),
     DAEMON_NUMBER(100 * MEGABYTES, 1, 1 << 30)},
    {"decompressed-max", "BYTES of what it decompresses to", AT(decompressed_max_bytes),
     DAEMON_NUMBER(100 * MEGABYTES, 1, 1 << 30)},
    {"held-max", "BYTES of rows per worker between request and file; beyond: 503; 0 = any",
     AT(held_max_bytes), DAEMON_NUMBER(0, 0, INT64_MAX)},
};

static const struct daemon_usage usage = {
    .name = "msgpack-ingest",
    .synopsis = "--socket PATH --data DIRECTORY [OPTION VALUE]...",
    .about = "Takes rows as MessagePack over HTTP on a unix socket and writes them to Avro files,\n"
             "a measurement at a time.\n",
    .closing = "POST /api/v1/write/msgpack, GET /api/v1/write/msgpack/stats, GET /health\n",
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

enum daemon_options_result mi_options_parse(int argc, char **argv, struct mi_options *ret_options) {
    enum daemon_options_result result = daemon_options_parse(&usage, argc, argv, ret_options);
    if (result == DAEMON_OPTIONS_RUN &&
        !(daemon_options_has_socket(&usage, "socket", ret_options->socket_path) &&
          daemon_options_has(&usage, "data", ret_options->data_directory)))
        return DAEMON_OPTIONS_BAD;
    return result;
}
