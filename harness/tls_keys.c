#include "tls_keys.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

enum { GCM_SALT_BYTES = 4, MOST_LABEL_BYTES = 16 };

static const struct {
    const char *name;
    size_t key_bytes, iv_bytes_in_tls12;
} ciphers[SM_TLS_CIPHERS] = {
    [SM_TLS_AES_128] = {"AES-128-GCM", 16, GCM_SALT_BYTES},
    [SM_TLS_AES_256] = {"AES-256-GCM", 32, GCM_SALT_BYTES},
    [SM_TLS_CHACHA20] = {"ChaCha20-Poly1305", 32, SM_TLS_IV_BYTES},
};

size_t sm_tls_cipher_key_bytes(enum sm_tls_cipher cipher) {
    return ciphers[cipher].key_bytes;
}

const char *sm_tls_cipher_name(enum sm_tls_cipher cipher) {
    return ciphers[cipher].name;
}

static int derive(const char *name, const OSSL_PARAM *params, uint8_t *to, size_t length) {
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    bool is_done = context && EVP_KDF_derive(context, to, length, params) > 0;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return is_done ? 0 : -ENOMEM;
}

/* HKDF-Expand-Label without a context. */
static int expand(const EVP_MD *digest, const uint8_t *secret, const char *label, uint8_t *to,
                  size_t length) {
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)EVP_MD_get0_name(digest),
                                         0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret,
                                          (size_t)EVP_MD_get_size(digest)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (void *)"tls13 ", 6),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)label,
                                          strnlen(label, MOST_LABEL_BYTES)),
        OSSL_PARAM_construct_end()};
    return derive("TLS13-KDF", params, to, length);
}

static int make_tls13(enum sm_tls_cipher cipher, const EVP_MD *digest, struct sm_tls_key *key) {
    key->sequence = 0;
    int rc = expand(digest, key->secret, "key", key->key, ciphers[cipher].key_bytes);
    return rc < 0 ? rc : expand(digest, key->secret, "iv", key->iv, SM_TLS_IV_BYTES);
}

int sm_tls_key_update(enum sm_tls_cipher cipher, const EVP_MD *digest, struct sm_tls_key *key) {
    uint8_t next[SM_TLS_SECRET_BYTES];
    size_t length = (size_t)EVP_MD_get_size(digest);
    int rc = expand(digest, key->secret, "traffic upd", next, length);
    if (rc < 0)
        return rc;
    memcpy(key->secret, next, length);
    return make_tls13(cipher, digest, key);
}

/* The first record of each way was the handshake's last. */
static int make_tls12(const struct sm_tls_session *session, struct sm_tls_key keys[SM_TLS_WAYS]) {
    uint8_t block[SM_TLS_WAYS * (SM_TLS_KEY_BYTES + SM_TLS_IV_BYTES)];
    size_t key_bytes = ciphers[session->cipher].key_bytes;
    size_t iv_bytes = ciphers[session->cipher].iv_bytes_in_tls12;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                         (char *)EVP_MD_get0_name(session->digest), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, (void *)session->secrets[0],
                                          SM_TLS_SECRET_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)"key expansion", 13),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)session->server_random,
                                          SM_TLS_RANDOM_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)session->client_random,
                                          SM_TLS_RANDOM_BYTES),
        OSSL_PARAM_construct_end()};
    int rc = derive("TLS1-PRF", params, block, SM_TLS_WAYS * (key_bytes + iv_bytes));
    for (size_t way = 0; rc == 0 && way < SM_TLS_WAYS; way++) {
        memcpy(keys[way].key, block + way * key_bytes, key_bytes);
        memcpy(keys[way].iv, block + SM_TLS_WAYS * key_bytes + way * iv_bytes, iv_bytes);
        keys[way].sequence = 1;
    }
    return rc;
}

int sm_tls_keys_make(const struct sm_tls_session *session, struct sm_tls_key keys[SM_TLS_WAYS]) {
    int rc = session->is_tls13 ? 0 : make_tls12(session, keys);
    for (int way = 0; rc == 0 && session->is_tls13 && way < SM_TLS_WAYS; way++) {
        memcpy(keys[way].secret, session->secrets[way], SM_TLS_SECRET_BYTES);
        rc = make_tls13(session->cipher, session->digest, &keys[way]);
    }
    for (int way = 0; rc == 0 && way < SM_TLS_WAYS; way++)
        keys[way].sequence += session->records[way];
    return rc;
}
