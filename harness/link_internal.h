/* link_internal.h - what link.c (sets of links, their bytes) and link_connect.c (libcurl) share. */
#pragma once

#include <curl/curl.h>
#include <sys/queue.h>

#include "link.h"
#include "tls.h"
#include "tls_handshake.h"

enum {
    SM_LINK_WATCHES = 4, /* sockets of one link at a time: two address families, the resolver's */
    SM_LINK_LAYERS = 2,  /* of TLS: to the proxy, and through it */
};

/* What is paced, each way by itself. */
enum { SM_LINK_READING, SM_LINK_SENDING, SM_LINK_WAYS };

enum sm_link_state { SM_LINK_CLOSED, SM_LINK_CONNECTING, SM_LINK_CONNECTED };

/* A socket of a connection that is being made. */
struct sm_link_watch {
    struct sm_link *link; /* NULL: none */
    curl_socket_t fd;
};

/* What libcurl needs to make a connection. A link has one while it connects; it belongs to the set.
 */
struct sm_link_handle {
    struct sm_link *link; /* NULL: spare */
    CURL *easy;
    curl_socket_t kept_fd; /* a socket that is not closed with libcurl's connection; -1: none */
    struct sm_tls_handshake handshakes[SM_LINK_LAYERS]; /* the outermost first */
    size_t layers;                                      /* of which something is known */
    struct sm_link_watch watches[SM_LINK_WATCHES];
    char words[CURL_ERROR_SIZE]; /* libcurl's own on its last error */
    TAILQ_ENTRY(sm_link_handle) spare;
};

/* What every send and receive needs comes first, to lie together. */
struct sm_link {
    struct sm_links *links;
    void *owner;
    enum sm_link_state state;
    curl_socket_t fd;
    bool wants_write;
    struct sm_tls *tls;            /* NULL: what is sent goes into the socket as it is */
    struct sm_link_handle *handle; /* NULL: none, or it waits for one */
    TAILQ_ENTRY(sm_link) waiting;
    struct sm_link_way {
        struct sm_pace pace;
        bool is_paused; /* it is not to read, or send, now */
        int64_t resume_ns;
        TAILQ_ENTRY(sm_link) paused;
    } ways[SM_LINK_WAYS];
};

TAILQ_HEAD(sm_link_list, sm_link);
TAILQ_HEAD(sm_link_handles, sm_link_handle);

struct sm_links {
    struct sm_link_events events;
    struct sm_link_pacing {
        struct sm_pace_options options;
        bool is_on;
        struct sm_link_list paused;
        size_t paused_count;
        int64_t resume_ns; /* of the first of them */
    } pacing[SM_LINK_WAYS];
    int receive_buffer_bytes;
    int epoll_fd;
    bool is_unix, has_proxy, is_http2;
    size_t layers;                                /* of TLS that a connection has */
    struct sm_tls_shared *shared[SM_LINK_LAYERS]; /* of each of those; else NULL */
    size_t count;
    struct sm_link *all;
    /* link_connect.c's */
    int connect_fd; /* epoll, in epoll_fd */
    CURL *model;    /* what every handle is a copy of */
    CURLM *multi;
    int64_t timer_ns;
    struct sm_link_list waiting; /* to connect, in SM_LINK_CONNECTING without a handle */
    size_t connecting;           /* with one */
    int64_t wave_ns;             /* when more begin, unless those are heard of */
    int silent_ticks;
    struct sm_link_handles spare;
    size_t spare_count;
};

/* Puts a socket into an epoll, or changes what it waits for there. */
void sm_link_watch(int epoll_fd, curl_socket_t fd, uint32_t events, const void *what);

/* Puts a connected link into the caller's epoll, or changes what it waits for there. */
void sm_link_await(struct sm_link *link, uint32_t events);

/* Lets `ready` be called soon where TLS holds what can be received, of which epoll knows nothing.
 */
void sm_link_look_again(struct sm_link *link);

/* The set's handles, of a set that is zeroed but for what the options say. Returns 0 or a negative
 * errno; either way sm_link_handles_close is to be called. */
int sm_link_handles_open(struct sm_links *links, const struct sm_link_options *options);
void sm_link_handles_close(struct sm_links *links);

/* Takes libcurl's hands off a link that is not to connect any more. Its connection is closed. */
void sm_link_let_go(struct sm_link *link);

/* Does what is due of connecting; and when there is more to do, whatever connect_fd says. */
void sm_link_connect_tick(struct sm_links *links, int64_t now_ns);
int64_t sm_link_connect_next_ns(const struct sm_links *links);
