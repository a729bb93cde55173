#include "options.h"

#define AT(field) DAEMON_FIELD(struct rc_options, field)
#define MEGABYTE  INT64_C(1000000)
#define BYTES_MAX (INT64_C(1) << 40)
#define DAY_MS    86400000

static const struct daemon_option options[] = {
    {"role", "which part this is, or all of them, each in a process of its own", AT(role),
     DAEMON_CHOICE(RC_ALL, "all", "server", "sdk", "viewer")},
    {"listen", "ADDRESS of the server: unix:PATH or 127.0.0.1:PORT", AT(listen), DAEMON_TEXT(NULL)},
    {"socket", "PATH where the SDK takes HTTP", AT(socket), DAEMON_TEXT(NULL)},
    {"data", "DIRECTORY where viewers write which rows they showed", AT(data), DAEMON_TEXT(NULL)},
    {"stats", "PATH for GET /health and GET /stats over HTTP", AT(stats_path), DAEMON_TEXT(NULL)},
    {"figures", "N, the descriptor of figures that are shared", AT(figures_fd),
     DAEMON_NUMBER(-1, -1, INT32_MAX)},
    {"viewers", "N viewers, with --role all", AT(viewers), DAEMON_NUMBER(1, 0, RC_VIEWERS_MAX)},
    {"viewer-number", "N, with --role viewer", AT(viewer_number),
     DAEMON_NUMBER(0, 0, RC_VIEWERS_MAX - 1)},
    {"server-limit", "BYTES of messages that the server is to hold", AT(server_limit_bytes),
     DAEMON_NUMBER(500 * MEGABYTE, 1, BYTES_MAX)},
    {"viewer-limit", "BYTES that a viewer is to hold", AT(viewer_limit_bytes),
     DAEMON_NUMBER(2500 * MEGABYTE, 1, BYTES_MAX)},
    {"viewer-rate", "BYTES a second that a viewer shows; 0 = as fast as it can",
     AT(viewer_bytes_per_s), DAEMON_NUMBER(0, 0, BYTES_MAX)},
    {"viewer-wait-ms", "N ms until a viewer connects", AT(viewer_wait_ms),
     DAEMON_NUMBER(0, 0, DAY_MS)},
    {"batch-bytes", "BYTES of a batch of logged rows", AT(batch_bytes),
     DAEMON_NUMBER(1 << 20, 1, 1 << 30)},
    {"batch-ms", "N ms that a logged row waits for others", AT(batch_ms),
     DAEMON_NUMBER(200, 1, DAY_MS)},
    {"chunk-limit", "send_columns takes a chunk of any size, or says which size would do",
     AT(chunk_limit), DAEMON_CHOICE(RC_CHUNK_ANY, "any", "refuse")},
    {"chunk-max", "BYTES of a chunk", AT(chunk_max_bytes),
     DAEMON_NUMBER(100 * MEGABYTE, 1, BYTES_MAX)},
    {"batching",
     "send_columns sends one chunk, chunks of --chunk-max, or of a tenth of the limit that the "
     "server announces, each acknowledged",
     AT(batching), DAEMON_CHOICE(RC_BATCHING_NONE, "none", "fixed", "adaptive")},
    {"collection",
     "the server makes room after it passed a message on and before it keeps it, or before it "
     "takes it, with 20 % to spare, and refuses what has none",
     AT(collection), DAEMON_CHOICE(RC_COLLECTION_LATE, "late", "early")},
    {"in-flight",
     "the server's account leaves out what is on the way to viewers, or counts it and does not "
     "collect it",
     AT(in_flight), DAEMON_CHOICE(RC_IN_FLIGHT_IGNORED, "ignored", "tracked")},
    {"queues",
     "bounded by messages, where a slow viewer misses the oldest; by bytes, where senders "
     "wait; or by both, where a larger message goes alone",
     AT(queues), DAEMON_CHOICE(RC_QUEUES_SLOTS, "slots", "bytes", "both")},
    {"queue-bytes", "BYTES", AT(queue_max_bytes), DAEMON_NUMBER(128 << 20, 1, BYTES_MAX)},
    {"pressure", "the SDK learns nothing, or that there is no room and when there is again",
     AT(pressure), DAEMON_CHOICE(RC_PRESSURE_NONE, "none", "signal")},
    {"viewer-check",
     "a viewer looks at its limit after it made room for a chunk; before, and refuses what "
     "does not fit; or before, and lets go of its oldest",
     AT(viewer_check), DAEMON_CHOICE(RC_CHECK_LATE, "late", "early", "purge")},
};

static const struct daemon_usage usage = {
    .name = "recorder",
    .synopsis = "[OPTION VALUE]...",
    .about = "Takes columns from an SDK into a server's buffer, from where viewers read them.\n",
    .closing =
        "The SDK: POST /log and /send_columns with ?rows=N&row_bytes=N[&stream=N][&kind=KIND],\n"
        "whose body is the number of the call; KIND is disposable, static or persistent.\n",
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

static bool is_complete(const struct rc_options *parsed) {
    bool has_sdk = parsed->role == RC_ALL || parsed->role == RC_SDK;
    bool has_viewer = parsed->role == RC_ALL || parsed->role == RC_VIEWER;
    return daemon_options_has(&usage, "listen", parsed->listen) &&
           (!has_sdk || daemon_options_has_socket(&usage, "socket", parsed->socket)) &&
           (!has_viewer || daemon_options_has(&usage, "data", parsed->data));
}

enum daemon_options_result rc_options_parse(int argc, char **argv, struct rc_options *ret_options) {
    enum daemon_options_result result = daemon_options_parse(&usage, argc, argv, ret_options);
    return result == DAEMON_OPTIONS_RUN && !is_complete(ret_options) ? DAEMON_OPTIONS_BAD : result;
}
