/* live_server.c - HTTP for the live view: a thread for each connection, few connections, loopback
 * only. Requests for other hosts are refused: a page elsewhere could point a name of its own at the
 * loopback and read along. */
#include "live_state.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "local_socket.h"

enum { CONNECTIONS = 32, EVENT_BYTES = 2048, STREAM_BLOCK = 4096 };
static const int64_t silence_ns = 5000000000;

/* One who watches. */
struct stream {
    struct sm_live *live;
    uint64_t figures_number, look_number;
    int has_ended;
};

static int is_news(const struct stream *stream) {
    const struct sm_live *live = stream->live;
    return live->is_stopping || live->figures_number > stream->figures_number ||
           live->look_number > stream->look_number || live->is_over;
}

/* What is new to the stream, as events; call with the lock held. */
static size_t write_events(struct stream *stream, char *text, size_t text_bytes) {
    const struct sm_live *live = stream->live;
    size_t used = 0;
    if (live->figures_number > stream->figures_number)
        used += (size_t)snprintf(text + used, text_bytes - used, "event: figures\ndata: %s\n\n",
                                 live->figures);
    if (live->look_number > stream->look_number && !live->is_over)
        used += (size_t)snprintf(text + used, text_bytes - used, "event: data\ndata: %llu\n\n",
                                 (unsigned long long)live->look_number);
    if (live->is_over) {
        used += (size_t)snprintf(text + used, text_bytes - used, "event: end\ndata: %llu\n\n",
                                 (unsigned long long)live->look_number);
        stream->has_ended = 1;
        stream->live->owed++;
    }
    stream->figures_number = live->figures_number;
    stream->look_number = live->look_number;
    return used;
}

/* Waits for news; a comment now and then tells whether anybody still listens. */
static ssize_t read_stream(void *context, uint64_t at, char *buffer, size_t room) {
    struct stream *stream = context;
    struct sm_live *live = stream->live;
    char text[EVENT_BYTES];
    size_t used = 0;
    (void)at;
    pthread_mutex_lock(&live->lock);
    const struct timespec until = sm_timespec(sm_now_ns() + silence_ns);
    while (!stream->has_ended && !is_news(stream) &&
           pthread_cond_timedwait(&live->changed, &live->lock, &until) == 0)
        ;
    int is_done = live->is_stopping || stream->has_ended;
    if (!is_done)
        used = write_events(stream, text, sizeof text);
    pthread_mutex_unlock(&live->lock);
    if (is_done)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (used == 0)
        used = (size_t)snprintf(text, sizeof text, ":\n\n");
    if (used > room)
        used = room;
    memcpy(buffer, text, used);
    return (ssize_t)used;
}

static void count_watching(struct sm_live *live, int change) {
    pthread_mutex_lock(&live->lock);
    live->watching += change;
    pthread_cond_broadcast(&live->changed);
    pthread_mutex_unlock(&live->lock);
}

static void close_stream(void *context) {
    struct stream *stream = context;
    count_watching(stream->live, -1);
    free(stream);
}

static struct MHD_Response *events(struct sm_live *live) {
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->live = live;
    count_watching(live, 1);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, stream, close_stream);
    if (!response)
        close_stream(stream);
    else
        MHD_add_response_header(response, "Content-Type", "text/event-stream");
    return response;
}

/* *state is set for the last look, whose delivery `completed` notes. */
static struct MHD_Response *data(struct sm_live *live, struct MHD_Connection *connection,
                                 unsigned *ret_status, void **state) {
    const char *argument = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "last");
    pthread_mutex_lock(&live->lock);
    *state = argument && live->is_over ? live : NULL;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        live->look_bytes, live->look ? live->look : "", MHD_RESPMEM_MUST_COPY);
    int is_there = live->look != NULL;
    pthread_mutex_unlock(&live->lock);
    *ret_status = is_there ? MHD_HTTP_OK : MHD_HTTP_NO_CONTENT;
    if (response && is_there) {
        MHD_add_response_header(response, "Content-Type", "application/json");
        MHD_add_response_header(response, "Content-Encoding", "deflate");
    }
    return response;
}

static struct MHD_Response *text(const char *words, const char *type) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(words), (void *)words, MHD_RESPMEM_PERSISTENT);
    if (response)
        MHD_add_response_header(response, "Content-Type", type);
    return response;
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode how) {
    struct sm_live *live = context;
    (void)connection, (void)how;
    if (!*state)
        return;
    pthread_mutex_lock(&live->lock);
    live->owed -= live->owed > 0;
    pthread_cond_broadcast(&live->changed);
    pthread_mutex_unlock(&live->lock);
}

static int is_ours(const struct sm_live *live, struct MHD_Connection *connection) {
    char names[2][32];
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    snprintf(names[0], sizeof names[0], "127.0.0.1:%d", live->port);
    snprintf(names[1], sizeof names[1], "localhost:%d", live->port);
    return host && (strcmp(host, names[0]) == 0 || strcmp(host, names[1]) == 0);
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **state) {
    struct sm_live *live = context;
    unsigned status = MHD_HTTP_OK;
    struct MHD_Response *response;
    (void)version, (void)upload, (void)upload_bytes;
    if (strcmp(method, "GET") != 0 || !is_ours(live, connection)) {
        status = MHD_HTTP_FORBIDDEN;
        response = text("not for you\n", "text/plain");
    } else if (strcmp(url, "/events") == 0) {
        response = events(live);
    } else if (strcmp(url, "/data") == 0) {
        response = data(live, connection, &status, state);
    } else if (strcmp(url, "/") == 0) {
        response = text(live->page, "text/html; charset=utf-8");
    } else {
        status = MHD_HTTP_NOT_FOUND;
        response = text("not found\n", "text/plain");
    }
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

int sm_live_serve(struct sm_live *live, int port, struct sm_error *err) {
    struct sockaddr_in address = sm_loopback((uint16_t)port);
    sigset_t all, before;
    sigfillset(&all); /* the run's thread alone takes signals */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = 0;
    live->server = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_AUTO,
        (uint16_t)port, NULL, NULL, answer, live, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_NOTIFY_COMPLETED, completed, live,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_END);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!live->server)
        return sm_error_errno(err, error ? -error : -EADDRINUSE, "--live",
                              "give another port, or 0 for any", "port %d cannot be listened on",
                              port);
    const union MHD_DaemonInfo *bound =
        MHD_get_daemon_info(live->server, MHD_DAEMON_INFO_BIND_PORT);
    live->port = bound ? bound->port : port;
    return 0;
}

void sm_live_stop_serving(struct sm_live *live) {
    if (!live->server)
        return;
    pthread_mutex_lock(&live->lock);
    live->is_stopping = 1;
    pthread_cond_broadcast(&live->changed);
    pthread_mutex_unlock(&live->lock);
    MHD_stop_daemon(live->server);
    live->server = NULL;
}
