/* http2_fields.h - the header fields of a load's requests. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "http2.h"

/* Checks what is asked for and makes its fields. Returns 0, and the caller
 * frees the fields and their texts; or -EINVAL or -ENOMEM and *err. */
int sm_http2_fields_make(const struct sm_http2_ask *ask, const char *where, nghttp2_nv **ret_fields,
                         size_t *ret_count, char **ret_texts, struct sm_error *err);

/* Whether a field of this name, in small letters, speaks of a connection, which HTTP/2 forbids
 * (RFC 9113, 8.2.2). */
bool sm_http2_is_forbidden(const char *name, size_t length);
