/* tls_record.h - records of TLS (RFC 5246, 6.2.3.3; RFC 7905; RFC 8446, 5), sealed and opened. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "tls_keys.h"

enum {
    SM_TLS_PLAIN_BYTES = 16384, /* in a record, at the most */
    SM_TLS_HEAD_BYTES = 5,
    SM_TLS_TAG_BYTES = 16, /* the last of every record */
    SM_TLS_RECORD_BYTES = SM_TLS_HEAD_BYTES + SM_TLS_PLAIN_BYTES + 256, /* at the most */
};

enum {
    SM_TLS_ALERT = 21,
    SM_TLS_HANDSHAKE = 22,
    SM_TLS_DATA = 23,
};

/* OpenSSL's ciphers, with the keys that were used last: a KB each, so that thousands of connections
 * share those of some dozens. */
struct sm_tls_sealer;

/* Free with sm_tls_sealer_free. NULL: out of memory. */
struct sm_tls_sealer *sm_tls_sealer_new(void);
void sm_tls_sealer_free(struct sm_tls_sealer *sealer); /* NULL is allowed */

/* Gives a key its serial, as it is new. */
void sm_tls_sealer_name(struct sm_tls_sealer *sealer, struct sm_tls_key *key);

/* What all records of a connection have in common. */
struct sm_tls_manner {
    bool is_tls13;
    enum sm_tls_cipher cipher;
};

/* Where bytes are taken from next. */
struct sm_tls_cursor {
    const struct iovec *parts;
    size_t used; /* of the first */
};

/* How many bytes a record has in which there are so many. */
size_t sm_tls_sealed_bytes(const struct sm_tls_manner *manner, size_t plain_bytes);

/* Seals the next `length` bytes as the record of this sequence into `to`. The same bytes give the
 * same record. Returns 0 or -ENOMEM. */
int sm_tls_seal(struct sm_tls_sealer *sealer, const struct sm_tls_manner *manner,
                const struct sm_tls_key *key, uint64_t sequence, uint8_t type,
                struct sm_tls_cursor *cursor, size_t length, uint8_t *to);

/* The whole record that begins at `record`, of `length` bytes; 0: it has not come whole. One that
 * is too long is given as if it had come. */
size_t sm_tls_record_length(const uint8_t *record, size_t length);

/* How many bytes sm_tls_open may write, of a whole record. */
size_t sm_tls_opened_most(const struct sm_tls_manner *manner, size_t record_bytes);

/* Opens a whole record with the key's sequence, which is left alone. Returns how many bytes were in
 * it and fills *ret_type, or -EBADMSG: it is no record of this connection. */
ssize_t sm_tls_open(struct sm_tls_sealer *sealer, const struct sm_tls_manner *manner,
                    const struct sm_tls_key *key, const uint8_t *record, size_t record_bytes,
                    uint8_t *to, uint8_t *ret_type);
