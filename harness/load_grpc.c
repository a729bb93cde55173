/* grpc_load: gRPC calls over HTTP/2: a request of one message or of many, a reply of any number,
 * and a status in the trailers. A unit is a call. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http2.h"

/* https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
static const char *const status_names[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};
enum { STATUSES = sizeof status_names / sizeof *status_names, NO_STATUS = -1, MESSAGE_BYTES = 80 };

static const char *const stream_names[] = {"none", "client", "server", "both", NULL};

struct call {
    struct sm_http2_exchange base;
    int status_plus_one; /* 0: none has come */
    char message[MESSAGE_BYTES];
    bool is_other; /* the reply is not of gRPC */
    /* The messages of the reply. */
    int64_t message_count;
    uint8_t prefix[SM_PAYLOAD_PREFIX];
    size_t prefix_length;
    uint32_t message_left;
};

struct grpc_load {
    struct sm_http2 http2;
    bool is_single_reply;
    int ok_outcome;
};

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* grpc-message is percent-encoded UTF-8; what is wrongly encoded stays as it is, and what would
 * change a terminal's state becomes a question mark. */
static void decode_message(const char *value, size_t length, char message[MESSAGE_BYTES]) {
    size_t written = 0;
    for (size_t i = 0; i < length && written + 1 < MESSAGE_BYTES; i++) {
        char c = value[i];
        int high = c == '%' && i + 2 < length ? hex_digit(value[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(value[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        }
        message[written++] = (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
    }
    message[written] = '\0';
}

static bool is_name(const char *name, size_t length, const char *wanted) {
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0;
}

static int read_status(const char *value, size_t length) {
    int status = 0;
    for (size_t i = 0; i < length && i < 4; i++) {
        if (value[i] < '0' || value[i] > '9')
            return 2; /* UNKNOWN */
        status = status * 10 + (value[i] - '0');
    }
    return status;
}

static void field(struct sm_http2_exchange *exchange, const char *name, size_t name_length,
                  const char *value, size_t value_length) {
    struct call *call = (struct call *)exchange;
    if (is_name(name, name_length, "grpc-status"))
        call->status_plus_one = 1 + read_status(value, value_length);
    else if (is_name(name, name_length, "grpc-message"))
        decode_message(value, value_length, call->message);
    else if (is_name(name, name_length, "content-type"))
        call->is_other = value_length < 16 || strncasecmp(value, "application/grpc", 16) != 0;
}

static void data(struct sm_http2_exchange *exchange, const char *bytes, size_t length) {
    struct call *call = (struct call *)exchange;
    while (length > 0 && !call->is_other) {
        size_t now = 1;
        if (call->message_left > 0) {
            now = length < call->message_left ? length : call->message_left;
            call->message_left -= (uint32_t)now;
            call->message_count += call->message_left == 0;
        } else {
            call->prefix[call->prefix_length++] = (uint8_t)*bytes;
        }
        if (call->prefix_length == SM_PAYLOAD_PREFIX) {
            const uint8_t *p = call->prefix;
            call->message_left =
                (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
            call->message_count += call->message_left == 0;
            call->prefix_length = 0;
        }
        bytes += now;
        length -= now;
    }
}

static void end(struct call *call, enum sm_ending ending, const char *words) {
    struct sm_tally *tally = call->base.base.connection->pool->tally;
    sm_http2_end(&call->base, ending, sm_tally_outcome(tally, words));
}

/* The target answered, but not with a status of gRPC. */
static void end_without_status(struct call *call) {
    char words[64];
    if (call->base.reply.status != 200 || call->is_other) {
        snprintf(words, sizeof words, "HTTP %d, not gRPC", call->base.reply.status);
        end(call, call->base.reply.status == 200 ? SM_ENDING_UNANSWERED : SM_ENDING_REFUSED, words);
    } else {
        end(call, SM_ENDING_UNANSWERED, "malformed reply: no grpc-status");
    }
}

static void end_refused(struct call *call, int status) {
    char words[SM_LOAD_OUTCOME_BYTES], number[24];
    snprintf(number, sizeof number, "status %d", status);
    snprintf(
        words, sizeof words, "gRPC %s%s%s%s", status < STATUSES ? status_names[status] : number,
        call->base.has_sent ? "" : " while sending", call->message[0] ? ": " : "", call->message);
    end(call, SM_ENDING_REFUSED, words);
}

/* A status ends a call, however much of the request is still to be sent. */
static void answered(struct sm_http2_exchange *exchange, bool is_last) {
    struct call *call = (struct call *)exchange;
    struct grpc_load *load = (struct grpc_load *)exchange->base.connection->pool;
    int status = call->status_plus_one - 1;
    (void)is_last;
    if (status == NO_STATUS)
        end_without_status(call);
    else if (status != 0)
        end_refused(call, status);
    else if (call->prefix_length || call->message_left)
        end(call, SM_ENDING_UNANSWERED, "malformed reply: its last message is cut short");
    else if (load->is_single_reply && call->message_count != 1)
        end(call, SM_ENDING_UNANSWERED,
            call->message_count ? "malformed reply: several messages for one"
                                : "malformed reply: gRPC OK without a message");
    else if (!exchange->has_sent)
        end(call, SM_ENDING_ACCEPTED, "gRPC OK before all was sent");
    else
        sm_http2_end(exchange, SM_ENDING_ACCEPTED, load->ok_outcome);
}

static const struct sm_http2_manner manner = {
    .exchange_bytes = sizeof(struct call), .field = field, .data = data, .answered = answered};

static void grpc_close(void *driver) {
    struct grpc_load *load = driver;
    if (!load)
        return;
    sm_http2_close(&load->http2);
    free(load);
}

static int check_keys(const struct sm_block *config, bool has_many, struct sm_error *err) {
    const char *method = sm_block_text(config, "method");
    const struct sm_body *body = sm_block_body(config, "body");
    const char *slash = method[0] == '/' ? strchr(method + 1, '/') : NULL;
    if (!slash || slash == method + 1 || !slash[1] || strchr(slash + 1, '/'))
        return sm_error_set(err, -EINVAL, config->where,
                            "write it as in \"/package.Service/Method\"",
                            "method \"%s\" is not one of gRPC", method);
    if (!has_many && sm_block_quantity(config, "messages") > 1)
        return sm_error_set(err, -EINVAL, config->where, "add stream = \"client\" or \"both\"",
                            "a call that does not stream its request has one message");
    for (size_t i = 0; body && i < body->variant_count; i++)
        if (body->variants[i].length > UINT32_MAX)
            return sm_error_set(err, -EINVAL, config->where, "send several messages",
                                "a message of gRPC has at most 4 GiB");
    return 0;
}

static int open_load(void *driver, const struct sm_block *config, struct sm_error *err) {
    struct grpc_load *load = driver;
    const struct sm_body *body = sm_block_body(config, "body");
    const char *stream = sm_block_text(config, "stream");
    bool streams_request = strcmp(stream, "client") == 0 || strcmp(stream, "both") == 0;
    bool streams_reply = strcmp(stream, "server") == 0 || strcmp(stream, "both") == 0;
    const char *encoding = body ? body->content_encoding : NULL;
    const char *const fields[] = {"content-type",
                                  "application/grpc+proto",
                                  "te",
                                  "trailers",
                                  "grpc-encoding",
                                  encoding,
                                  NULL};
    struct sm_address address;
    int rc = check_keys(config, streams_request, err);
    if (rc == 0)
        rc = sm_address_read(config, &address, err);
    if (rc < 0)
        return rc;
    struct sm_http2_ask ask = {.address = &address,
                               .method = "POST",
                               .path = sm_block_text(config, "method"),
                               .fields = fields};
    ask.headers = sm_block_texts(config, "headers", &ask.header_count);
    load->is_single_reply = !streams_reply;
    load->http2.messages = (int64_t)sm_block_quantity(config, "messages");
    load->http2.payload =
        (struct sm_payload){.body = body, .has_prefix = true, .flag = encoding != NULL};
    rc = sm_http2_open(&load->http2, &manner, config, &ask, err);
    sm_address_free(&address);
    if (rc == 0)
        load->ok_outcome = sm_tally_outcome(load->http2.pool.tally, "gRPC OK");
    return rc;
}

static int grpc_open(const struct sm_block *config, void **ret_driver, struct sm_error *err) {
    return sm_driver_open(config, sizeof(struct grpc_load), open_load, grpc_close, ret_driver, err);
}

static const struct sm_key grpc_keys[] = {
    SM_LOAD_KEYS,
    SM_ADDRESS_KEYS,
    {.name = "method",
     .type = SM_KEY_TEXT,
     .required = true,
     .help = "what is called: \"/package.Service/Method\""},
    {.name = "body", .type = SM_KEY_BODY, .help = "what each message carries; without it nothing"},
    {.name = "stream",
     .type = SM_KEY_TEXT,
     .fallback = "none",
     .choices = stream_names,
     .help = "who may send more than one message in a call"},
    {.name = "messages",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .fallback = "1",
     .at_most = 1e9,
     .help = "messages in each call; the last one ends the request"},
    {.name = "headers", .type = SM_KEY_TEXTS, .help = "metadata, a list of \"name: value\""},
    SM_HTTP2_KEYS,
    {.name = NULL}};

const struct sm_load_ops sm_grpc_load = {
    .name = "grpc_load",
    .help = "gRPC calls, unary or streaming, over TCP, TLS or a unix socket",
    .keys = grpc_keys,
    .open = grpc_open,
    .set_shard = sm_driver_set_shard,
    SM_DRIVER_OPS,
    .close = grpc_close,
};
