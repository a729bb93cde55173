/* link.h - connections made by libcurl (TCP, TLS, unix sockets, proxies), used as pipes of bytes.
 *
 * libcurl connects, checks whom to, and lets go; what is said then is up to the caller. A set of
 * links shares an address and an epoll descriptor. Thread rule: a set belongs to one thread, the
 * one that handles its events. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "../reports/error.h"
#include "pace.h"

struct sm_links;
struct sm_link;

struct sm_link_options {
    const char *url;             /* scheme, host and port; the scheme decides on TLS */
    const char *unix_path;       /* NULL: over TCP */
    const char *proxy;           /* the url of a proxy to tunnel through; NULL: none */
    const char *ca_file;         /* certificates to trust in place of the system's; NULL: those */
    bool is_insecure;            /* take any certificate */
    bool is_http2;               /* over TLS, HTTP/2 is asked for */
    struct sm_pace_options pace; /* how fast it reads; all zero: as fast as it comes */
    struct sm_pace_options send_pace; /* the same of sending */
    int receive_buffer_bytes;         /* of the kernel, for each connection; 0: its own choice */
};

enum { SM_LINK_WORDS = 112 };

/* What a link tells its owner, in the thread of sm_links_ready and sm_links_tick. */
struct sm_link_events {
    /* It is connected (0), or it is closed again: -EAGAIN when the peer's queue of connections is
     * full for now, otherwise -ECONNREFUSED or another with words: "connection refused". */
    void (*connected)(void *owner, int code, const char *words);
    /* It can be read (bytes, end or error) or written. */
    void (*ready)(void *owner, bool readable, bool writable);
};

/* Makes `count` closed links. epoll_fd stays the caller's; what is put there carries pointers for
 * sm_links_ready. Returns 0 and a set for sm_links_close, or a negative errno and *err. */
int sm_links_open(const struct sm_link_options *options, size_t count, int epoll_fd,
                  const struct sm_link_events *events, struct sm_links **ret_links,
                  struct sm_error *err);
void sm_links_close(struct sm_links *links); /* NULL is allowed */

struct sm_link *sm_links_at(struct sm_links *links, size_t index);
void sm_link_set_owner(struct sm_link *link, void *owner);

/* Begins to connect a closed link; `connected` is called later, never from within. It may take as
 * long as it likes: the owner closes the link when it has waited enough. Returns 0 or a negative
 * errno (and nothing is called). */
int sm_link_connect(struct sm_link *link);

/* Sends or receives what is possible now: the number of bytes (0 from sm_link_receive: the peer
 * has closed), -EAGAIN, or another negative errno. sm_link_send asks for `ready` to be called
 * once it is writable again when not all was taken; what was not is to come again as it was, with
 * or without more behind it. */
ssize_t sm_link_send(struct sm_link *link, const void *bytes, size_t length);
ssize_t sm_link_receive(struct sm_link *link, void *bytes, size_t capacity);
/* The same of bytes that lie in several places (at least one, and at most IOV_MAX), from the front;
 * it may take fewer than could be sent, and then does not ask for `ready`. */
ssize_t sm_link_send_parts(struct sm_link *link, struct iovec *parts, size_t count);

/* Asks for `ready` to be called when it is writable, as when a send was cut short. */
void sm_link_await_writable(struct sm_link *link);

/* Closes it at once, whatever it is at. A closed link stays closed. */
void sm_link_close(struct sm_link *link);

/* Hands over what epoll gave: `what` is its data.ptr. */
void sm_links_ready(struct sm_links *links, void *what, uint32_t events);

/* Does what libcurl wants done by now and returns when it wants to be called again. */
int64_t sm_links_tick(struct sm_links *links, int64_t now_ns);

/* When it wants to be called, as of now: what was sent or received since may have changed it. */
int64_t sm_links_next_ns(const struct sm_links *links);
