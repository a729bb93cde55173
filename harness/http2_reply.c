#include "http2_reply.h"

#include <string.h>

#include "http2_fields.h"

enum {
    FIELD_BYTES = 32, /* each counts for in addition, as in SETTINGS_MAX_HEADER_LIST_SIZE */
    BLOCK_BYTES_MOST = 1 << 18, /* no reply needs as many, and some bytes can stand for thousands */
};

static void find_fault(struct sm_http2_reply *reply, const char *fault) {
    if (!reply->fault)
        reply->fault = fault;
}

void sm_http2_reply_begin(struct sm_http2_reply *reply, bool is_head) {
    *reply = (struct sm_http2_reply){.is_head = is_head, .length = -1};
}

void sm_http2_reply_begin_block(struct sm_http2_reply *reply) {
    reply->block_status = 0;
    reply->in_fields = false;
    reply->listed = 0;
}

static bool is_called(const uint8_t *name, size_t length, const char *wanted) {
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0;
}

/* RFC 9113, 8.2.1. */
static bool is_field(const uint8_t *name, size_t name_length, const uint8_t *value,
                     size_t value_length) {
    for (size_t i = 0; i < name_length; i++)
        if (name[i] <= ' ' || (name[i] >= 'A' && name[i] <= 'Z') || name[i] == ':' ||
            name[i] >= 0x7f)
            return false;
    for (size_t i = 0; i < value_length; i++)
        if (value[i] == '\0' || value[i] == '\r' || value[i] == '\n')
            return false;
    const uint8_t *last = value + value_length - 1;
    return name_length > 0 && (value_length == 0 ||
                               (*value != ' ' && *value != '\t' && *last != ' ' && *last != '\t'));
}

static void take_status(struct sm_http2_reply *reply, const uint8_t *value, size_t length) {
    int status = 0;
    for (size_t i = 0; i < length && i < 4; i++)
        status = value[i] >= '0' && value[i] <= '9' ? status * 10 + (value[i] - '0') : 1000;
    if (reply->block_status)
        find_fault(reply, "two :status");
    else if (length != 3 || status < 100 || status > 999 || status == 101)
        find_fault(reply, "bad :status");
    reply->block_status = status;
}

static void take_length(struct sm_http2_reply *reply, const uint8_t *value, size_t length) {
    int64_t bytes = length > 0 ? 0 : -1;
    for (size_t i = 0; i < length && bytes >= 0; i++)
        if (value[i] < '0' || value[i] > '9' || __builtin_mul_overflow(bytes, 10, &bytes) ||
            __builtin_add_overflow(bytes, value[i] - '0', &bytes))
            bytes = -1;
    if (bytes < 0 || reply->length >= 0)
        find_fault(reply, "bad content-length");
    else if ((reply->block_status && reply->block_status < 200) ||
             (reply->block_status == 204 && bytes > 0))
        find_fault(reply, "content-length where there is no body");
    reply->length = bytes;
}

static void take_pseudo(struct sm_http2_reply *reply, const uint8_t *name, size_t name_length,
                        const uint8_t *value, size_t value_length) {
    if (reply->has_final)
        find_fault(reply, "pseudo-header in its trailers");
    else if (reply->in_fields)
        find_fault(reply, "pseudo-header after a header");
    else if (is_called(name, name_length, ":status"))
        take_status(reply, value, value_length);
    else
        find_fault(reply, "pseudo-header that no reply has");
}

void sm_http2_reply_field(struct sm_http2_reply *reply, const uint8_t *name, size_t name_length,
                          const uint8_t *value, size_t value_length) {
    reply->listed += FIELD_BYTES + (uint32_t)name_length + (uint32_t)value_length;
    if (reply->listed > BLOCK_BYTES_MOST)
        find_fault(reply, "endless headers");
    if (reply->fault)
        return;
    if (name_length > 0 && name[0] == ':') {
        take_pseudo(reply, name, name_length, value, value_length);
        return;
    }
    reply->in_fields = true;
    if (!is_field(name, name_length, value, value_length))
        find_fault(reply, "Invalid HTTP header field was received");
    else if (sm_http2_is_forbidden((const char *)name, name_length) ||
             (is_called(name, name_length, "te") && !is_called(value, value_length, "trailers")))
        find_fault(reply, "header that HTTP/2 forbids");
    else if (!reply->has_final && is_called(name, name_length, "content-length"))
        take_length(reply, value, value_length);
}

void sm_http2_reply_end_block(struct sm_http2_reply *reply, bool ends_stream) {
    if (reply->has_final) {
        if (!ends_stream)
            find_fault(reply, "trailers that do not end it");
        return;
    }
    if (!reply->block_status) {
        find_fault(reply, "no :status");
    } else if (reply->block_status < 200) {
        if (ends_stream)
            find_fault(reply, "interim reply that ends it");
        return;
    }
    reply->status = reply->block_status;
    reply->has_final = true;
    if (reply->is_head || reply->status == 204 || reply->status == 304)
        reply->length = 0; /* there is no body, whatever its length would be */
}

void sm_http2_reply_data(struct sm_http2_reply *reply, size_t length) {
    reply->received += (int64_t)length;
    if (!reply->has_final)
        find_fault(reply, "DATA before its head");
    else if (reply->length >= 0 && reply->received > reply->length)
        find_fault(reply, "more than its content-length");
}

void sm_http2_reply_end(struct sm_http2_reply *reply) {
    if (!reply->has_final)
        find_fault(reply, "end before its head");
    else if (reply->length > reply->received)
        find_fault(reply, "less than its content-length");
}
