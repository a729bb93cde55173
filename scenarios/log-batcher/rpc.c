#include "rpc.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Errors of the specification (https://www.jsonrpc.org/specification#error_object), each with
 * the HTTP status that tells a client without a JSON parser that it was refused. */
struct rpc_error {
    int code;
    unsigned http_status;
    const char *message;
};
static const struct rpc_error parse_error = {-32700, 400, "Parse error"};
static const struct rpc_error invalid_request = {-32600, 400, "Invalid Request"};
static const struct rpc_error method_not_found = {-32601, 404, "Method not found"};
static const struct rpc_error invalid_params = {-32602, 400, "Invalid params"};

struct insert_counts {
    json_int_t accepted, dropped;
};

static struct lb_text text_of(const json_t *value, const char *fallback) {
    if (!value)
        return (struct lb_text){fallback, strlen(fallback)};
    return (struct lb_text){json_string_value(value), json_string_length(value)};
}

static bool is_text_or_absent(const json_t *value) {
    return !value || json_is_string(value);
}

static bool is_entry(const json_t *params) {
    if (json_is_string(params))
        return true;
    return json_is_object(params) && json_is_string(json_object_get(params, "message")) &&
           is_text_or_absent(json_object_get(params, "source")) &&
           is_text_or_absent(json_object_get(params, "level"));
}

static void insert_entry(struct lb_channel *channel, const json_t *params,
                         struct insert_counts *counts) {
    const json_t *message = json_is_string(params) ? params : json_object_get(params, "message");
    bool is_sent =
        lb_channel_send(channel, text_of(json_object_get(params, "source"), ""),
                        text_of(json_object_get(params, "level"), "info"), text_of(message, ""));
    counts->accepted += is_sent;
    counts->dropped += !is_sent;
}

/* A list is checked as a whole before its first entry goes in, so that an error means that
 * nothing was inserted. */
static const struct rpc_error *insert(struct lb_channel *channel, const json_t *params,
                                      json_t **ret_result) {
    struct insert_counts counts = {0};
    size_t index;
    json_t *entry;
    if (json_is_array(params)) {
        json_array_foreach(params, index, entry) {
            if (!is_entry(entry))
                return &invalid_params;
        }
        json_array_foreach(params, index, entry) insert_entry(channel, entry, &counts);
    } else if (is_entry(params)) {
        insert_entry(channel, params, &counts);
    } else {
        return &invalid_params;
    }
    *ret_result = json_pack("{s:I, s:I}", "accepted", counts.accepted, "dropped", counts.dropped);
    return NULL;
}

static json_t *reply_error(const struct rpc_error *error, const json_t *id) {
    return json_pack("{s:s, s:{s:i, s:s}, s:O?}", "jsonrpc", "2.0", "error", "code", error->code,
                     "message", error->message, "id", id);
}

static bool is_id(const json_t *id) {
    return !id || json_is_string(id) || json_is_number(id) || json_is_null(id);
}

static const struct rpc_error *call(struct lb_channel *channel, const json_t *request,
                                    json_t **ret_result) {
    const json_t *version = json_object_get(request, "jsonrpc");
    const json_t *method = json_object_get(request, "method");
    if (!json_is_object(request) || !json_is_string(method) ||
        !is_id(json_object_get(request, "id")) ||
        (version && (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)))
        return &invalid_request;
    if (strcmp(json_string_value(method), "logs.insert") != 0)
        return &method_not_found;
    return insert(channel, json_object_get(request, "params"), ret_result);
}

/* Answers one request; NULL for a notification, whose errors go unanswered too. */
static json_t *handle_one(struct lb_channel *channel, const json_t *request,
                          unsigned *ret_http_status) {
    json_t *result = NULL;
    const struct rpc_error *error = call(channel, request, &result);
    json_t *id = json_object_get(request, "id");
    *ret_http_status = error ? error->http_status : 200;
    if (!id && json_object_get(request, "jsonrpc") && error != &invalid_request) {
        json_decref(result);
        *ret_http_status = 204;
        return NULL;
    }
    if (error)
        return reply_error(error, is_id(id) ? id : NULL);
    return json_pack("{s:s, s:o, s:O?}", "jsonrpc", "2.0", "result", result, "id", id);
}

static json_t *handle_batch(struct lb_channel *channel, const json_t *requests,
                            unsigned *ret_http_status) {
    json_t *replies = json_array();
    size_t index;
    json_t *request;
    json_array_foreach(requests, index, request) {
        unsigned ignored;
        json_t *reply = handle_one(channel, request, &ignored);
        if (reply)
            json_array_append_new(replies, reply);
    }
    *ret_http_status = 200;
    if (json_array_size(replies))
        return replies;
    json_decref(replies);
    *ret_http_status = 204;
    return NULL;
}

struct lb_rpc_reply lb_rpc_handle(struct lb_channel *channel, const char *body, size_t body_bytes) {
    struct lb_rpc_reply reply = {.http_status = parse_error.http_status};
    json_t *request = json_loadb(body, body_bytes, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    json_t *answer;
    if (!request)
        answer = reply_error(&parse_error, NULL);
    else if (json_is_array(request) && json_array_size(request))
        answer = handle_batch(channel, request, &reply.http_status);
    else
        answer = handle_one(channel, request, &reply.http_status);
    if (answer) {
        reply.body = json_dumps(answer, JSON_COMPACT);
        reply.body_bytes = reply.body ? strlen(reply.body) : 0;
    }
    if (!reply.body && reply.http_status != 204)
        reply.http_status = 500; /* no memory for an answer */
    json_decref(answer);
    json_decref(request);
    return reply;
}
