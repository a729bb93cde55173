/* log-batcher - takes log entries over a unix socket and writes them to SQLite in batches.
 *
 * Exit status: 0 after a clean stop (SIGTERM or SIGINT); 1 when it could not start, or when
 * entries were lost to a failing database; 2 for bad options. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "batcher.h"
#include "channel.h"
#include "listener.h"
#include "options.h"
#include "server.h"
#include "stop_signals.h"
#include "store.h"
#include "sysmon.h"

/* Everything in between: the channel and the store are there, the socket is listened at. */
static int serve(const struct lb_options *options, struct lb_channel *channel,
                 struct lb_store *store, int listen_fd, const sigset_t *stop_signals) {
    struct lb_service service = {.options = options, .channel = channel};
    struct lb_server *server = NULL;
    service.batcher = lb_batcher_start(channel, store);
    bool is_ready = service.batcher != NULL;
    if (is_ready && options->sysmon != LB_SYSMON_OFF) {
        service.sysmon =
            lb_sysmon_start(options->sysmon == LB_SYSMON_RETAIN, options->sysmon_interval_ms);
        is_ready = service.sysmon != NULL;
    }
    if (is_ready)
        server = lb_server_start(&service, listen_fd);
    else
        close(listen_fd);
    if (server)
        stop_signals_wait(stop_signals);
    lb_server_stop(server);
    lb_sysmon_stop(service.sysmon);
    bool has_all = lb_batcher_stop(service.batcher);
    return server && has_all ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const struct lb_options *options, const sigset_t *stop_signals) {
    int status = EXIT_FAILURE;
    struct lb_channel *channel = NULL;
    struct lb_store *store = NULL;
    /* The socket first: two daemons must not share a database by mistake. */
    int listen_fd = lb_listen(options->socket_path, options->unlinks_stale_socket);
    if (listen_fd < 0)
        return status;
    channel = lb_channel_create(options->is_bounded ? options->capacity : 0);
    if (!channel)
        fprintf(stderr, "log-batcher: no memory\n");
    store = channel ? lb_store_open(options->database_path) : NULL;
    if (store)
        status = serve(options, channel, store, listen_fd, stop_signals);
    else
        close(listen_fd);
    lb_store_close(store);
    lb_channel_free(channel);
    unlink(options->socket_path);
    return status;
}

int main(int argc, char **argv) {
    struct lb_options options;
    enum daemon_options_result result = lb_options_parse(argc, argv, &options);
    if (result != DAEMON_OPTIONS_RUN)
        return (int)result;
    sigset_t stop_signals;
    stop_signals_block(&stop_signals);
    return run(&options, &stop_signals);
}
