/* http2_load: HTTP/2 requests over TCP, TLS or a unix socket, many at once on each connection.
 * Without TLS both sides are expected to know that HTTP/2 is spoken. */
#include <errno.h>
#include <stdlib.h>

#include "http2.h"

/* What a target says is taken at its word, but before it can have seen the whole body that is told
 * apart. A refusal ends the unit at once; after anything else the body goes on. */
static void answered(struct sm_http2_exchange *exchange, bool is_last) {
    struct sm_connections *pool = exchange->base.connection->pool;
    bool is_accepted = exchange->reply.status >= 200 && exchange->reply.status < 300;
    if (!is_last && is_accepted)
        return;
    int outcome = sm_connections_http_outcome(pool, exchange->reply.status, exchange->has_sent);
    sm_http2_end(exchange, is_accepted ? SM_ENDING_ACCEPTED : SM_ENDING_REFUSED, outcome);
}

static const struct sm_http2_manner manner = {.exchange_bytes = sizeof(struct sm_http2_exchange),
                                              .answered = answered};

static void http2_close(void *driver) {
    struct sm_http2 *load = driver;
    if (!load)
        return;
    sm_http2_close(load);
    free(load);
}

static int open_load(void *driver, const struct sm_block *config, struct sm_error *err) {
    struct sm_http2 *load = driver;
    const struct sm_body *body = sm_block_body(config, "body");
    const char *const fields[] = {"content-type", body ? body->content_type : NULL,
                                  "content-encoding", body ? body->content_encoding : NULL, NULL};
    struct sm_address address;
    int rc = sm_address_read(config, &address, err);
    if (rc < 0)
        return rc;
    struct sm_http2_ask ask = {
        .address = &address,
        .method = sm_block_has(config, "method") ? sm_block_text(config, "method")
                  : body                         ? "POST"
                                                 : "GET",
        .path = sm_block_has(config, "path") ? sm_block_text(config, "path") : address.path,
        .fields = fields,
    };
    ask.headers = sm_block_texts(config, "headers", &ask.header_count);
    load->payload.body = body;
    load->messages = 1;
    rc = sm_http2_open(load, &manner, config, &ask, err);
    sm_address_free(&address);
    return rc;
}

static int http2_open(const struct sm_block *config, void **ret_driver, struct sm_error *err) {
    return sm_driver_open(config, sizeof(struct sm_http2), open_load, http2_close, ret_driver, err);
}

static const struct sm_key http2_keys[] = {
    SM_LOAD_KEYS, SM_ADDRESS_KEYS, SM_REQUEST_KEYS, SM_HTTP2_KEYS, {.name = NULL}};

const struct sm_load_ops sm_http2_load = {
    .name = "http2_load",
    .help = "HTTP/2 requests over TCP, TLS or a unix socket",
    .keys = http2_keys,
    .open = http2_open,
    .set_shard = sm_driver_set_shard,
    SM_DRIVER_OPS,
    .close = http2_close,
};
