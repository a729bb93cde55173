/* http1.h - HTTP/1.1 messages as bytes: a request is built once, a reply is read as it comes.
 *
 * Replies come from outside and are parsed by libhttp_parser; nothing here allocates per reply.
 * Thread rule: one thread at a time for each object. */
#pragma once

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>

#include "../reports/error.h"
#include "config.h"

/* What is asked for. Texts are checked: none may smuggle in a line of its own. */
struct sm_http1_ask {
    const char *method, *path, *host;
    const char *const *headers; /* "Name: value"; they take the place of ours */
    size_t header_count;
    const struct sm_body *body; /* NULL: none */
};

/* Returns 0 or -EINVAL, as sm_http1_request_make does for what it cannot send. */
int sm_http1_check(const struct sm_http1_ask *ask, const char *where, struct sm_error *err);

/* The bytes to send: a head, then the body. A small body that is the same for every unit is in
 * `head` already, so that a small request is one send; a large one is never held whole. */
struct sm_http1_request {
    char *head; /* without its end where lengths differ */
    size_t head_length;
    const struct sm_body *body; /* NULL: none, or in the head */
    bool adds_length;           /* the length of the unit's body ends the head */
    bool is_head;               /* its reply has no body */
};

/* Returns 0, and the caller frees with sm_http1_request_free; or -EINVAL or -ENOMEM. */
int sm_http1_request_make(const struct sm_http1_ask *ask, const char *where,
                          struct sm_http1_request *ret_request, struct sm_error *err);
void sm_http1_request_free(struct sm_http1_request *request);

/* The next bytes of a unit's request from an offset on, as many as lie together, in the request or
 * in scratch (of SM_BODY_SCRATCH bytes). Returns their number, 0 at the end, or a negative errno
 * when a file cannot be read. */
ssize_t sm_http1_request_piece(const struct sm_http1_request *request, int64_t unit_number,
                               size_t offset, char *scratch, const char **ret_piece);

enum { SM_HTTP1_WORDS = 64 };

/* What a peer that speaks no HTTP/1.1 began with, as something to read: its first line, or
 * "HTTP/2", or "TLS", or "no text". room: at least 8. */
void sm_http1_quote(const char *bytes, size_t length, char *to, size_t room);

enum sm_http1_progress {
    SM_HTTP1_MORE,      /* not all there yet */
    SM_HTTP1_DONE,      /* status and keep_alive are set */
    SM_HTTP1_MALFORMED, /* words say why */
};

struct sm_http1_reply {
    int status;
    bool keep_alive; /* the connection can take another request */
    bool has_begun;  /* some of it has come */
    bool is_other;   /* malformed from its first line on: words are the peer's own */
    char words[SM_HTTP1_WORDS];
    /* private */
    http_parser parser;
    bool is_head, is_done;
};

/* Begins to read the next reply of a connection; is_head: it has no body. Feed it what comes until
 * it is not MORE. */
void sm_http1_reply_begin(struct sm_http1_reply *reply, bool is_head);
enum sm_http1_progress sm_http1_reply_feed(struct sm_http1_reply *reply, const char *bytes,
                                           size_t length);
/* The peer has closed: DONE where that ends a reply, MORE where it cuts one short. */
enum sm_http1_progress sm_http1_reply_end(struct sm_http1_reply *reply);
