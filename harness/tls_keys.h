/* tls_keys.h - the keys of TLS's records (RFC 5246, 6.3; RFC 8446, 7), of a handshake that others
 * made. Only ciphers that seal and check at once (AEAD) are known. */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SM_TLS_SECRET_BYTES = 48, /* at the most; TLS 1.2 has always so many */
    SM_TLS_RANDOM_BYTES = 32,
    SM_TLS_KEY_BYTES = 32, /* at the most */
    SM_TLS_IV_BYTES = 12,
};

/* As the client sees them. */
enum { SM_TLS_SENDING, SM_TLS_RECEIVING, SM_TLS_WAYS };

enum sm_tls_cipher { SM_TLS_AES_128, SM_TLS_AES_256, SM_TLS_CHACHA20, SM_TLS_CIPHERS };

/* What a handshake came to. */
struct sm_tls_session {
    bool is_tls13; /* else it is TLS 1.2 */
    enum sm_tls_cipher cipher;
    const EVP_MD *digest; /* OpenSSL's, for ever */
    /* Of TLS 1.3 the first of each way; of 1.2 the first is the one of both. */
    uint8_t secrets[SM_TLS_WAYS][SM_TLS_SECRET_BYTES];
    uint64_t records[SM_TLS_WAYS]; /* after the handshake */
    uint8_t client_random[SM_TLS_RANDOM_BYTES], server_random[SM_TLS_RANDOM_BYTES];
    /* What was received and opened, but not taken; from malloc. */
    uint8_t *early;
    size_t early_bytes;
};

/* What seals the records of one way. */
struct sm_tls_key {
    uint8_t key[SM_TLS_KEY_BYTES], iv[SM_TLS_IV_BYTES];
    uint8_t secret[SM_TLS_SECRET_BYTES]; /* of TLS 1.3, what the next key is made of */
    uint64_t sequence;                   /* of the next record */
    uint64_t serial;                     /* its user's, to know it again by */
};

size_t sm_tls_cipher_key_bytes(enum sm_tls_cipher cipher);

/* What OpenSSL calls it. */
const char *sm_tls_cipher_name(enum sm_tls_cipher cipher);

/* Fills the keys of both ways, for the next record; their serials are left
 * alone. Returns 0 or -ENOMEM. */
int sm_tls_keys_make(const struct sm_tls_session *session, struct sm_tls_key keys[SM_TLS_WAYS]);

/* The key of TLS 1.3 that follows (RFC 8446, 7.2). Returns 0 or -ENOMEM. */
int sm_tls_key_update(enum sm_tls_cipher cipher, const EVP_MD *digest, struct sm_tls_key *key);
