#include "http1.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    JOINED_BODY_BYTES = 65536, /* up to here a body follows its head in one buffer */
    HEAD_MAX_BYTES = SM_BODY_SCRATCH / 2,
};

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

int sm_http1_check(const struct sm_http1_ask *ask, const char *where, struct sm_error *err) {
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

static void write_part(FILE *out, const struct sm_body_part *part) {
    for (size_t left = part->length, now; left > 0; left -= now) {
        now = left < part->held ? left : part->held;
        fwrite(part->bytes, 1, now, out);
    }
}

static void write_head(FILE *out, const struct sm_http1_ask *ask, bool adds_length) {
    const struct sm_body *body = ask->body;
    fprintf(out, "%s %s HTTP/1.1\r\n", ask->method, ask->path);
    if (!is_given(ask, "Host"))
        fprintf(out, "Host: %s\r\n", ask->host);
    if (!is_given(ask, "User-Agent"))
        fputs("User-Agent: spillmark\r\n", out);
    if (body && body->content_type && !is_given(ask, "Content-Type"))
        fprintf(out, "Content-Type: %s\r\n", body->content_type);
    if (body && body->content_encoding && !is_given(ask, "Content-Encoding"))
        fprintf(out, "Content-Encoding: %s\r\n", body->content_encoding);
    for (size_t i = 0; i < ask->header_count; i++)
        fprintf(out, "%s\r\n", ask->headers[i]);
    if (adds_length)
        return;
    if (body && !is_given(ask, "Content-Length"))
        fprintf(out, "Content-Length: %zu\r\n", body->variants->length);
    fputs("\r\n", out);
}

int sm_http1_request_make(const struct sm_http1_ask *ask, const char *where,
                          struct sm_http1_request *ret_request, struct sm_error *err) {
    int rc = sm_http1_check(ask, where, err);
    if (rc < 0)
        return rc;
    const struct sm_body *body = ask->body;
    bool fixed = !body || sm_body_is_fixed(body);
    bool joined = body && fixed && body->variants->length <= JOINED_BODY_BYTES;
    struct sm_http1_request request = {.is_head = strcmp(ask->method, "HEAD") == 0,
                                       .body = joined ? NULL : body,
                                       .adds_length = !fixed && !is_given(ask, "Content-Length")};
    FILE *out = open_memstream(&request.head, &request.head_length);
    if (!out)
        return sm_error_errno(err, -ENOMEM, where, NULL, "cannot build the request");
    write_head(out, ask, request.adds_length);
    if (joined)
        for (size_t i = 0; i < body->variants->part_count; i++)
            write_part(out, &body->variants->parts[i]);
    if (fclose(out) != 0) {
        free(request.head);
        return sm_error_errno(err, -ENOMEM, where, NULL, "cannot build the request");
    }
    if (!joined && request.head_length > HEAD_MAX_BYTES) {
        free(request.head);
        return sm_error_set(err, -EINVAL, where, "send less of them",
                            "the headers are larger than %d bytes", HEAD_MAX_BYTES);
    }
    *ret_request = request;
    return 0;
}

void sm_http1_request_free(struct sm_http1_request *request) {
    free(request->head);
    request->head = NULL;
}

/* A head with this unit's length, and as much of its body as there is room for. */
static ssize_t compose(const struct sm_http1_request *request,
                       const struct sm_body_variant *variant, int64_t unit_number,
                       size_t end_length, const char *end, char *scratch) {
    size_t head_length = request->head_length + end_length;
    size_t room = SM_BODY_SCRATCH - head_length;
    size_t length = variant->length < room ? variant->length : room;
    memcpy(scratch, request->head, request->head_length);
    memcpy(scratch + request->head_length, end, end_length);
    int rc = sm_body_copy(variant, unit_number, 0, scratch + head_length, length);
    return rc < 0 ? rc : (ssize_t)(head_length + length);
}

ssize_t sm_http1_request_piece(const struct sm_http1_request *request, int64_t unit_number,
                               size_t offset, char *scratch, const char **ret_piece) {
    const struct sm_body_variant *variant =
        request->body ? sm_body_variant(request->body, unit_number) : NULL;
    char end[64] = "";
    size_t head_length = request->head_length;
    bool adds_length = variant && request->adds_length;
    if (adds_length) {
        snprintf(end, sizeof end, "Content-Length: %zu\r\n\r\n", variant->length);
        head_length += strlen(end);
    }
    if (offset >= head_length)
        return variant
                   ? sm_body_piece(variant, unit_number, offset - head_length, scratch, ret_piece)
                   : 0;
    if (!adds_length) {
        *ret_piece = request->head + offset;
        return (ssize_t)(head_length - offset);
    }
    ssize_t composed = compose(request, variant, unit_number, strlen(end), end, scratch);
    *ret_piece = scratch + offset;
    return composed < 0 ? composed : composed - (ssize_t)offset;
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

void sm_http1_quote(const char *bytes, size_t length, char *to, size_t room) {
    enum { SETTINGS = 4, FRAME_HEAD_BYTES = 9, TLS_ALERT = 21, TLS_HANDSHAKE = 22 };
    size_t end = 0, strange = 0;
    if (length >= FRAME_HEAD_BYTES && bytes[0] == 0 && bytes[3] == SETTINGS) {
        snprintf(to, room, "HTTP/2");
    } else if (length >= 2 && (bytes[0] == TLS_ALERT || bytes[0] == TLS_HANDSHAKE) &&
               bytes[1] == 3) {
        snprintf(to, room, "TLS");
    } else {
        for (; end < length && end + 1 < room && bytes[end] != '\r' && bytes[end] != '\n'; end++) {
            bool is_text = isprint((unsigned char)bytes[end]);
            to[end] = is_text ? bytes[end] : '?';
            strange += !is_text;
        }
        to[end] = '\0';
        if (strange > end / 4) /* and never twice the same */
            snprintf(to, room, "no text");
    }
}

void sm_http1_reply_begin(struct sm_http1_reply *reply, bool is_head) {
    reply->status = 0;
    reply->keep_alive = reply->has_begun = reply->is_other = reply->is_done = false;
    reply->is_head = is_head;
    reply->words[0] = '\0';
    http_parser_init(&reply->parser, HTTP_RESPONSE);
    reply->parser.data = reply;
}

static enum sm_http1_progress progress_of(struct sm_http1_reply *reply) {
    enum http_errno code = HTTP_PARSER_ERRNO(&reply->parser);
    if (reply->is_done)
        return SM_HTTP1_DONE;
    if (code == HPE_OK && !reply->parser.upgrade)
        return SM_HTTP1_MORE;
    snprintf(reply->words, sizeof reply->words, "%s",
             code == HPE_OK ? "it changes the protocol" : http_errno_description(code));
    return SM_HTTP1_MALFORMED;
}

enum sm_http1_progress sm_http1_reply_feed(struct sm_http1_reply *reply, const char *bytes,
                                           size_t length) {
    size_t used = http_parser_execute(&reply->parser, &reply_settings, bytes, length);
    if (reply->is_done && used < length)
        reply->keep_alive = false; /* more than was asked for: nothing after it can be trusted */
    enum sm_http1_progress progress = progress_of(reply);
    char quote[SM_HTTP1_WORDS];
    if (progress == SM_HTTP1_MALFORMED && reply->parser.http_major == 0) {
        sm_http1_quote(bytes, length, quote, sizeof quote);
        reply->is_other = quote[0] != '\0';
    }
    if (reply->is_other)
        memcpy(reply->words, quote, sizeof quote);
    return progress;
}

enum sm_http1_progress sm_http1_reply_end(struct sm_http1_reply *reply) {
    if (!reply->has_begun)
        return SM_HTTP1_MORE;
    http_parser_execute(&reply->parser, &reply_settings, NULL, 0);
    if (HTTP_PARSER_ERRNO(&reply->parser) == HPE_INVALID_EOF_STATE)
        return SM_HTTP1_MORE;
    return progress_of(reply);
}
