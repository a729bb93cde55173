/* firehose - reads relays' events over WebSocket and writes them to Redis streams.
 *
 * Exit status: 0 after a clean stop (SIGTERM or SIGINT); 1 when it could not start, or when events
 * were given up at the end; 2 for bad options. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "source.h"
#include "stats_server.h"
#include "stop.h"
#include "stop_signals.h"

enum { SOURCES_MAX = 16 };

struct source {
    struct fh_pipeline *pipeline;
    struct fh_relay *relay;
    struct fh_backfill *backfill;
};

struct ingester {
    const struct fh_options *options;
    struct fh_counters counters;
    struct source sources[SOURCES_MAX];
    size_t source_count;
};

static bool start_source(struct ingester *ingester, const char *stream, const char *host,
                         const char *method) {
    if (ingester->source_count == SOURCES_MAX) {
        fprintf(stderr, "firehose: more than %d hosts\n", SOURCES_MAX);
        return false;
    }
    struct source *source = &ingester->sources[ingester->source_count++];
    source->pipeline = fh_pipeline_start(ingester->options, &ingester->counters, stream, host);
    struct fh_source_config config = {ingester->options, &ingester->counters, source->pipeline};
    if (!source->pipeline)
        return false;
    if (method)
        source->relay = fh_relay_start(&config, host, method);
    else
        source->backfill = fh_backfill_start(&config);
    return source->relay || source->backfill;
}

static bool start_hosts(struct ingester *ingester, const char *stream, const char *hosts,
                        const char *method) {
    char *copy = strdup(hosts), *rest = NULL;
    bool is_ok = copy != NULL;
    for (char *host = copy ? strtok_r(copy, ",", &rest) : NULL; host && is_ok;
         host = strtok_r(NULL, ",", &rest))
        is_ok = start_source(ingester, stream, host, method);
    free(copy);
    return is_ok;
}

static bool start(struct ingester *ingester) {
    const struct fh_options *options = ingester->options;
    return start_hosts(ingester, "firehose_live", options->relay_hosts,
                       "com.atproto.sync.subscribeRepos") &&
           start_hosts(ingester, "label_live", options->labeler_hosts,
                       "com.atproto.label.subscribeLabels") &&
           (!options->backfill_url || start_source(ingester, "repo_backfill", "list", NULL));
}

/* Nothing more is read before what was read is brought to its end. */
static void finish(struct ingester *ingester) {
    for (size_t i = 0; i < ingester->source_count; i++) {
        if (ingester->sources[i].pipeline)
            fh_pipeline_close(ingester->sources[i].pipeline);
    }
    fh_stop_request();
    for (size_t i = 0; i < ingester->source_count; i++) {
        struct source *source = &ingester->sources[i];
        fh_relay_finish(source->relay);
        fh_backfill_finish(source->backfill);
        fh_pipeline_finish(source->pipeline);
    }
    unsigned long lost = atomic_load(&ingester->counters.lost);
    if (lost)
        fprintf(stderr, "firehose: %lu events given up\n", lost);
}

static size_t write_stats(void *context, char *text, size_t size) {
    struct fh_counters *counters = context;
    return (size_t)snprintf(
        text, size,
        "{\"frames_total\": %lu, \"bad_frames_total\": %lu, \"error_frames_total\": %lu,"
        " \"reconnects_total\": %lu, \"received_total\": %lu, \"written_total\": %lu,"
        " \"lost_total\": %lu, \"redis_failures_total\": %lu, \"pressure_waits_total\": %lu,"
        " \"in_flight\": %ld}\n",
        atomic_load(&counters->frames), atomic_load(&counters->bad_frames),
        atomic_load(&counters->error_frames), atomic_load(&counters->reconnects),
        atomic_load(&counters->received), atomic_load(&counters->written),
        atomic_load(&counters->lost), atomic_load(&counters->redis_failures),
        atomic_load(&counters->pressure_waits), atomic_load(&counters->in_flight));
}

/* Tells the metrics until a signal comes. */
static void wait_for_stop(struct ingester *ingester, const sigset_t *stop_signals) {
    static const struct timespec interval = {.tv_sec = 10};
    while (sigtimedwait(stop_signals, NULL, &interval) < 0)
        fprintf(stderr, "firehose: memory metrics: %ld events in flight\n",
                atomic_load(&ingester->counters.in_flight));
}

static int run(const struct fh_options *options, const sigset_t *stop_signals) {
    static struct ingester ingester;
    struct stats_server *stats = NULL;
    ingester.options = options;
    bool is_ready = !options->stats_path ||
                    (stats = stats_server_start("firehose", options->stats_path, write_stats,
                                                &ingester.counters)) != NULL;
    is_ready = is_ready && start(&ingester);
    if (is_ready)
        wait_for_stop(&ingester, stop_signals);
    finish(&ingester);
    stats_server_stop(stats);
    return is_ready && !atomic_load(&ingester.counters.lost) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    struct fh_options options;
    enum daemon_options_result result = fh_options_parse(argc, argv, &options);
    if (result != DAEMON_OPTIONS_RUN)
        return (int)result;
    sigset_t stop_signals;
    stop_signals_block(&stop_signals);
    return run(&options, &stop_signals);
}
