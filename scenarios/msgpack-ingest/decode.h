/* decode.h - from a MessagePack payload to batches of columns.
 *
 * A payload is one record, an array of records, or {"batch": [record, ...]}. A record is columnar,
 * {"m": name, "columns": {"time": [...], ...}}, or one row, {"m": name, "t": time, "h": host,
 * "fields": {...}, "tags": {...}}. Rows of one measurement become one batch.
 *
 * Texts are copied: the payload may go when decoding has ended. Any thread. */
#pragma once

#include <stddef.h>

#include "columns.h"

struct mi_decoded {
    struct mi_batch *batches;
    size_t records, rows;
    char problem[160]; /* what is wrong with the payload, in a clause */
};

/* 0, and batches that the caller frees; -EINVAL for a payload that is not as above, told in
 * ret_decoded->problem; -ENOMEM. */
int mi_decode(const char *payload, size_t payload_bytes, struct mi_decoded *ret_decoded);
