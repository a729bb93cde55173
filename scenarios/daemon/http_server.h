/* http_server.h - a daemon's HTTP server: hands requests with their bodies to a service, answers
 * GET /health itself, and stops without breaking a request off. */
#pragma once

#include <microhttpd.h>
#include <stddef.h>

/* What is done with a request, in the order of its life; called from the server's threads. Each
 * answers by http_respond or http_respond_text, at most once. */
struct http_service {
    /* The header is there. Allocates *ret_request (NULL: no memory, the connection is closed), and
     * may answer at once, before the body is read: it returns MHD_YES or what the answer returned.
     */
    enum MHD_Result (*begin)(void *context, struct MHD_Connection *connection, void **ret_request);
    /* A piece of the body has come. */
    void (*take)(void *context, void *request, const char *piece, size_t bytes);
    /* The body is complete. */
    enum MHD_Result (*answer)(void *context, struct MHD_Connection *connection, void *request,
                              const char *method, const char *url);
    /* Frees the request, answered or not. */
    void (*end)(void *context, void *request);
};

struct http_server_config {
    const char *name; /* begins the lines about what is wrong */
    const struct http_service *service;
    void *context; /* of the service; outlives the server */
    unsigned threads;
    size_t connection_bytes; /* of memory for one connection */
    unsigned stop_grace_s;   /* how long requests in progress may take when it stops */
};

struct http_server;

/* Serves at a listening socket, which it takes over. NULL, having printed why. The config is
 * copied. */
struct http_server *http_server_start(const struct http_server_config *config, int listen_fd);

/* Takes no more connections, answers what was already asked (within the grace), closes. New
 * requests on open connections get 503. NULL is allowed. */
void http_server_stop(struct http_server *server);

/* An answer; an empty one has no content type. With MHD_RESPMEM_MUST_FREE the body is freed in any
 * case. */
enum MHD_Result http_respond(struct MHD_Connection *connection, unsigned status,
                             const char *content_type, char *body, size_t body_bytes,
                             enum MHD_ResponseMemoryMode mode);

/* A plain text, which is copied. */
enum MHD_Result http_respond_text(struct MHD_Connection *connection, unsigned status,
                                  const char *text);
