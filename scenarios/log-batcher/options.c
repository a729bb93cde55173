#include "options.h"

#define AT(field) DAEMON_FIELD(struct lb_options, field)

static const struct daemon_option options[] = {
    {"socket", "PATH of the unix socket to listen at", AT(socket_path), DAEMON_TEXT(NULL)},
    {"db", "FILE, the SQLite database", AT(database_path), DAEMON_TEXT(NULL)},
    {"channel", "between the callers and the batcher", AT(is_bounded),
     DAEMON_CHOICE(true, "unbounded", "bounded")},
    {"capacity", "N entries in a bounded channel", AT(capacity),
     DAEMON_NUMBER(100000, 1, 1000000000)},
    {"sysmon",
     "watches /proc: not at all, with descriptors kept open between refreshes, or closed after "
     "each",
     AT(sysmon), DAEMON_CHOICE(LB_SYSMON_OFF, "off", "retain", "release")},
    {"sysmon-interval-ms", "N ms between two refreshes", AT(sysmon_interval_ms),
     DAEMON_NUMBER(1000, 1, 3600000)},
    {"stale-socket",
     "a socket left by a killed daemon stops this one from starting, or is replaced",
     AT(unlinks_stale_socket), DAEMON_CHOICE(true, "keep", "unlink")},
    {"max-body", "BYTES of one request; more is answered 413", AT(body_max_bytes),
     DAEMON_NUMBER(1 << 20, 1, 1 << 30)},
    {"threads", "N threads of the HTTP server", AT(thread_count), DAEMON_NUMBER(1, 1, 64)},
};

static const struct daemon_usage usage = {
    .name = "log-batcher",
    .synopsis = "--socket PATH --db FILE [OPTION VALUE]...",
    .about = "Takes log entries as JSON-RPC over HTTP on a unix socket and writes them to SQLite\n"
             "in batches, every 100 ms or at 10000 entries.\n",
    .closing = "POST /rpc  method logs.insert, params: a text, {source, level, message}, or a list "
               "of them\n"
               "GET /health, GET /stats\n",
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

enum daemon_options_result lb_options_parse(int argc, char **argv, struct lb_options *ret_options) {
    enum daemon_options_result result = daemon_options_parse(&usage, argc, argv, ret_options);
    if (result == DAEMON_OPTIONS_RUN &&
        !(daemon_options_has_socket(&usage, "socket", ret_options->socket_path) &&
          daemon_options_has(&usage, "db", ret_options->database_path)))
        return DAEMON_OPTIONS_BAD;
    return result;
}
