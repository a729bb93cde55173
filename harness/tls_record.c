#include "tls_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 128, /* two for each connection; a key that is not in its own costs 0.2 us */
    NONCE_BYTES = 8,
    GCM_SALT_BYTES = 4,
    VERSION_MAJOR = 3,
    VERSION_MINOR = 3, /* TLS 1.3 says so too */
    MOST_AAD_BYTES = 13,
};

struct sm_tls_sealer {
    EVP_CIPHER *ciphers[SM_TLS_CIPHERS]; /* NULL: not used yet */
    struct slot {
        EVP_CIPHER_CTX *context;
        uint64_t serial; /* of the key in it; 0: none */
    } slots[SLOTS];
    uint64_t last_serial;
};

struct sm_tls_sealer *sm_tls_sealer_new(void) {
    return calloc(1, sizeof(struct sm_tls_sealer));
}

void sm_tls_sealer_free(struct sm_tls_sealer *sealer) {
    for (size_t i = 0; sealer && i < SLOTS; i++)
        EVP_CIPHER_CTX_free(sealer->slots[i].context);
    for (size_t i = 0; sealer && i < SM_TLS_CIPHERS; i++)
        EVP_CIPHER_free(sealer->ciphers[i]);
    free(sealer);
}

void sm_tls_sealer_name(struct sm_tls_sealer *sealer, struct sm_tls_key *key) {
    key->serial = ++sealer->last_serial;
}

/* NULL: out of memory. */
static EVP_CIPHER_CTX *load(struct sm_tls_sealer *sealer, enum sm_tls_cipher cipher,
                            const struct sm_tls_key *key, bool seals) {
    struct slot *slot = &sealer->slots[key->serial % SLOTS];
    if (slot->serial == key->serial)
        return slot->context;
    if (!slot->context)
        slot->context = EVP_CIPHER_CTX_new();
    if (!sealer->ciphers[cipher])
        sealer->ciphers[cipher] = EVP_CIPHER_fetch(NULL, sm_tls_cipher_name(cipher), NULL);
    slot->serial = 0;
    if (!slot->context || !sealer->ciphers[cipher] ||
        EVP_CipherInit_ex(slot->context, sealer->ciphers[cipher], NULL, key->key, NULL, seals) <= 0)
        return NULL;
    slot->serial = key->serial;
    return slot->context;
}

static void write_number(uint64_t number, size_t bytes, uint8_t *to) {
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
}

/* In TLS 1.2 AES has a part of its nonce in the record. */
static bool has_nonce(const struct sm_tls_manner *manner) {
    return !manner->is_tls13 && manner->cipher != SM_TLS_CHACHA20;
}

static size_t nonce_bytes(const struct sm_tls_manner *manner) {
    return has_nonce(manner) ? NONCE_BYTES : 0;
}

size_t sm_tls_sealed_bytes(const struct sm_tls_manner *manner, size_t plain_bytes) {
    return SM_TLS_HEAD_BYTES + nonce_bytes(manner) + plain_bytes + manner->is_tls13 +
           SM_TLS_TAG_BYTES;
}

/* `nonce`: the record's own part of it, where it has one. */
static void make_nonce(const struct sm_tls_manner *manner, const struct sm_tls_key *key,
                       uint64_t sequence, const uint8_t *own, uint8_t nonce[SM_TLS_IV_BYTES]) {
    memcpy(nonce, key->iv, SM_TLS_IV_BYTES);
    if (has_nonce(manner)) {
        memcpy(nonce + GCM_SALT_BYTES, own, NONCE_BYTES);
        return;
    }
    for (size_t i = 0; i < sizeof sequence; i++)
        nonce[SM_TLS_IV_BYTES - 1 - i] ^= (uint8_t)(sequence >> 8 * i);
}

/* What is checked besides what is in it. Returns how many bytes. */
static int make_aad(const struct sm_tls_manner *manner, const uint8_t *head, uint64_t sequence,
                    size_t plain_bytes, uint8_t aad[MOST_AAD_BYTES]) {
    if (manner->is_tls13) {
        memcpy(aad, head, SM_TLS_HEAD_BYTES);
        return SM_TLS_HEAD_BYTES;
    }
    write_number(sequence, sizeof sequence, aad);
    memcpy(aad + 8, head, 3);
    write_number(plain_bytes, 2, aad + 11);
    return MOST_AAD_BYTES;
}

/* Lets the context begin a record. */
static EVP_CIPHER_CTX *begin(struct sm_tls_sealer *sealer, const struct sm_tls_manner *manner,
                             const struct sm_tls_key *key, bool seals, uint64_t sequence,
                             const uint8_t *head, size_t plain_bytes) {
    uint8_t nonce[SM_TLS_IV_BYTES], aad[MOST_AAD_BYTES];
    EVP_CIPHER_CTX *context = load(sealer, manner->cipher, key, seals);
    int unused, aad_bytes = make_aad(manner, head, sequence, plain_bytes, aad);
    make_nonce(manner, key, sequence, head + SM_TLS_HEAD_BYTES, nonce);
    bool has_begun = context && EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, -1) > 0 &&
                     EVP_CipherUpdate(context, NULL, &unused, aad, aad_bytes) > 0;
    return has_begun ? context : NULL;
}

static bool seal_bytes(EVP_CIPHER_CTX *context, struct sm_tls_cursor *cursor, size_t length,
                       uint8_t *to) {
    while (length > 0) {
        const struct iovec *part = cursor->parts;
        size_t left = part->iov_len - cursor->used, now = left < length ? left : length;
        int written;
        if (EVP_CipherUpdate(context, to, &written, (const uint8_t *)part->iov_base + cursor->used,
                             (int)now) <= 0)
            return false;
        to += now;
        length -= now;
        cursor->used += now;
        if (now == left)
            *cursor = (struct sm_tls_cursor){part + 1, 0};
    }
    return true;
}

int sm_tls_seal(struct sm_tls_sealer *sealer, const struct sm_tls_manner *manner,
                const struct sm_tls_key *key, uint64_t sequence, uint8_t type,
                struct sm_tls_cursor *cursor, size_t length, uint8_t *to) {
    size_t sealed = sm_tls_sealed_bytes(manner, length) - SM_TLS_HEAD_BYTES;
    uint8_t *body = to + SM_TLS_HEAD_BYTES + nonce_bytes(manner);
    int written;
    to[0] = manner->is_tls13 ? SM_TLS_DATA : type;
    to[1] = VERSION_MAJOR;
    to[2] = VERSION_MINOR;
    write_number(sealed, 2, to + 3);
    if (has_nonce(manner))
        write_number(sequence, NONCE_BYTES, to + SM_TLS_HEAD_BYTES);
    EVP_CIPHER_CTX *context = begin(sealer, manner, key, true, sequence, to, length);
    bool is_sealed =
        context && seal_bytes(context, cursor, length, body) &&
        (!manner->is_tls13 || EVP_CipherUpdate(context, body + length, &written, &type, 1) > 0) &&
        EVP_CipherFinal_ex(context, to + SM_TLS_HEAD_BYTES + sealed, &written) > 0 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SM_TLS_TAG_BYTES,
                            to + SM_TLS_HEAD_BYTES + sealed - SM_TLS_TAG_BYTES) > 0;
    return is_sealed ? 0 : -ENOMEM;
}

size_t sm_tls_record_length(const uint8_t *record, size_t length) {
    if (length < SM_TLS_HEAD_BYTES)
        return 0;
    size_t whole = SM_TLS_HEAD_BYTES + ((size_t)record[3] << 8 | record[4]);
    return whole <= length || whole > SM_TLS_RECORD_BYTES ? whole : 0;
}

size_t sm_tls_opened_most(const struct sm_tls_manner *manner, size_t record_bytes) {
    size_t around = sm_tls_sealed_bytes(manner, 0) - manner->is_tls13;
    return record_bytes > around ? record_bytes - around : 0;
}

/* TLS 1.3 says behind what is in it, and any number of zeros, what it is. */
static ssize_t strip(const uint8_t *opened, size_t length, uint8_t *ret_type) {
    while (length > 0 && opened[length - 1] == 0)
        length--;
    if (length == 0 || length - 1 > SM_TLS_PLAIN_BYTES)
        return -EBADMSG;
    *ret_type = opened[length - 1];
    return (ssize_t)length - 1;
}

ssize_t sm_tls_open(struct sm_tls_sealer *sealer, const struct sm_tls_manner *manner,
                    const struct sm_tls_key *key, const uint8_t *record, size_t record_bytes,
                    uint8_t *to, uint8_t *ret_type) {
    size_t nonce = nonce_bytes(manner), length = sm_tls_opened_most(manner, record_bytes);
    const uint8_t *body = record + SM_TLS_HEAD_BYTES + nonce;
    int written;
    if (record_bytes > SM_TLS_RECORD_BYTES ||
        record_bytes < SM_TLS_HEAD_BYTES + nonce + SM_TLS_TAG_BYTES || record[1] != VERSION_MAJOR ||
        (manner->is_tls13 && record[0] != SM_TLS_DATA))
        return -EBADMSG;
    EVP_CIPHER_CTX *context = begin(sealer, manner, key, false, key->sequence, record, length);
    if (!context || EVP_CipherUpdate(context, to, &written, body, (int)length) <= 0 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, SM_TLS_TAG_BYTES,
                            (void *)(body + length)) <= 0 ||
        EVP_CipherFinal_ex(context, to + length, &written) <= 0)
        return -EBADMSG;
    if (manner->is_tls13)
        return strip(to, length, ret_type);
    *ret_type = record[0];
    return length <= SM_TLS_PLAIN_BYTES ? (ssize_t)length : -EBADMSG;
}
