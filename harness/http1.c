#include "http1.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { JOINED_BODY_BYTES = 65536 }; /* up to here a body follows its head in one buffer */

static bool is_token(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("!#$%&'*+-.^_`|~", text[i]))
            return false;
    return length > 0;
}

static bool is_one_line(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' && *text != '\t')
            return false;
    return true;
}

static int check_ask(const struct sm_http1_ask *ask, const char *where, struct sm_error *err) {
    if (!is_token(ask->method, strlen(ask->method)))
        return sm_error_set(err, -EINVAL, where, NULL, "method \"%s\" is not one", ask->method);
    if (ask->path[0] != '/' || !is_one_line(ask->path) || strchr(ask->path, ' '))
        return sm_error_set(err, -EINVAL, where, "write it as in \"/write?db=x\"",
                            "path \"%s\" is not one", ask->path);
    for (size_t i = 0; i < ask->header_count; i++) {
        const char *header = ask->headers[i];
        if (!is_token(header, strcspn(header, ":")) || !strchr(header, ':') || !is_one_line(header))
            return sm_error_set(err, -EINVAL, where, "write \"Name: value\"",
                                "\"%s\" is not a header", header);
    }
    return 0;
}

static bool is_given(const struct sm_http1_ask *ask, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < ask->header_count; i++)
        if (strncasecmp(ask->headers[i], name, length) == 0 && ask->headers[i][length] == ':')
            return true;
    return false;
}

static void write_head(FILE *out, const struct sm_http1_ask *ask) {
    fprintf(out, "%s %s HTTP/1.1\r\n", ask->method, ask->path);
    if (!is_given(ask, "Host"))
        fprintf(out, "Host: %s\r\n", ask->host);
    if (!is_given(ask, "User-Agent"))
        fputs("User-Agent: spillmark\r\n", out);
    if (ask->body && ask->body->content_type && !is_given(ask, "Content-Type"))
        fprintf(out, "Content-Type: %s\r\n", ask->body->content_type);
    if (ask->body && !is_given(ask, "Content-Length"))
        fprintf(out, "Content-Length: %zu\r\n", ask->body->length);
    for (size_t i = 0; i < ask->header_count; i++)
        fprintf(out, "%s\r\n", ask->headers[i]);
    fputs("\r\n", out);
}

int sm_http1_request_make(const struct sm_http1_ask *ask, const char *where,
                          struct sm_http1_request *ret_request, struct sm_error *err) {
    int rc = check_ask(ask, where, err);
    if (rc < 0)
        return rc;
    struct sm_http1_request request = {.is_head = strcmp(ask->method, "HEAD") == 0};
    size_t body_length = ask->body ? ask->body->length : 0;
    bool joined =
        body_length > 0 && body_length <= JOINED_BODY_BYTES && ask->body->held == body_length;
    FILE *out = open_memstream(&request.first, &request.first_length);
    if (!out)
        return sm_error_errno(err, -ENOMEM, where, NULL, "cannot build the request");
    write_head(out, ask);
    if (joined)
        fwrite(ask->body->bytes, 1, body_length, out);
    if (fclose(out) != 0) {
        free(request.first);
        return sm_error_errno(err, -ENOMEM, where, NULL, "cannot build the request");
    }
    request.body = ask->body;
    request.rest_length = joined ? 0 : body_length;
    *ret_request = request;
    return 0;
}

void sm_http1_request_free(struct sm_http1_request *request) {
    free(request->first);
    request->first = NULL;
}

size_t sm_http1_request_piece(const struct sm_http1_request *request, size_t offset,
                              const char **ret_piece) {
    if (offset < request->first_length) {
        *ret_piece = request->first + offset;
        return request->first_length - offset;
    }
    offset -= request->first_length;
    size_t left = request->rest_length - offset;
    if (left == 0)
        return 0;
    size_t at = offset % request->body->held, piece = request->body->held - at;
    *ret_piece = request->body->bytes + at;
    return piece < left ? piece : left;
}

static int on_begin(http_parser *parser) {
    struct sm_http1_reply *reply = parser->data;
    reply->has_begun = true;
    return 0;
}

static int on_headers(http_parser *parser) {
    struct sm_http1_reply *reply = parser->data;
    return reply->is_head ? 1 : 0; /* 1: no body follows, whatever its length is said to be */
}

static int on_complete(http_parser *parser) {
    struct sm_http1_reply *reply = parser->data;
    if (parser->status_code >= 100 && parser->status_code < 200 && parser->status_code != 101)
        return 0; /* an interim reply: the real one follows */
    reply->status = (int)parser->status_code;
    reply->keep_alive = http_should_keep_alive(parser) != 0;
    reply->is_done = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings reply_settings = {.on_message_begin = on_begin,
                                                    .on_headers_complete = on_headers,
                                                    .on_message_complete = on_complete};

void sm_http1_reply_begin(struct sm_http1_reply *reply, bool is_head) {
    reply->status = 0;
    reply->keep_alive = reply->has_begun = reply->is_done = false;
    reply->is_head = is_head;
    reply->words = NULL;
    http_parser_init(&reply->parser, HTTP_RESPONSE);
    reply->parser.data = reply;
}

static enum sm_http1_progress progress_of(struct sm_http1_reply *reply) {
    enum http_errno code = HTTP_PARSER_ERRNO(&reply->parser);
    if (reply->is_done)
        return SM_HTTP1_DONE;
    if (code == HPE_OK && !reply->parser.upgrade)
        return SM_HTTP1_MORE;
    reply->words = code == HPE_OK ? "it changes the protocol" : http_errno_description(code);
    return SM_HTTP1_MALFORMED;
}

enum sm_http1_progress sm_http1_reply_feed(struct sm_http1_reply *reply, const char *bytes,
                                           size_t length) {
    size_t used = http_parser_execute(&reply->parser, &reply_settings, bytes, length);
    if (reply->is_done && used < length)
        reply->keep_alive = false; /* more than was asked for: nothing after it can be trusted */
    return progress_of(reply);
}

enum sm_http1_progress sm_http1_reply_end(struct sm_http1_reply *reply) {
    if (!reply->has_begun)
        return SM_HTTP1_MORE;
    http_parser_execute(&reply->parser, &reply_settings, NULL, 0);
    if (HTTP_PARSER_ERRNO(&reply->parser) == HPE_INVALID_EOF_STATE)
        return SM_HTTP1_MORE;
    return progress_of(reply);
}
