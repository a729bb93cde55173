/* A connected link is registered in the caller's epoll once and for all, level-triggered, and then
 * costs one system call to send and one to receive, on the socket itself or by TLS; libcurl's own
 * way there walks its list of connections, which is a tenth of the processor time of a small
 * request. */
#include "link.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "link_internal.h"
#include "schedule.h"

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void start_curl(void) {
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

void sm_link_watch(int epoll_fd, curl_socket_t fd, uint32_t events, const void *what) {
    struct epoll_event event = {.events = events, .data.ptr = (void *)what};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 && errno == ENOENT)
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

void sm_link_await(struct sm_link *link, uint32_t events) {
    sm_link_watch(link->links->epoll_fd, link->fd, events, link);
}

static bool is_tls(const char *url) {
    return strncasecmp(url, "https:", 6) == 0;
}

static void set_pacing(struct sm_link_pacing *pacing, const struct sm_pace_options *options) {
    pacing->options = *options;
    pacing->is_on = options->bytes_per_s > 0 || options->stop_after_bytes > 0;
    pacing->resume_ns = SM_NEVER_NS;
    TAILQ_INIT(&pacing->paused);
}

int sm_links_open(const struct sm_link_options *options, size_t count, int epoll_fd,
                  const struct sm_link_events *events, struct sm_links **ret_links,
                  struct sm_error *err) {
    pthread_once(&curl_once, start_curl);
    if (curl_ready != CURLE_OK)
        return sm_error_set(err, -EIO, NULL, NULL, "libcurl does not start: %s",
                            curl_easy_strerror(curl_ready));
    struct sm_links *links = calloc(1, sizeof *links);
    if (!links)
        return sm_error_errno(err, -ENOMEM, NULL, NULL, "cannot make connections");
    links->count = count;
    links->epoll_fd = epoll_fd;
    links->connect_fd = -1;
    links->is_unix = options->unix_path != NULL;
    links->has_proxy = options->proxy != NULL;
    links->is_http2 = options->is_http2;
    links->layers = (size_t)is_tls(options->url) + (options->proxy && is_tls(options->proxy));
    set_pacing(&links->pacing[SM_LINK_READING], &options->pace);
    set_pacing(&links->pacing[SM_LINK_SENDING], &options->send_pace);
    links->receive_buffer_bytes = options->receive_buffer_bytes;
    links->events = *events;
    links->all = calloc(count, sizeof *links->all);
    for (size_t i = 0; links->all && i < count; i++)
        links->all[i].links = links;
    int rc = sm_link_handles_open(links, options);
    bool is_short = !links->all;
    for (size_t i = 0; i < links->layers; i++)
        is_short |= !(links->shared[i] = sm_tls_shared_new());
    if (is_short)
        rc = -ENOMEM;
    if (rc < 0) {
        sm_links_close(links);
        return sm_error_errno(err, rc, options->unix_path ? options->unix_path : options->url, NULL,
                              "cannot be used as an address");
    }
    *ret_links = links;
    return 0;
}

void sm_links_close(struct sm_links *links) {
    if (!links)
        return;
    for (size_t i = 0; links->all && i < links->count; i++)
        sm_link_close(&links->all[i]);
    sm_link_handles_close(links);
    for (size_t i = 0; i < links->layers; i++)
        sm_tls_shared_free(links->shared[i]);
    free(links->all);
    free(links);
}

struct sm_link *sm_links_at(struct sm_links *links, size_t index) {
    return &links->all[index];
}
void sm_link_set_owner(struct sm_link *link, void *owner) {
    link->owner = owner;
}

static void forget_pause(struct sm_link *link, int way) {
    struct sm_link_pacing *pacing = &link->links->pacing[way];
    if (!link->ways[way].is_paused)
        return;
    link->ways[way].is_paused = false;
    pacing->paused_count--;
    TAILQ_REMOVE(&pacing->paused, link, ways[way].paused);
}

void sm_link_close(struct sm_link *link) {
    if (link->state == SM_LINK_CLOSED)
        return;
    sm_tls_end(link->tls);
    link->tls = NULL;
    if (link->state == SM_LINK_CONNECTED)
        close(link->fd); /* which takes it out of epoll */
    for (int way = 0; way < SM_LINK_WAYS; way++) {
        forget_pause(link, way);
        link->ways[way].pace = (struct sm_pace){0};
    }
    link->wants_write = false;
    sm_link_let_go(link);
}

/* Level-triggered, so that a link which is not to read must leave epoll, lest its end be told
 * without an end. */
static void watch_connected(struct sm_link *link) {
    bool writes = link->wants_write && !link->ways[SM_LINK_SENDING].is_paused;
    uint32_t events =
        (link->ways[SM_LINK_READING].is_paused ? 0u : EPOLLIN) | (writes ? EPOLLOUT : 0u);
    if (events)
        sm_link_await(link, events);
    else
        epoll_ctl(link->links->epoll_fd, EPOLL_CTL_DEL, link->fd, NULL);
}

static void want_write(struct sm_link *link, bool wanted) {
    if (link->wants_write == wanted)
        return;
    link->wants_write = wanted;
    watch_connected(link);
}

static void pause_way(struct sm_link *link, int way, int64_t resume_ns) {
    struct sm_link_pacing *pacing = &link->links->pacing[way];
    link->ways[way].resume_ns = resume_ns;
    if (resume_ns < pacing->resume_ns)
        pacing->resume_ns = resume_ns;
    if (link->ways[way].is_paused)
        return;
    link->ways[way].is_paused = true;
    pacing->paused_count++;
    TAILQ_INSERT_TAIL(&pacing->paused, link, ways[way].paused);
    watch_connected(link);
}

void sm_link_look_again(struct sm_link *link) {
    if (link->tls && sm_tls_holds(link->tls))
        pause_way(link, SM_LINK_READING, sm_now_ns());
}

/* Each paused link once: those that may go on are told so at once (of what TLS has decrypted epoll
 * knows nothing), the others go to the end. The owner may close any meanwhile. */
static void resume_paused(struct sm_links *links, int way, int64_t now_ns) {
    struct sm_link_pacing *pacing = &links->pacing[way];
    struct sm_link *link;
    pacing->resume_ns = SM_NEVER_NS;
    for (size_t left = pacing->paused_count; left > 0; left--) {
        if (!(link = TAILQ_FIRST(&pacing->paused)))
            return;
        if (link->ways[way].resume_ns > now_ns) {
            TAILQ_REMOVE(&pacing->paused, link, ways[way].paused);
            TAILQ_INSERT_TAIL(&pacing->paused, link, ways[way].paused);
            if (link->ways[way].resume_ns < pacing->resume_ns)
                pacing->resume_ns = link->ways[way].resume_ns;
            continue;
        }
        forget_pause(link, way);
        watch_connected(link);
        links->events.ready(link->owner, way == SM_LINK_READING, way == SM_LINK_SENDING);
    }
}

/* How much may go one way now; 0, and the link is paused, when nothing may. */
static size_t allow(struct sm_link *link, int way, size_t wanted) {
    const struct sm_link_pacing *pacing = &link->links->pacing[way];
    int64_t resume_ns;
    if (!pacing->is_on)
        return wanted;
    size_t allowed =
        sm_pace_allow(&link->ways[way].pace, &pacing->options, wanted, sm_now_ns(), &resume_ns);
    if (allowed == 0)
        pause_way(link, way, resume_ns);
    return allowed;
}

static void took(struct sm_link *link, int way, size_t bytes) {
    const struct sm_link_pacing *pacing = &link->links->pacing[way];
    if (pacing->is_on)
        sm_pace_took(&link->ways[way].pace, &pacing->options, bytes, sm_now_ns());
}

void sm_link_await_writable(struct sm_link *link) {
    want_write(link, true);
}

/* After the sending of `length` bytes, of which `sent` were or which failed. */
static ssize_t end_send(struct sm_link *link, size_t length, ssize_t sent) {
    if (sent >= 0)
        took(link, SM_LINK_SENDING, (size_t)sent);
    if (sent >= 0 || sent == -EAGAIN)
        want_write(link, sent < (ssize_t)length);
    return sent;
}

static ssize_t send_bytes(struct sm_link *link, const void *bytes, size_t length) {
    const struct iovec all = {(void *)bytes, length};
    if (link->tls)
        return sm_tls_send(link->tls, &all, 1);
    ssize_t sent = send(link->fd, bytes, length, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

ssize_t sm_link_send(struct sm_link *link, const void *bytes, size_t length) {
    size_t allowed = allow(link, SM_LINK_SENDING, length);
    if (allowed == 0 && length > 0)
        return -EAGAIN;
    return end_send(link, length, send_bytes(link, bytes, allowed));
}

static ssize_t send_all_parts(struct sm_link *link, struct iovec *parts, size_t count) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    if (link->tls)
        return sm_tls_send(link->tls, parts, count);
    ssize_t sent = sendmsg(link->fd, &message, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

ssize_t sm_link_send_parts(struct sm_link *link, struct iovec *parts, size_t count) {
    size_t length = 0;
    if (count == 1 || link->links->pacing[SM_LINK_SENDING].is_on)
        return sm_link_send(link, parts->iov_base, parts->iov_len);
    for (size_t i = 0; i < count; i++)
        length += parts[i].iov_len;
    return end_send(link, length, send_all_parts(link, parts, count));
}

static ssize_t receive_bytes(struct sm_link *link, void *bytes, size_t capacity) {
    if (link->tls)
        return sm_tls_receive(link->tls, bytes, capacity);
    ssize_t received = recv(link->fd, bytes, capacity, 0);
    return received < 0 ? -errno : received;
}

ssize_t sm_link_receive(struct sm_link *link, void *bytes, size_t capacity) {
    size_t allowed = allow(link, SM_LINK_READING, capacity);
    if (allowed == 0)
        return -EAGAIN;
    ssize_t received = receive_bytes(link, bytes, allowed);
    if (received >= 0)
        took(link, SM_LINK_READING, (size_t)received);
    sm_link_look_again(link);
    return received;
}

void sm_links_ready(struct sm_links *links, void *what, uint32_t events) {
    const struct sm_link *link = what;
    if (what == links || link->state != SM_LINK_CONNECTED) /* the tick's, or closed meanwhile */
        return;
    links->events.ready(link->owner, (events & ~(uint32_t)EPOLLOUT) != 0, (events & EPOLLOUT) != 0);
}

int64_t sm_links_next_ns(const struct sm_links *links) {
    int64_t next_ns = sm_link_connect_next_ns(links);
    for (int way = 0; way < SM_LINK_WAYS; way++) {
        if (links->pacing[way].resume_ns < next_ns)
            next_ns = links->pacing[way].resume_ns;
    }
    return next_ns;
}

int64_t sm_links_tick(struct sm_links *links, int64_t now_ns) {
    sm_link_connect_tick(links, now_ns);
    for (int way = 0; way < SM_LINK_WAYS; way++) {
        if (links->pacing[way].resume_ns <= now_ns)
            resume_paused(links, way, now_ns);
    }
    return sm_links_next_ns(links);
}
