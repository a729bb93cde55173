#include "write.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "decode.h"

__attribute__((format(printf, 3, 4))) static bool
reject(struct mi_write_reply *reply, unsigned http_status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reply->text, sizeof reply->text, format, arguments);
    va_end(arguments);
    reply->http_status = http_status;
    return false;
}

static bool is_media_type(const char *header, const char *type) {
    size_t length = strcspn(header, "; \t");
    return length == strlen(type) && strncasecmp(header, type, length) == 0;
}

static bool check_headers(const struct mi_write_headers *headers, struct mi_write_reply *reply) {
    static const char *const types[] = {"application/msgpack", "application/x-msgpack",
                                        "application/vnd.msgpack"};
    const char *type = headers->content_type, *encoding = headers->content_encoding;
    bool is_known = !type;
    for (size_t i = 0; !is_known && i < sizeof types / sizeof *types; i++)
        is_known = is_media_type(type, types[i]);
    if (!is_known)
        return reject(reply, 415, "the content type is not application/msgpack");
    if (encoding && strcasecmp(encoding, "gzip") != 0 && strcasecmp(encoding, "identity") != 0)
        return reject(reply, 415, "the content encoding is neither gzip nor identity");
    return true;
}

static bool decompress(const struct mi_service *service, struct mi_payload *payload,
                       struct mi_write_reply *reply) {
    size_t max_bytes = (size_t)service->options->decompressed_max_bytes;
    switch (mi_payload_gunzip(payload, !service->options->decompression, max_bytes)) {
    case MI_GUNZIP_DONE:
        return true;
    case MI_GUNZIP_BROKEN:
        return reject(reply, 400, "the body is no gzip, or damaged, or cut off");
    case MI_GUNZIP_TOO_LARGE:
        return reject(reply, 413, "the body decompresses to more than %zu bytes", max_bytes);
    default:
        return reject(reply, 503, "no memory");
    }
}

/* The bytes of MessagePack: the body, or what it decompresses to. */
static bool unwrap(const struct mi_service *service, const struct mi_write_headers *headers,
                   struct mi_payload *payload, struct mi_bytes *ret_bytes,
                   struct mi_write_reply *reply) {
    size_t max_bytes = (size_t)service->options->compressed_max_bytes;
    bool is_gzip = headers->content_encoding && strcasecmp(headers->content_encoding, "gzip") == 0;
    if (payload->body.length > max_bytes)
        return reject(reply, 413, "the body has more than %zu bytes", max_bytes);
    if (payload->body.length == 0)
        return reject(reply, 400, "the body is empty");
    if (is_gzip && !decompress(service, payload, reply))
        return false;
    *ret_bytes = is_gzip ? payload->plain : payload->body;
    return true;
}

static bool decode(const struct mi_bytes *bytes, struct mi_decoded *ret_decoded,
                   struct mi_write_reply *reply) {
    int rc = mi_decode(bytes->bytes, bytes->length, ret_decoded);
    if (rc == -EINVAL)
        return reject(reply, 400, "%s", ret_decoded->problem);
    return rc == 0 || reject(reply, 503, "no memory");
}

static bool buffer(const struct mi_service *service, struct mi_batch *batches,
                   struct mi_write_reply *reply) {
    struct mi_flush *flushes = NULL;
    int rc = mi_buffers_add(service->buffers, batches, &flushes);
    mi_flusher_push(service->flusher, flushes);
    if (rc == 0)
        return true;
    mi_batches_free(batches);
    if (rc == -ENOSPC)
        return reject(reply, 400, "more than %d measurements", MI_MEASUREMENTS_MAX);
    return reject(reply, 503, "%s",
                  rc == -ENOBUFS ? "the storage does not keep up; try again later" : "no memory");
}

struct mi_write_reply mi_write(const struct mi_service *service,
                               const struct mi_write_headers *headers, struct mi_payload *payload) {
    struct mi_write_reply reply = {.http_status = 204};
    struct mi_bytes bytes = {0};
    struct mi_decoded decoded = {0};
    bool is_taken = check_headers(headers, &reply) &&
                    unwrap(service, headers, payload, &bytes, &reply) &&
                    decode(&bytes, &decoded, &reply) && buffer(service, decoded.batches, &reply);
    service->own->requests++;
    if (is_taken) {
        mi_release_payload(service->release, payload, decoded.records);
    } else {
        service->own->rejected++;
        mi_payload_free(payload);
    }
    return reply;
}
