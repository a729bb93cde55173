/* tls.h - TLS 1.2 and 1.3 after a handshake that others made: the records that carry bytes, for
 * thousands of connections at a time.
 *
 * Of what is sent nothing is kept between calls: the part of a record that did not go is made again
 * from the same bytes. Of what is received only a record that has not come whole is kept, or not
 * been taken whole. So a connection takes 400 bytes, where OpenSSL's own objects take 30 KB.
 * Thread rule: what shares something belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "tls_keys.h"

struct sm_tls;

/* What connections share: keys in use, room for records. NULL: out of memory. */
struct sm_tls_shared *sm_tls_shared_new(void);
void sm_tls_shared_free(struct sm_tls_shared *shared); /* NULL is allowed */

/* A connection over `fd`, which stays the caller's, not blocking; or, with fd -1, over that of
 * `under`, which shares with others than this one does, and is this one's then, as session->early
 * is. Returns 0 and one for sm_tls_end, or -ENOMEM, and both stay the caller's. */
int sm_tls_begin(struct sm_tls_shared *shared, const struct sm_tls_session *session, int fd,
                 struct sm_tls *under, struct sm_tls **ret_tls);

/* Says that no more comes, where that can be said at once, and frees it. NULL is allowed. */
void sm_tls_end(struct sm_tls *tls);

/* Sends what goes now. Returns how many of the bytes went, -EAGAIN or another negative errno. What
 * did not go must be given again as it was, with or without more behind it: -EILSEQ if it is not.
 */
ssize_t sm_tls_send(struct sm_tls *tls, const struct iovec *parts, size_t count);

/* Receives what is there. Returns how many bytes, 0 where the peer has said that no more comes,
 * -EAGAIN, -ECONNRESET where it has ended without saying so or sent what is wrong, or another
 * negative errno. */
ssize_t sm_tls_receive(struct sm_tls *tls, void *bytes, size_t capacity);

/* There is more to receive, though the socket may have nothing: bytes that did not fit, or what
 * ends the connection. */
bool sm_tls_holds(const struct sm_tls *tls);
