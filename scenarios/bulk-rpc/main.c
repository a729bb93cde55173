/* bulk-rpc - takes large uploads over gRPC.
 *
 * Prints the port it listens at, once it does. Exit status: 0 after a clean stop (SIGTERM or
 * SIGINT), 1 when it could not start, 2 for bad options. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "stats_server.h"
#include "stop_signals.h"
#include "uploads.h"

enum { STOP_GRACE_MS = 1000 };

static void *serve(void *server) {
    rpc_server_run(server);
    return NULL;
}

static int wait_for_stop(struct rpc_server *server, const sigset_t *stop_signals) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, serve, server);
    if (error) {
        fprintf(stderr, "bulk-rpc: cannot start a thread: %s\n", strerror(error));
        rpc_server_stop(server, 0);
        rpc_server_run(server);
        return EXIT_FAILURE;
    }
    stop_signals_wait(stop_signals);
    rpc_server_stop(server, STOP_GRACE_MS);
    pthread_join(thread, NULL);
    return EXIT_SUCCESS;
}

static size_t write_stats(void *context, char *text, size_t size) {
    struct br_uploads *uploads = context;
    unsigned long completed = atomic_load(&uploads->completed);
    unsigned long refused = atomic_load(&uploads->refused);
    unsigned long cancelled = atomic_load(&uploads->cancelled);
    unsigned long begun = atomic_load(&uploads->begun);
    return (size_t)snprintf(
        text, size,
        "{\"uploads_total\": %lu, \"completed_total\": %lu, \"refused_total\": %lu,"
        " \"cancelled_total\": %lu, \"in_progress\": %lu, \"received_bytes\": %lu,"
        " \"held_bytes\": %lu, \"retained_contexts\": %lu}\n",
        begun, completed, refused, cancelled, begun - completed - refused - cancelled,
        atomic_load(&uploads->bytes), (unsigned long)br_held_bytes(),
        atomic_load(&uploads->retained));
}

static int run(const struct br_options *options, const sigset_t *stop_signals) {
    struct br_uploads uploads = {.options = options};
    struct rpc_server_options server_options = {options->listen, options->receive_max_bytes};
    struct stats_server *stats = NULL;
    int port;
    struct rpc_server *server =
        rpc_server_create("bulk-rpc", &server_options, &br_uploads_service, &uploads, &port);
    if (!server)
        return EXIT_FAILURE;
    if (options->stats_path)
        stats = stats_server_start("bulk-rpc", options->stats_path, write_stats, &uploads);
    int status = EXIT_FAILURE;
    if (stats || !options->stats_path) {
        printf("listening at %d\n", port);
        fflush(stdout);
        status = wait_for_stop(server, stop_signals);
    } else {
        rpc_server_stop(server, 0);
        rpc_server_run(server);
    }
    stats_server_stop(stats);
    rpc_server_free(server);
    return status;
}

int main(int argc, char **argv) {
    struct br_options options;
    enum daemon_options_result result = br_options_parse(argc, argv, &options);
    if (result != DAEMON_OPTIONS_RUN)
        return (int)result;
    sigset_t stop_signals;
    stop_signals_block(&stop_signals);
    return run(&options, &stop_signals);
}
