/* websocket_upgrade.h - the handshake that turns an HTTP/1.1 connection into a WebSocket (RFC 6455,
 * section 4), from either side. Bytes in, bytes out; one thread at a time for each. */
#pragma once

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SM_UPGRADE_TARGET = 4096,
    SM_UPGRADE_KEY = 32, /* 24 letters and the end */
    SM_UPGRADE_ANSWER = 256,
};

enum sm_upgrade_progress {
    SM_UPGRADE_MORE,
    SM_UPGRADE_DONE,
    SM_UPGRADE_REFUSED, /* words say why */
};

/* What the peer says: a request (to a server) or a reply (to a client). */
struct sm_upgrade {
    char *target;             /* of a request: "/xrpc/subscribe?cursor=7"; the caller's */
    char key[SM_UPGRADE_KEY]; /* its key, or the reply's proof */
    int status;               /* of a reply */
    char words[64];
    /* private */
    http_parser parser;
    char name[32], value[64];
    size_t name_length, value_length, target_length, seen_bytes;
    bool in_value, is_websocket, is_version_13, is_done;
};

/* Begins to read a client's request, whose target goes to `target` of SM_UPGRADE_TARGET bytes, or
 * with NULL a server's reply; all that was read is forgotten. */
void sm_upgrade_begin(struct sm_upgrade *upgrade, char *target);
/* Takes bytes; *ret_used says how many belonged to the handshake, the rest are frames. A reply must
 * prove that the key sent (NULL on a server) has been read. */
enum sm_upgrade_progress sm_upgrade_feed(struct sm_upgrade *upgrade, const char *key,
                                         const char *bytes, size_t length, size_t *ret_used);

/* The answer to a request that is done, or its refusal. Returns its length. */
size_t sm_upgrade_answer(const struct sm_upgrade *upgrade, char answer[SM_UPGRADE_ANSWER]);

/* A key for a request, from any number. */
void sm_upgrade_make_key(uint64_t number, char key[SM_UPGRADE_KEY]);

/* The number after "NAME=" in a target's query. Returns 0, or -ENOENT, or -EINVAL. */
int sm_upgrade_query_number(const char *target, const char *name, int64_t *ret_number);
