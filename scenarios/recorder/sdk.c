#include "sdk.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "batcher.h"
#include "columns.h"
#include "stop_signals.h"

enum {
    CONNECTIONS_MAX = 1024,
    BODY_MAX = 64,
    STREAM_SHIFT = 40, /* rows of a stream are numbered from its number times 2^40 */
};

struct sdk {
    const struct rc_options *options;
    struct rc_figures *figures;
    struct rc_sender *sender;
    struct rc_batcher *batcher;
};

/* The body of a call: its number. */
struct body {
    char text[BODY_MAX + 1];
    size_t bytes;
};

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status,
                               const char *text) {
    char line[sizeof((struct rc_answer *)NULL)->text + 1];
    int length = snprintf(line, sizeof line, "%s\n", text);
    struct MHD_Response *response =
        MHD_create_response_from_buffer((size_t)length, line, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static bool parse(const char *text, uint64_t most, uint64_t *ret_value) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    while (*end == ' ' || *end == '\n')
        end++;
    if (errno || end == text || *end || value > most)
        return false;
    *ret_value = value;
    return true;
}

/* An argument of the query; absent ones are as they were. */
static bool read_argument(struct MHD_Connection *connection, const char *name, uint64_t most,
                          uint64_t *ret_value) {
    const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
    return !text || parse(text, most, ret_value);
}

static bool read_kind(struct MHD_Connection *connection, enum rc_kind *ret_kind) {
    static const char *const names[RC_KINDS] = {"disposable", "static", "persistent"};
    const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "kind");
    if (!text)
        return true;
    for (size_t i = 0; i < RC_KINDS; i++)
        if (strcmp(names[i], text) == 0) {
            *ret_kind = (enum rc_kind)i;
            return true;
        }
    return false;
}

static bool read_columns(struct MHD_Connection *connection, const struct body *body,
                         struct rc_columns *ret_columns) {
    struct rc_columns columns = {.kind = RC_DISPOSABLE};
    uint64_t rows = 1, row_bytes = 0, stream = 0, number = 0;
    if (!read_argument(connection, "rows", UINT64_C(1) << 32, &rows) || rows == 0 ||
        !read_argument(connection, "row_bytes", UINT64_C(1) << 32, &row_bytes) || row_bytes == 0 ||
        rows * row_bytes > UINT64_C(4000000000) || /* what gRPC takes in one message */
        !read_argument(connection, "stream", 1 << 16, &stream) ||
        !read_kind(connection, &columns.kind) || !parse(body->text, UINT64_C(1) << 32, &number) ||
        number * rows >= UINT64_C(1) << STREAM_SHIFT)
        return false;
    columns.rows = rows;
    columns.row_bytes = (size_t)row_bytes;
    columns.first_row = (stream << STREAM_SHIFT) + number * rows;
    *ret_columns = columns;
    return true;
}

static unsigned status_of(int result) {
    switch (result) {
    case 0:
        return MHD_HTTP_OK;
    case -EMSGSIZE:
        return MHD_HTTP_CONTENT_TOO_LARGE;
    default:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    }
}

static enum MHD_Result call(struct sdk *sdk, struct MHD_Connection *connection, const char *url,
                            const struct body *body) {
    struct rc_columns columns;
    bool is_log = strcmp(url, "/log") == 0;
    if (!is_log && strcmp(url, "/send_columns") != 0)
        return respond(connection, MHD_HTTP_NOT_FOUND, "no such thing");
    if (!read_columns(connection, body, &columns))
        return respond(connection, MHD_HTTP_BAD_REQUEST, "see recorder --help");
    if (!is_log) {
        struct rc_answer answer =
            rc_send_columns(sdk->sender, sdk->options, sdk->figures, &columns);
        return respond(connection, status_of(answer.result), answer.text);
    }
    struct rc_run rows = {columns.first_row, columns.rows};
    int result = rc_batcher_log(sdk->batcher, rows, columns.row_bytes);
    return respond(connection, status_of(result), result ? strerror(-result) : "");
}

/* Where the parts were started together, it is ready when they have found each other. */
static bool is_ready(const struct sdk *sdk) {
    const struct rc_options *options = sdk->options;
    return options->figures_fd < 0 || options->viewer_wait_ms ||
           rc_figure(sdk->figures, RC_VIEWERS) == options->viewers;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **body_slot) {
    (void)version;
    struct sdk *sdk = context;
    struct body *body = *body_slot;
    if (!body) {
        *body_slot = calloc(1, sizeof *body);
        return *body_slot ? MHD_YES : MHD_NO;
    }
    if (*upload_bytes) {
        for (size_t i = 0; i < *upload_bytes && body->bytes < BODY_MAX; i++)
            body->text[body->bytes++] = upload[i];
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0)
        return call(sdk, connection, url, body);
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 && strcmp(url, "/health") == 0)
        return is_ready(sdk) ? respond(connection, MHD_HTTP_OK, "ok")
                             : respond(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no viewer yet");
    return respond(connection, MHD_HTTP_NOT_FOUND, "no such thing");
}

static void completed(void *context, struct MHD_Connection *connection, void **body_slot,
                      enum MHD_RequestTerminationCode code) {
    (void)context;
    (void)connection;
    (void)code;
    free(*body_slot);
    *body_slot = NULL;
}

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        listen(fd, SOMAXCONN) == 0)
        return fd;
    fprintf(stderr, "recorder: sdk: %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int serve(struct sdk *sdk, const sigset_t *stop_signals) {
    int fd = listen_at(sdk->options->socket);
    if (fd < 0)
        return EXIT_FAILURE;
    /* Calls wait until their rows have room: each has a thread of its own. */
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL,
        NULL, handle, sdk, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, completed,
        sdk, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "recorder: sdk: the HTTP server did not start\n");
        close(fd);
        return EXIT_FAILURE;
    }
    stop_signals_wait(stop_signals);
    MHD_quiesce_daemon(daemon);
    rc_sender_stop(sdk->sender); /* so that calls that wait return */
    MHD_stop_daemon(daemon);
    close(fd);
    unlink(sdk->options->socket);
    return EXIT_SUCCESS;
}

int rc_sdk_main(const struct rc_options *options, struct rc_figures *figures,
                const sigset_t *stop_signals) {
    struct sdk sdk = {.options = options, .figures = figures};
    int status = EXIT_FAILURE;
    sdk.sender = rc_sender_start(options, figures);
    if (sdk.sender)
        sdk.batcher = rc_batcher_start(options, figures, sdk.sender);
    if (sdk.batcher)
        status = serve(&sdk, stop_signals);
    rc_batcher_stop(sdk.batcher);
    rc_sender_free(sdk.sender);
    return status;
}
