#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_server.h"
#include "write.h"

enum { CONNECTION_BYTES = 65536, STOP_GRACE_S = 2 };

static const char write_path[] = "/api/v1/write/msgpack";
static const char stats_path[] = "/api/v1/write/msgpack/stats";

struct mi_server {
    const struct mi_service *service;
    struct http_server *http;
};

/* One HTTP request, from its header to the end of its answer. */
struct request {
    struct mi_payload *payload; /* NULL once it has been handed on */
    unsigned refused_with;      /* a status, while the body still comes; 0 = not refused */
};

static enum MHD_Result respond_stats(const struct mi_server *server,
                                     struct MHD_Connection *connection) {
    char *text = mi_stats_json(server->service->stats);
    if (!text)
        return http_respond_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
    return http_respond(connection, MHD_HTTP_OK, "application/json", text, strlen(text),
                        MHD_RESPMEM_MUST_FREE);
}

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result respond_write(const struct mi_server *server,
                                     struct MHD_Connection *connection, struct request *request) {
    struct mi_write_headers headers = {
        .content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
        .content_encoding = header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING)};
    struct mi_payload *payload = request->payload;
    char line[sizeof((struct mi_write_reply *)NULL)->text + 1];
    request->payload = NULL;
    struct mi_write_reply reply = mi_write(server->service, &headers, payload);
    snprintf(line, sizeof line, "%s%s", reply.text, reply.text[0] ? "\n" : "");
    return http_respond_text(connection, reply.http_status, line);
}

static bool is_checked_early(const struct mi_server *server, size_t body_bytes) {
    const struct mi_options *options = server->service->options;
    return options->body_check && body_bytes > (size_t)options->compressed_max_bytes;
}

/* Lets go what has come of a body that will be refused; the rest is read past. */
static void refuse(struct mi_server *server, struct request *request, unsigned status) {
    request->refused_with = status;
    mi_payload_free(request->payload);
    request->payload = NULL;
    server->service->own->requests++;
    server->service->own->rejected++;
}

static void take_body(void *context, void *opaque, const char *piece, size_t piece_bytes) {
    struct mi_server *server = context;
    struct request *request = opaque;
    if (request->refused_with)
        return;
    if (is_checked_early(server, request->payload->body.length + piece_bytes))
        refuse(server, request, MHD_HTTP_CONTENT_TOO_LARGE);
    else if (mi_bytes_append(&request->payload->body, piece, piece_bytes))
        refuse(server, request, MHD_HTTP_SERVICE_UNAVAILABLE);
}

static enum MHD_Result begin(void *context, struct MHD_Connection *connection, void **ret_request) {
    struct mi_server *server = context;
    struct request *request = calloc(1, sizeof *request);
    if (request)
        request->payload = calloc(1, sizeof *request->payload);
    if (!request || !request->payload) {
        free(request);
        return MHD_NO;
    }
    *ret_request = request;
    const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (!length || !is_checked_early(server, strtoull(length, NULL, 10)))
        return MHD_YES;
    /* Refused before its body is read, not after. */
    refuse(server, request, MHD_HTTP_CONTENT_TOO_LARGE);
    return http_respond_text(connection, request->refused_with, "the body is too large\n");
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, void *opaque,
                              const char *method, const char *url) {
    struct mi_server *server = context;
    struct request *request = opaque;
    if (request->refused_with)
        return http_respond_text(connection, request->refused_with, "the body is too large\n");
    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0 && strcmp(url, write_path) == 0)
        return respond_write(server, connection, request);
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 && strcmp(url, stats_path) == 0)
        return respond_stats(server, connection);
    return http_respond_text(connection, MHD_HTTP_NOT_FOUND, "no such thing\n");
}

static void end(void *context, void *opaque) {
    struct request *request = opaque;
    (void)context;
    mi_payload_free(request->payload);
    free(request);
}

static const struct http_service http_service = {begin, take_body, answer, end};

struct mi_server *mi_server_start(const struct mi_service *service, int listen_fd) {
    struct mi_server *server = calloc(1, sizeof *server);
    if (!server) {
        fprintf(stderr, "msgpack-ingest: no memory\n");
        return NULL;
    }
    server->service = service;
    server->http = http_server_start(
        &(struct http_server_config){.name = "msgpack-ingest",
                                     .service = &http_service,
                                     .context = server,
                                     .threads = (unsigned)service->options->threads,
                                     .connection_bytes = CONNECTION_BYTES,
                                     .stop_grace_s = STOP_GRACE_S},
        listen_fd);
    if (server->http)
        return server;
    free(server);
    return NULL;
}

void mi_server_stop(struct mi_server *server) {
    if (!server)
        return;
    http_server_stop(server->http);
    free(server);
}
