#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buffers.h"
#include "flusher.h"
#include "release.h"
#include "server.h"
#include "stop_signals.h"
#include "store.h"

static const int64_t ns_per_ms = 1000000;

/* Everything in between: the flusher is at work. False when the server did not start. */
static bool serve(struct mi_service *service, int listen_fd, const sigset_t *stop_signals) {
    struct mi_server *server = mi_server_start(service, listen_fd);
    if (!server)
        return false;
    stop_signals_wait(stop_signals);
    mi_server_stop(server);
    return true;
}

int mi_worker_run(const struct mi_options *options, struct mi_stats *stats, int index,
                  int listen_fd, const sigset_t *stop_signals) {
    struct mi_worker_stats *own = &stats->workers[index];
    struct mi_release release;
    struct mi_store store = {.directory = options->data_directory, .worker = index};
    const struct mi_buffers_config config = {
        .max_rows = (size_t)options->max_rows,
        .max_age_ns = options->age_ms * ns_per_ms,
        .has_retry_limit = options->retry,
        .max_held_bytes = (size_t)options->held_max_bytes,
    };
    own->pid = getpid();
    mi_release_init(&release, options->release, own);
    struct mi_service service = {
        .options = options, .stats = stats, .own = own, .release = &release};
    service.buffers = mi_buffers_new(&config, own);
    if (service.buffers)
        service.flusher = mi_flusher_start(
            &(struct mi_flusher_config){.buffers = service.buffers,
                                        .release = &release,
                                        .store = &store,
                                        .thread_count = (unsigned)options->flush_threads,
                                        .tick_ns = options->tick_ms * ns_per_ms});
    bool has_served = service.flusher && serve(&service, listen_fd, stop_signals);
    bool has_all = mi_flusher_stop(service.flusher);
    mi_buffers_free(service.buffers);
    if (!has_all)
        fprintf(stderr, "msgpack-ingest: worker %d: rows lost, the storage fails\n", index);
    return has_served && has_all ? EXIT_SUCCESS : EXIT_FAILURE;
}
