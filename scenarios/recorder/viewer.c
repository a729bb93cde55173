#include "viewer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rpc_client.h"
#include "stop_signals.h"
#include "store.h"
#include "wire.h"

struct viewer {
    const struct rc_options *options;
    struct rc_figures *figures;
    struct rc_store *store;
    struct rpc_stream *stream;
    FILE *journal;
    atomic_bool is_stopping;
};

static void sleep_ns(int64_t ns) {
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (nanosleep(&time, &time) && errno == EINTR)
        continue;
}

static bool write_down(struct viewer *viewer, const struct rc_message *message) {
    for (size_t i = 0; i < message->run_count; i++)
        fprintf(viewer->journal, "%" PRIu64 " %" PRIu64 "\n", message->runs[i].first,
                message->runs[i].count);
    return fflush(viewer->journal) == 0;
}

static bool show(struct viewer *viewer, struct rc_message *message) {
    int64_t rate = viewer->options->viewer_bytes_per_s;
    int64_t bytes = (int64_t)message->bytes;
    uint64_t id = message->id;
    rc_store_in_hand(viewer->store, message, bytes);
    bool is_ok = !rc_store_take(viewer->store, message) || write_down(viewer, message);
    rc_store_in_hand(viewer->store, message, -bytes);
    rc_message_unref(message);
    rc_fate_leave(viewer->figures, id);
    if (rate)
        sleep_ns((int64_t)((double)bytes * 1e9 / (double)rate));
    return is_ok;
}

static void *read_all(void *context) {
    struct viewer *viewer = context;
    static const struct rc_message_owner nobody = {NULL, NULL};
    grpc_byte_buffer *wire;
    while ((wire = rpc_stream_receive(viewer->stream))) {
        struct rc_message *message = rc_message_read(wire, nobody);
        if (!message || !show(viewer, message)) {
            fprintf(stderr, "recorder: viewer: %s\n",
                    message ? strerror(errno) : "not a recorder.v1.LogMsg");
            break;
        }
    }
    if (!atomic_load(&viewer->is_stopping))
        fprintf(stderr, "recorder: viewer: the server ended the stream\n");
    return NULL;
}

/* Waits before it connects; false when it is to stop instead. */
static bool wait_first(const struct viewer *viewer, const sigset_t *stop_signals) {
    int64_t ms = viewer->options->viewer_wait_ms;
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    return ms == 0 || sigtimedwait(stop_signals, NULL, &time) < 0;
}

static bool ask(struct viewer *viewer, struct rpc_client *client) {
    uint64_t number = (uint64_t)viewer->options->viewer_number;
    viewer->stream = rpc_stream_open(client, "/recorder.v1.Recorder/ReadMessages");
    if (!viewer->stream)
        return false;
    if (rpc_stream_send(viewer->stream, rc_wire_numbers(&number, 1)))
        rpc_stream_end(viewer->stream);
    return true;
}

static int run(struct viewer *viewer, struct rpc_client *client, const sigset_t *stop_signals) {
    pthread_t thread;
    char details[160];
    if (!ask(viewer, client))
        return EXIT_FAILURE;
    int error = pthread_create(&thread, NULL, read_all, viewer);
    if (!error)
        stop_signals_wait(stop_signals);
    atomic_store(&viewer->is_stopping, true);
    rpc_stream_cancel(viewer->stream);
    if (!error)
        pthread_join(thread, NULL);
    rpc_stream_close(viewer->stream, details, sizeof details);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

static FILE *open_journal(const struct rc_options *options) {
    char path[4096];
    snprintf(path, sizeof path, "%s/viewer-%d.rows", options->data, (int)options->viewer_number);
    FILE *journal = fopen(path, "we");
    if (!journal)
        fprintf(stderr, "recorder: viewer: %s: %s\n", path, strerror(errno));
    return journal;
}

int rc_viewer_main(const struct rc_options *options, struct rc_figures *figures,
                   const sigset_t *stop_signals) {
    struct viewer viewer = {.options = options, .figures = figures};
    int status = EXIT_FAILURE;
    viewer.journal = open_journal(options);
    viewer.store = rc_store_create(options, figures);
    if (viewer.journal && viewer.store) {
        status = EXIT_SUCCESS;
        if (wait_first(&viewer, stop_signals)) {
            struct rpc_client *client = rpc_client_create(options->listen);
            status = client ? run(&viewer, client, stop_signals) : EXIT_FAILURE;
            rpc_client_free(client);
        }
    }
    rc_store_free(viewer.store);
    if (viewer.journal && fclose(viewer.journal))
        status = EXIT_FAILURE;
    return status;
}
