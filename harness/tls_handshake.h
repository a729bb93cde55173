/* tls_handshake.h - what OpenSSL's handshakes, made by libcurl, leave to go on with.
 *
 * libcurl keeps its SSL object to itself and breaks it as it lets go of a connection. So the
 * secrets are taken from what OpenSSL says for its logs of keys. */
#pragma once

#include <openssl/ssl.h>

#include "tls_keys.h"

/* One that is being made. To be cleansed in the end. */
struct sm_tls_handshake {
    SSL *ssl;                   /* NULL until there are secrets; libcurl's */
    SSL_CTX_keylog_cb_func log; /* that was there before; NULL: none */
    unsigned ways;              /* whose secrets are known, a bit each */
    uint8_t secrets[SM_TLS_WAYS][SM_TLS_SECRET_BYTES];
    uint64_t records[SM_TLS_WAYS]; /* since it was made */
};

/* To be called as the context is made (CURLOPT_SSL_CTX_FUNCTION): the handshakes in it are limited
 * to what sm_tls_keys_make knows, and *handshake learns of them as long as there is the context. */
void sm_tls_handshake_watch(struct sm_tls_handshake *handshake, SSL_CTX *context);

/* Fills *ret_session of one that is made, whose SSL is still there; its `early` is the caller's.
 * -EIO: nothing is known of it, or not all. */
int sm_tls_handshake_session(const struct sm_tls_handshake *handshake,
                             struct sm_tls_session *ret_session);

/* What the SSL does from now on, such as saying goodbye, reaches nobody. Returns 0 or -ENOMEM. */
int sm_tls_handshake_silence(const struct sm_tls_handshake *handshake);
