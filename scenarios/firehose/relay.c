/* The WebSocket client. When the pipeline is full, the callback that a message has come waits in
 * it: nothing more is read, the socket fills, and the relay is held back. */
#include <libwebsockets.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "source.h"
#include "stop.h"

enum {
    MESSAGE_MAX = 16 << 20,
    READ_BYTES = 64 << 10,
    RECONNECT_MS = 200,
    TOLD_MAX = 5, /* bad frames that get a line of their own */
};

struct fh_relay {
    struct fh_source_config config;
    char address[256]; /* as libwebsockets takes it: a unix socket begins with '+' */
    int port;
    char method[96];
    struct lws_context *context;
    struct lws *connection; /* NULL = none */
    bool was_connected;
    int64_t last_seq; /* of what was received */
    uint8_t *message;
    size_t used, capacity;
    pthread_t thread;
    bool has_thread;
};

static void tell_frame(struct fh_relay *relay, const struct fh_frame_result *result) {
    struct fh_counters *counters = relay->config.counters;
    if (result->kind == FH_FRAME_ERROR) {
        atomic_fetch_add(&counters->error_frames, 1);
        fprintf(stderr, "firehose: %s says %s\n", relay->address, result->error);
    } else if (result->kind == FH_FRAME_BAD &&
               atomic_fetch_add(&counters->bad_frames, 1) < TOLD_MAX) {
        fprintf(stderr, "firehose: %s: a message of %zu bytes that cannot be read\n",
                relay->address, relay->used);
    }
}

/* False when nobody takes events any more. */
static bool take_message(struct fh_relay *relay) {
    struct fh_frame_result result = fh_frame_decode((struct fh_bytes){relay->message, relay->used},
                                                    relay->config.options->parses_per_operation,
                                                    fh_pipeline_sink(relay->config.pipeline));
    atomic_fetch_add(&relay->config.counters->frames, 1);
    tell_frame(relay, &result);
    if (result.seq > relay->last_seq && !result.is_refused)
        relay->last_seq = result.seq;
    relay->used = 0;
    return !result.is_refused;
}

/* Adds a piece of a message; -1 closes the connection. */
static int take_piece(struct fh_relay *relay, struct lws *wsi, const void *piece, size_t bytes) {
    if (relay->used + bytes > MESSAGE_MAX) {
        fprintf(stderr, "firehose: %s: a message of over %d bytes\n", relay->address, MESSAGE_MAX);
        return -1;
    }
    if (relay->used + bytes > relay->capacity) {
        size_t capacity = (relay->used + bytes) * 2;
        uint8_t *message = realloc(relay->message, capacity);
        if (!message)
            return -1;
        relay->message = message;
        relay->capacity = capacity;
    }
    if (bytes)
        memcpy(relay->message + relay->used, piece, bytes);
    relay->used += bytes;
    if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0)
        return take_message(relay) ? 0 : -1;
    return 0;
}

static void disconnected(struct fh_relay *relay, const char *why) {
    if (relay->was_connected && !fh_stop_is_requested()) {
        atomic_fetch_add(&relay->config.counters->reconnects, 1);
        fprintf(stderr, "firehose: %s: connection lost%s%s; again from %lld\n", relay->address,
                why ? ": " : "", why ? why : "", (long long)relay->last_seq);
    }
    relay->was_connected = false;
    relay->connection = NULL;
    relay->used = 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t bytes) {
    (void)user;
    struct fh_relay *relay = lws_context_user(lws_get_context(wsi));
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        relay->was_connected = true;
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return take_piece(relay, wsi, in, bytes);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        disconnected(relay, in);
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        disconnected(relay, NULL);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY: /* all there is when it was reset before it had asked */
        if (wsi == relay->connection)
            disconnected(relay, NULL);
        return 0;
    default:
        return 0;
    }
}

static void open_connection(struct fh_relay *relay) {
    char path[192];
    if (relay->last_seq > 0)
        snprintf(path, sizeof path, "/xrpc/%s?cursor=%lld", relay->method,
                 (long long)relay->last_seq);
    else
        snprintf(path, sizeof path, "/xrpc/%s", relay->method);
    struct lws_client_connect_info info = {
        .context = relay->context,
        .address = relay->address,
        .port = relay->port,
        .path = path,
        .host = relay->address[0] == '+' ? "localhost" : relay->address,
        .ietf_version_or_minus_one = -1,
        .pwsi = &relay->connection,
        .local_protocol_name = "events",
    };
    if (!lws_client_connect_via_info(&info))
        relay->connection = NULL;
}

static void *relay_main(void *argument) {
    struct fh_relay *relay = argument;
    relay->last_seq = fh_pipeline_stored_cursor(relay->config.pipeline);
    while (!fh_stop_is_requested()) {
        if (!relay->connection)
            open_connection(relay);
        /* Without a connection there is nothing to serve, and the library would wait for ever. */
        if (relay->connection && lws_service(relay->context, 0) < 0)
            break;
        if (!relay->connection)
            fh_stop_sleep(RECONNECT_MS);
    }
    return NULL;
}

static struct lws_context *create_context(struct fh_relay *relay) {
    static const struct lws_protocols protocols[] = {
        {.name = "events", .callback = on_event, .rx_buffer_size = READ_BYTES},
        {0},
    };
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .user = relay,
        .pt_serv_buf_size = READ_BYTES,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
    };
    lws_set_log_level(LLL_ERR, NULL);
    return lws_create_context(&info);
}

static bool parse_host(struct fh_relay *relay, const char *host) {
    if (strncmp(host, "unix:", 5) == 0)
        return snprintf(relay->address, sizeof relay->address, "+%s", host + 5) <
               (int)sizeof relay->address;
    return sscanf(host, "%255[^:]:%d", relay->address, &relay->port) == 2 && relay->port > 0 &&
           relay->port < 65536;
}

struct fh_relay *fh_relay_start(const struct fh_source_config *config, const char *host,
                                const char *method) {
    struct fh_relay *relay = calloc(1, sizeof *relay);
    if (!relay) {
        fprintf(stderr, "firehose: no memory\n");
        return NULL;
    }
    relay->config = *config;
    snprintf(relay->method, sizeof relay->method, "%s", method);
    if (!parse_host(relay, host)) {
        fprintf(stderr, "firehose: '%s' is neither HOST:PORT nor unix:PATH\n", host);
        free(relay);
        return NULL;
    }
    relay->context = create_context(relay);
    relay->has_thread =
        relay->context && pthread_create(&relay->thread, NULL, relay_main, relay) == 0;
    if (!relay->has_thread) {
        fprintf(stderr, "firehose: %s: cannot start a client\n", host);
        fh_relay_finish(relay);
        return NULL;
    }
    return relay;
}

void fh_relay_finish(struct fh_relay *relay) {
    if (!relay)
        return;
    if (relay->has_thread) {
        lws_cancel_service(relay->context);
        pthread_join(relay->thread, NULL);
    }
    if (relay->context)
        lws_context_destroy(relay->context);
    free(relay->message);
    free(relay);
}
