#include "tls_pair.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/tls_handshake.h"

const struct tls_suite tls_suites[TLS_SUITES] = {
    {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
    {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
    {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"},
};

static void certify(SSL_CTX *context) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_true(SSL_CTX_use_certificate(context, certificate) == 1);
    assert_true(SSL_CTX_use_PrivateKey(context, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static SSL *new_server(const struct tls_suite *suite) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    certify(context);
    SSL_CTX_set_min_proto_version(context, suite->version);
    SSL_CTX_set_max_proto_version(context, suite->version);
    assert_true(suite->version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(context, suite->name)
                                                 : SSL_CTX_set_cipher_list(context, suite->name));
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL *server = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_accept_state(server);
    return server;
}

static SSL *new_client(struct sm_tls_handshake *handshake) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    sm_tls_handshake_watch(handshake, context);
    SSL *client = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_connect_state(client);
    return client;
}

/* Over the socket, or over an SSL that is there already. */
static void connect_to(SSL *ssl, int fd, SSL *under) {
    BIO *bio = under ? BIO_new(BIO_f_ssl()) : BIO_new_socket(fd, BIO_NOCLOSE);
    if (under)
        BIO_set_ssl(bio, under, BIO_NOCLOSE);
    SSL_set_bio(ssl, bio, bio);
}

static void shake_hands(SSL *client, SSL *server) {
    int client_rc = 0, server_rc = 0;
    while (client_rc != 1 || server_rc != 1) {
        client_rc = SSL_do_handshake(client);
        server_rc = SSL_do_handshake(server);
        assert_int_not_equal(SSL_get_error(client, client_rc), SSL_ERROR_SSL);
        assert_int_not_equal(SSL_get_error(server, server_rc), SSL_ERROR_SSL);
    }
}

/* What libcurl does to it as it lets go. */
static void let_go(SSL *client) {
    char byte;
    SSL_read(client, &byte, 1);
    SSL_shutdown(client);
    SSL_set_connect_state(client);
    SSL_free(client);
}

static void speak_early(SSL *server, SSL *client, const char *early) {
    char byte;
    assert_int_equal(SSL_write(server, early, (int)strlen(early)), strlen(early));
    assert_int_equal(SSL_peek(client, &byte, 1), 1);
}

static void open_pair(struct tls_pair *pair, const struct tls_suite *suite, int layers,
                      const char *early) {
    struct sm_tls_handshake handshakes[2];
    SSL *clients[2];
    *pair = (struct tls_pair){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair->fds), 0);
    for (int i = 0; i < layers; i++) {
        struct sm_tls_session session;
        clients[i] = new_client(&handshakes[i]);
        pair->servers[i] = pair->server = new_server(suite);
        assert_true(sm_tls_handshake_session(&handshakes[i], &session) < 0);
        connect_to(clients[i], pair->fds[0], i ? clients[i - 1] : NULL);
        connect_to(pair->server, pair->fds[1], i ? pair->servers[i - 1] : NULL);
        shake_hands(clients[i], pair->server);
    }
    if (early)
        speak_early(pair->server, clients[layers - 1], early);
    for (int i = 0; i < layers; i++) {
        struct sm_tls_session session;
        pair->shared[i] = sm_tls_shared_new();
        assert_int_equal(sm_tls_handshake_session(&handshakes[i], &session), 0);
        assert_int_equal(
            sm_tls_begin(pair->shared[i], &session, i ? -1 : pair->fds[0], pair->tls, &pair->tls),
            0);
        assert_int_equal(sm_tls_handshake_silence(&handshakes[i]), 0);
    }
    for (int i = layers; i-- > 0;)
        let_go(clients[i]);
}

void tls_pair_open(struct tls_pair *pair, const struct tls_suite *suite, int layers) {
    open_pair(pair, suite, layers, NULL);
}

void tls_pair_open_early(struct tls_pair *pair, const struct tls_suite *suite, const char *early) {
    open_pair(pair, suite, 1, early);
}

void tls_pair_close(struct tls_pair *pair) {
    sm_tls_end(pair->tls);
    for (int i = 1; i >= 0; i--) {
        SSL_free(pair->servers[i]);
        sm_tls_shared_free(pair->shared[i]);
        close(pair->fds[i]);
    }
}
