#include "tls_handshake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEND_BYTES = 2048 };

static int hex_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns how many bytes. */
static size_t read_hex(const char *text, uint8_t *to, size_t room) {
    size_t length = 0;
    int high, low;
    for (; length < room && (high = hex_value(text[0])) >= 0 && (low = hex_value(text[1])) >= 0;
         text += 2)
        to[length++] = (uint8_t)(high << 4 | low);
    return length;
}

/* "LABEL client-random secret", in small hexadecimal digits. */
static void take_secret(struct sm_tls_handshake *handshake, const char *line) {
    static const struct {
        const char *label;
        int first, last; /* ways */
    } labels[] = {{"CLIENT_TRAFFIC_SECRET_0 ", SM_TLS_SENDING, SM_TLS_SENDING},
                  {"SERVER_TRAFFIC_SECRET_0 ", SM_TLS_RECEIVING, SM_TLS_RECEIVING},
                  {"CLIENT_RANDOM ", SM_TLS_SENDING, SM_TLS_RECEIVING}};
    const char *secret = strrchr(line, ' ');
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        if (strncmp(line, labels[i].label, strlen(labels[i].label)) != 0)
            continue;
        for (int way = labels[i].first; way <= labels[i].last; way++) {
            read_hex(secret + 1, handshake->secrets[way], SM_TLS_SECRET_BYTES);
            handshake->ways |= 1u << way;
        }
    }
}

static void on_line(const SSL *ssl, const char *line) {
    struct sm_tls_handshake *handshake = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    handshake->ssl = (SSL *)ssl;
    take_secret(handshake, line);
    if (handshake->log)
        handshake->log(ssl, line);
}

/* To a proxy it is used before it is taken over. */
static void on_message(int is_sent, int version, int type, const void *bytes, size_t length,
                       SSL *ssl, void *user) {
    struct sm_tls_handshake *handshake = user;
    (void)version, (void)bytes, (void)length;
    if (type == SSL3_RT_HEADER && SSL_is_init_finished(ssl))
        handshake->records[is_sent ? SM_TLS_SENDING : SM_TLS_RECEIVING]++;
}

void sm_tls_handshake_watch(struct sm_tls_handshake *handshake, SSL_CTX *context) {
    /* As OpenSSL's own list is, without the ciphers that seal and check in two steps. */
    SSL_CTX_set_cipher_list(context, "DEFAULT:!SHA1:!SHA256:!SHA384");
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_post_handshake_auth(context, 0);
    /* Room for what is sent is made at once, of which a handshake needs little. */
    SSL_CTX_set_max_send_fragment(context, SEND_BYTES);
    *handshake = (struct sm_tls_handshake){0};
    handshake->log = SSL_CTX_get_keylog_callback(context);
    SSL_CTX_set_app_data(context, handshake);
    SSL_CTX_set_keylog_callback(context, on_line);
    SSL_CTX_set_msg_callback(context, on_message);
    SSL_CTX_set_msg_callback_arg(context, handshake);
}

static bool find_cipher(const SSL_CIPHER *cipher, enum sm_tls_cipher *ret_cipher) {
    switch (cipher ? SSL_CIPHER_get_cipher_nid(cipher) : NID_undef) {
    case NID_aes_128_gcm:
        *ret_cipher = SM_TLS_AES_128;
        return true;
    case NID_aes_256_gcm:
        *ret_cipher = SM_TLS_AES_256;
        return true;
    case NID_chacha20_poly1305:
        *ret_cipher = SM_TLS_CHACHA20;
        return true;
    default:
        return false;
    }
}

/* In a record of a proxy's may be what its target said right after its own handshake. False: it
 * cannot be had. */
static bool take_early(SSL *ssl, struct sm_tls_session *session) {
    int length = SSL_pending(ssl);
    if (length > 0) {
        session->early = malloc((size_t)length);
        session->early_bytes = (size_t)length;
        if (!session->early || SSL_read(ssl, session->early, length) != length)
            return false;
    }
    return !SSL_has_pending(ssl);
}

int sm_tls_handshake_session(const struct sm_tls_handshake *handshake,
                             struct sm_tls_session *ret_session) {
    SSL *ssl = handshake->ssl;
    struct sm_tls_session session = {0};
    if (handshake->ways != (1u << SM_TLS_WAYS) - 1 || !SSL_is_init_finished(ssl) ||
        !find_cipher(SSL_get_current_cipher(ssl), &session.cipher))
        return -EIO;
    if (!take_early(ssl, &session)) {
        free(session.early);
        return -EIO;
    }
    session.is_tls13 = SSL_version(ssl) == TLS1_3_VERSION;
    session.digest = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl));
    memcpy(session.secrets, handshake->secrets, sizeof session.secrets);
    memcpy(session.records, handshake->records, sizeof session.records);
    SSL_get_client_random(ssl, session.client_random, SM_TLS_RANDOM_BYTES);
    SSL_get_server_random(ssl, session.server_random, SM_TLS_RANDOM_BYTES);
    *ret_session = session;
    return 0;
}

int sm_tls_handshake_silence(const struct sm_tls_handshake *handshake) {
    BIO *from = BIO_new(BIO_s_null()), *to = BIO_new(BIO_s_null());
    if (!from || !to) {
        BIO_free(from);
        BIO_free(to);
        return -ENOMEM;
    }
    SSL_set0_rbio(handshake->ssl, from);
    SSL_set0_wbio(handshake->ssl, to);
    return 0;
}
