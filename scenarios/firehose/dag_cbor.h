/* dag_cbor.h - DAG-CBOR through libcbor, and as JSON through jansson.
 *
 * As JSON, bytes are {"$bytes": base64} and links {"$link": CID}, as the protocol writes them. */
#pragma once

#include <cbor.h>
#include <jansson.h>

#include "car.h"

/* Decodes one value at the beginning of bytes; *ret_used is its length. The caller releases it
 * with cbor_decref. NULL when it is malformed or cut off, or announces more than could be there. */
cbor_item_t *fh_cbor_load(struct fh_bytes bytes, size_t *ret_used);

/* A value of a map by its key; NULL when there is none. Borrowed: belongs to the map. */
cbor_item_t *fh_cbor_get(const cbor_item_t *map, const char *key);

/* The same of a definite text or byte string; count 0 when it is another kind. */
struct fh_bytes fh_cbor_get_text(const cbor_item_t *map, const char *key);
struct fh_bytes fh_cbor_get_bytes(const cbor_item_t *map, const char *key);

/* The same of an integer; false when it is another kind or too large. */
bool fh_cbor_get_integer(const cbor_item_t *map, const char *key, int64_t *ret_value);

/* The binary CID of a link (tag 42); count 0 when the item is none. */
struct fh_bytes fh_cbor_link(const cbor_item_t *item);

/* A new JSON value, which the caller owns; NULL when there is no memory or it is too deep. */
json_t *fh_cbor_to_json(const cbor_item_t *item);
