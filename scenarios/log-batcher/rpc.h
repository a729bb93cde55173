/* rpc.h - JSON-RPC 2.0: the bytes of a request in, the bytes of a reply out.
 *
 * One method: logs.insert, whose params are one entry or a list of entries; an entry is a text or
 * {"source", "level", "message"} (only message is needed). It answers {"accepted": N, "dropped":
 * N}. Requests in a list (a JSON-RPC batch) are answered in a list. A request without "id" gets no
 * answer if it says "jsonrpc": "2.0" (a notification); a plain {"method", "params"} does. */
#pragma once

#include <stddef.h>

#include "channel.h"

struct lb_rpc_reply {
    unsigned http_status;
    char *body; /* malloc'd; NULL for 204, and for 500: no memory */
    size_t body_bytes;
};

/* Handles one HTTP body. Any thread. The caller frees the reply's body with free(). */
struct lb_rpc_reply lb_rpc_handle(struct lb_channel *channel, const char *body, size_t body_bytes);
