/* link_internal.h - what link.c (sets of links, their bytes) and link_connect.c (libcurl) share. */
#pragma once

#include <curl/curl.h>
#include <sys/queue.h>

#include "link.h"

enum {
    SM_LINK_WATCHES = 4, /* sockets of one link at a time: two address families, the resolver's */
    SM_LINK_RECORD_BYTES = 16384, /* of TLS, at the most */
};

/* What is paced, each way by itself. */
enum { SM_LINK_READING, SM_LINK_SENDING, SM_LINK_WAYS };

enum sm_link_state { SM_LINK_CLOSED, SM_LINK_CONNECTING, SM_LINK_CONNECTED };

/* A socket of a connection that is being made. */
struct sm_link_watch {
    struct sm_link *link; /* NULL: none */
    curl_socket_t fd;
};

/* What libcurl needs to make a connection. A link has one while it connects, and over TLS until it
 * is closed; it belongs to the set. */
struct sm_link_handle {
    struct sm_link *link; /* NULL: spare */
    CURL *easy;
    curl_socket_t kept_fd; /* a socket that is not closed with libcurl's connection; -1: none */
    struct sm_link_watch watches[SM_LINK_WATCHES];
    char words[CURL_ERROR_SIZE]; /* libcurl's own on its last error */
    TAILQ_ENTRY(sm_link_handle) spare;
};

/* A multi handle of libcurl. */
struct sm_link_part {
    struct sm_links *links;
    CURLM *multi;
    int64_t timer_ns;
};

/* What every send and receive needs comes first, to lie together. */
struct sm_link {
    struct sm_links *links;
    void *owner;
    enum sm_link_state state;
    curl_socket_t fd;
    bool wants_write;
    struct sm_link_handle *handle; /* NULL: none, or it waits for one */
    struct sm_link_part *part;
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
    bool is_unix, has_proxy;
    bool is_plain; /* what is sent goes into the socket as it is */
    size_t count;
    struct sm_link *all;
    /* link_connect.c's */
    int connect_fd; /* epoll, in epoll_fd */
    CURL *model;    /* what every handle is a copy of */
    struct sm_link_part *parts;
    size_t part_count, per_part;
    int64_t timer_ns;            /* not after the first of the parts' */
    struct sm_link_list waiting; /* to connect, in SM_LINK_CONNECTING without a handle */
    size_t connecting;           /* with one */
    int64_t wave_ns;             /* when more begin, unless those are heard of */
    int silent_ticks;
    struct sm_link_handles spare;
    size_t spare_count;
    char record[SM_LINK_RECORD_BYTES]; /* where what goes over TLS together is put together */
};

/* Puts a socket into an epoll, or changes what it waits for there. */
void sm_link_watch(int epoll_fd, curl_socket_t fd, uint32_t events, const void *what);

/* Puts a connected link into the caller's epoll, or changes what it waits for there. */
void sm_link_await(struct sm_link *link, uint32_t events);

/* The set's handles, of a set that is zeroed but for what the options say. Returns 0 or a negative
 * errno; either way sm_link_handles_close is to be called. */
int sm_link_handles_open(struct sm_links *links, const struct sm_link_options *options);
void sm_link_handles_close(struct sm_links *links);

/* Takes libcurl's hands off a link that is not to connect any more. Its connection is closed. */
void sm_link_let_go(struct sm_link *link);

/* libcurl's error as a negative errno, the system's own where it kept it; of a link with a handle.
 */
int sm_link_errno(const struct sm_link *link, int otherwise);

/* Does what is due of connecting; and when there is more to do, whatever connect_fd says. */
void sm_link_connect_tick(struct sm_links *links, int64_t now_ns);
int64_t sm_link_connect_next_ns(const struct sm_links *links);
