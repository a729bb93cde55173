/* tls_pair.h - a server of OpenSSL's, and a client whose handshake OpenSSL made and whose records
 * are the harness's, over a pair of sockets. Everything is asserted. */
#pragma once

#include <openssl/ssl.h>

#include "harness/tls.h"

struct tls_pair {
    int fds[2];      /* the client's, the server's */
    SSL *servers[2]; /* where there is TLS in TLS the outer one and the inner one */
    SSL *server;     /* the innermost */
    struct sm_tls_shared *shared[2];
    struct sm_tls *tls;
};

/* One of TLS 1.3's and 1.2's, as OpenSSL names them. */
struct tls_suite {
    int version; /* TLS1_3_VERSION or TLS1_2_VERSION */
    const char *name;
};
extern const struct tls_suite tls_suites[];
enum { TLS_SUITES = 6, FIRST_TLS12_SUITE = 3 };

/* `layers`: 1, or 2 for TLS in TLS. */
void tls_pair_open(struct tls_pair *pair, const struct tls_suite *suite, int layers);
/* The same, where the server said `early` before the handshake's client was let go, who had begun
 * to read it. */
void tls_pair_open_early(struct tls_pair *pair, const struct tls_suite *suite, const char *early);
/* The client is ended first, if it is not yet. */
void tls_pair_close(struct tls_pair *pair);
