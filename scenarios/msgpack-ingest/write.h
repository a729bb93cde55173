/* write.h - what becomes of a body that was posted: checked, decompressed, decoded, buffered. */
#pragma once

#include "payload.h"
#include "server.h"

struct mi_write_reply {
    unsigned http_status;
    char text[200]; /* one line about what is wrong; empty with 204 */
};

struct mi_write_headers {
    const char *content_type;     /* NULL: none */
    const char *content_encoding; /* NULL: none */
};

/* Takes the payload over. Any thread. */
struct mi_write_reply mi_write(const struct mi_service *service,
                               const struct mi_write_headers *headers, struct mi_payload *payload);
