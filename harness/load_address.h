/* load_address.h - where a load goes: the keys that say so, read and checked. */
#pragma once

#include "config.h"
#include "link.h"

/* How fast the load sends, and how it reads what it is sent. */
#define SM_READER_KEYS                                                                             \
    {.name = "send_rate",                                                                          \
     .type = SM_KEY_QUANTITY,                                                                      \
     .unit = SM_UNIT_BYTES_PER_S,                                                                  \
     .at_least = 1,                                                                                \
     .help = "a slow sender: what each connection sends, at the most"},                            \
        {.name = "read_rate",                                                                      \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_BYTES_PER_S,                                                              \
         .at_least = 1,                                                                            \
         .help = "a slow consumer: what each connection reads, at the most"},                      \
        {.name = "read_stop_after",                                                                \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_BYTES,                                                                    \
         .at_least = 1,                                                                            \
         .at_most = 1e15,                                                                          \
         .help = "each connection stops reading whenever it has read so much"},                    \
        {.name = "read_stop_for",                                                                  \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_SECONDS,                                                                  \
         .fallback = "1s",                                                                         \
         .at_most = 1e6,                                                                           \
         .help = "for so long"},                                                                   \
    {                                                                                              \
        .name = "receive_buffer", .type = SM_KEY_QUANTITY, .unit = SM_UNIT_BYTES,                  \
        .at_least = 1024, .at_most = 1e9,                                                          \
        .help = "of the kernel for each connection, where a slow consumer's replies pile up"       \
    }

/* Whom it trusts over TLS. */
#define SM_TRUST_KEYS                                                                              \
    {.name = "ca",                                                                                 \
     .type = SM_KEY_TEXT,                                                                          \
     .help = "a file of certificates to trust in place of the system's"},                          \
    {                                                                                              \
        .name = "insecure", .type = SM_KEY_BOOL, .fallback = "false",                              \
        .help = "take any certificate"                                                             \
    }

/* How it is reached where that is not straight. */
#define SM_WAY_KEYS                                                                                \
    {.name = "unix", .type = SM_KEY_TEXT, .help = "the path of a unix socket instead"}, {          \
        .name = "proxy", .type = SM_KEY_TEXT,                                                      \
        .help = "a proxy to tunnel through: \"http://127.0.0.1:3128\", \"socks5h://...\""          \
    }

#define SM_ADDRESS_KEYS                                                                            \
    {.name = "url", .type = SM_KEY_TEXT, .help = "where to: \"http://127.0.0.1:8080/write\""},     \
        SM_WAY_KEYS, SM_TRUST_KEYS, SM_READER_KEYS

/* For drivers of HTTP that ask for one thing; what each request is. */
#define SM_PATH_KEY                                                                                \
    { .name = "path", .type = SM_KEY_TEXT, .help = "what is asked for, in place of the url's own" }
#define SM_REQUEST_KEYS                                                                            \
    SM_PATH_KEY, {.name = "method", .type = SM_KEY_TEXT, .help = "POST with a body, GET without"}, \
        {.name = "headers", .type = SM_KEY_TEXTS, .help = "a list of \"Name: value\""}, {          \
        .name = "body", .type = SM_KEY_BODY, .help = "what each request carries"                   \
    }

/* Addresses of what is no HTTP. */
#define SM_STREAM_ADDRESS_KEYS                                                                     \
    {.name = "to", .type = SM_KEY_TEXT, .help = "where to: \"127.0.0.1:6379\""}, SM_WAY_KEYS,      \
        {.name = "tls", .type = SM_KEY_BOOL, .fallback = "false", .help = "over TLS"},             \
        SM_TRUST_KEYS, SM_READER_KEYS

/* Owned by the caller; texts are the block's or its own. */
struct sm_address {
    struct sm_link_options link;
    const char *scheme; /* "http" or "https" */
    char *url;          /* where link.url is its own */
    char *path;         /* of the url, with its query: "/write?db=x" */
    char *host;         /* with the port where one is given: what Host and :authority say */
};

/* Returns 0, and the caller frees with sm_address_free; or -EINVAL or -ENOMEM and *err. */
int sm_address_read(const struct sm_block *config, struct sm_address *ret_address,
                    struct sm_error *err);
/* The same, where ws:// and wss:// are written too. */
int sm_address_read_websocket(const struct sm_block *config, struct sm_address *ret_address,
                              struct sm_error *err);
int sm_address_read_stream(const struct sm_block *config, struct sm_address *ret_address,
                           struct sm_error *err);
void sm_address_free(struct sm_address *address);
