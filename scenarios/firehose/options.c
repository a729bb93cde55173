#include "options.h"

#include <limits.h>
#include <stdio.h>

#define AT(field)       DAEMON_FIELD(struct fh_options, field)
#define COUNT(fallback) DAEMON_NUMBER(fallback, 1, INT_MAX)

static const struct daemon_option options[] = {
    {"relay", "HOST:PORT or unix:PATH of relays, with commas", AT(relay_hosts), DAEMON_TEXT(""),
     .environment = "INGESTER_RELAY_HOSTS"},
    {"labeler", "HOST:PORT or unix:PATH of labelers, with commas", AT(labeler_hosts),
     DAEMON_TEXT(""), .environment = "INGESTER_LABELER_HOSTS"},
    {"backfill", "http://HOST:PORT whose repositories are listed once", AT(backfill_url),
     DAEMON_TEXT(NULL), .environment = "INGESTER_BACKFILL_URL"},
    {"redis", "redis://HOST:PORT or unix:PATH", AT(redis_url),
     DAEMON_TEXT("redis://127.0.0.1:6379"), .environment = "REDIS_URL"},
    {"stats", "PATH of a unix socket for GET /health and GET /stats", AT(stats_path),
     DAEMON_TEXT(NULL)},
    {"high-water-mark", "N entries of a stream at which the writer waits", AT(high_water_mark),
     COUNT(100000), .environment = "INGESTER_HIGH_WATER_MARK"},
    {"batch-size", "N events", AT(batch_size), COUNT(500), .environment = "INGESTER_BATCH_SIZE"},
    {"batch-timeout-ms", "N ms, the age at which a batch is written though it is not full",
     AT(batch_timeout_ms), COUNT(1000), .environment = "INGESTER_BATCH_TIMEOUT_MS"},
    {"pressure-sleep-ms", "N ms that the writer waits at the mark", AT(pressure_sleep_ms),
     COUNT(5000)},
    {"channels", "without end, or twice the batch size for events and 4 for batches",
     AT(is_bounded), DAEMON_CHOICE(true, "unbounded", "bounded")},
    {"pressure", "what is done with the batch in hand while the stream is at the mark",
     AT(drops_under_pressure), DAEMON_CHOICE(false, "keep", "drop")},
    {"counter", "events in flight: dropped ones stay counted, or not", AT(counts_right),
     DAEMON_CHOICE(true, "code", "right")},
    {"redis-failure", "the writer ends when Redis fails, or waits for it", AT(retries_redis),
     DAEMON_CHOICE(true, "end", "retry")},
    {"parse", "a commit's blocks are read once, or for each operation", AT(parses_per_operation),
     DAEMON_CHOICE(false, "shared", "per-op")},
};

static const struct daemon_usage usage = {
    .name = "firehose",
    .synopsis = "[OPTION VALUE]...",
    .about = "Reads a relay's events over WebSocket and writes them to Redis streams in batches.\n",
    .closing = "Streams: firehose_live, label_live, repo_backfill. The cursor of a relay is\n"
               "firehose_live:cursor:HOST.\n",
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

enum daemon_options_result fh_options_parse(int argc, char **argv, struct fh_options *ret_options) {
    enum daemon_options_result result = daemon_options_parse(&usage, argc, argv, ret_options);
    if (result != DAEMON_OPTIONS_RUN || *ret_options->relay_hosts || *ret_options->labeler_hosts ||
        ret_options->backfill_url)
        return result;
    fprintf(stderr, "firehose: one of --relay, --labeler and --backfill is needed\n");
    return DAEMON_OPTIONS_BAD;
}
