/* libcurl's connect-only mode. Connecting goes through curl_multi_socket_action with the caller's
 * epoll; a connected link is registered there once and for all, level-triggered, and then costs
 * one system call to send and one to receive. Where no TLS lies between, that call is made on the
 * socket that libcurl has connected: its own way there walks its list of connections, which is a
 * tenth of the processor time of a small request. */
#include "link.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "clock.h"
#include "link_failure.h"
#include "schedule.h"

enum {
    /* Over TLS each send and receive walks libcurl's list of the connections of its multi handle,
     * which takes some 30 KB: few connections can have short lists, many cannot. */
    FEWEST_PER_PART = 4,
    MOST_PER_PART = 32,
    PARTS = 32,            /* until they are full */
    CONNECT_BYTES = 1024,  /* libcurl's buffer, which nothing uses but connecting */
    RECEIVE_BYTES = 65536, /* at once at the most, which libcurl takes from its buffer's size */
    RECORD_BYTES = 16384,  /* of TLS, at the most */
    WATCHES = 4, /* sockets of one link at a time: two address families and the resolver's */
};

/* What is paced, each way by itself. */
enum { READING, SENDING, WAYS };

enum link_state { LINK_CLOSED, LINK_CONNECTING, LINK_CONNECTED };

/* A socket in epoll. */
struct watch {
    struct sm_link *link; /* NULL: free */
    curl_socket_t fd;
};

struct part {
    struct sm_links *links;
    CURLM *multi;
    int64_t timer_ns;
};

/* What every send and receive needs comes first, to lie together. */
struct sm_link {
    struct sm_links *links;
    void *owner;
    enum link_state state;
    curl_socket_t fd;
    bool wants_write;
    struct watch watches[WATCHES];
    struct part *part;
    CURL *easy;
    struct way {
        struct sm_pace pace;
        bool is_paused; /* it is not to read, or send, now */
        int64_t resume_ns;
        TAILQ_ENTRY(sm_link) paused;
    } ways[WAYS];
    char words[CURL_ERROR_SIZE]; /* libcurl's own on its last error */
};

TAILQ_HEAD(link_list, sm_link);

struct sm_links {
    struct sm_link_events events;
    struct pacing {
        struct sm_pace_options options;
        bool is_on;
        struct link_list paused;
        size_t paused_count;
        int64_t resume_ns; /* of the first of them */
    } pacing[WAYS];
    int receive_buffer_bytes;
    int epoll_fd;
    bool is_unix, has_proxy;
    bool is_plain; /* what is sent goes into the socket as it is */
    size_t count, part_count, per_part;
    int64_t timer_ns; /* not after the first of the parts' */
    struct sm_link *all;
    struct part *parts;
    char record[RECORD_BYTES]; /* where what goes over TLS together is put together */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void start_curl(void) {
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void watch(struct watch *watch, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int epoll_fd = watch->link->links->epoll_fd;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0 && errno == ENOENT)
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, watch->fd, &event);
}

static struct watch *find_watch(struct sm_link *link, curl_socket_t fd) {
    struct watch *free_one = NULL;
    for (int i = 0; i < WATCHES; i++) {
        if (link->watches[i].link && link->watches[i].fd == fd)
            return &link->watches[i];
        if (!link->watches[i].link)
            free_one = &link->watches[i];
    }
    return free_one;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user) {
    struct sm_link *link = NULL;
    (void)user, (void)socket_user;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &link);
    struct watch *slot = find_watch(link, fd);
    if (!slot || link->state == LINK_CONNECTED) /* once connected, the socket is ours to watch */
        return 0;
    if (what == CURL_POLL_REMOVE) {
        slot->link = NULL;
        epoll_ctl(link->links->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    *slot = (struct watch){link, fd};
    watch(slot, (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u));
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *user) {
    struct part *part = user;
    (void)multi;
    part->timer_ns = timeout_ms < 0 ? SM_NEVER_NS : sm_now_ns() + timeout_ms * INT64_C(1000000);
    if (part->timer_ns < part->links->timer_ns)
        part->links->timer_ns = part->timer_ns;
    return 0;
}

/* Asked to negotiate HTTP/2, libcurl would speak it too, where we want to: so we ask ourselves. */
static CURLcode ask_for_http2(CURL *easy, void *context, void *user) {
    static const unsigned char protocols[] = {2, 'h', '2'};
    (void)easy, (void)user;
    return SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols) == 0 ? CURLE_OK
                                                                              : CURLE_OUT_OF_MEMORY;
}

/* Before it connects, so that the window that is offered fits. */
static int set_buffer(void *user, curl_socket_t fd, curlsocktype purpose) {
    const struct sm_links *links = user;
    (void)purpose;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &links->receive_buffer_bytes,
               sizeof links->receive_buffer_bytes);
    return CURL_SOCKOPT_OK;
}

static int make_easy(struct sm_link *link, const struct sm_link_options *options) {
    CURL *easy = link->easy = curl_easy_init();
    if (!easy)
        return -ENOMEM;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, options->url);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options->unix_path);
    if (rc == CURLE_OK && options->ca_file)
        rc = curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options->is_insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options->is_insecure ? 0L : 2L);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, link);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, link->words);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 24L * 3600);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver at the end */
    /* Without one: not by the environment of whoever runs it. */
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy ? options->proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (options->receive_buffer_bytes > 0) {
        curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, set_buffer);
        curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, link->links);
    }
    if (options->is_http2) {
        curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, ask_for_http2);
    }
    return rc == CURLE_OK ? 0 : rc == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

static int make_part(struct part *part, struct sm_links *links) {
    part->links = links;
    part->timer_ns = SM_NEVER_NS;
    part->multi = curl_multi_init();
    if (!part->multi)
        return -ENOMEM;
    curl_multi_setopt(part->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(part->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(part->multi, CURLMOPT_TIMERDATA, part);
    curl_multi_setopt(part->multi, CURLMOPT_MAXCONNECTS, 2L * MOST_PER_PART);
    return 0;
}

static int make_links(struct sm_links *links, const struct sm_link_options *options) {
    links->per_part = links->count / PARTS;
    if (links->per_part < FEWEST_PER_PART)
        links->per_part = FEWEST_PER_PART;
    if (links->per_part > MOST_PER_PART || links->is_plain)
        links->per_part = MOST_PER_PART;
    links->part_count = (links->count + links->per_part - 1) / links->per_part;
    links->all = calloc(links->count, sizeof *links->all);
    links->parts = calloc(links->part_count, sizeof *links->parts);
    if (!links->all || !links->parts)
        return -ENOMEM;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < links->part_count; i++)
        rc = make_part(&links->parts[i], links);
    for (size_t i = 0; rc == 0 && i < links->count; i++) {
        links->all[i].links = links;
        links->all[i].part = &links->parts[i / links->per_part];
        rc = make_easy(&links->all[i], options);
    }
    return rc;
}

static bool is_tls(const char *url) {
    return strncasecmp(url, "https:", 6) == 0;
}

static void set_pacing(struct pacing *pacing, const struct sm_pace_options *options) {
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
    links->timer_ns = SM_NEVER_NS;
    links->is_unix = options->unix_path != NULL;
    links->has_proxy = options->proxy != NULL;
    links->is_plain = !is_tls(options->url) && !(options->proxy && is_tls(options->proxy));
    set_pacing(&links->pacing[READING], &options->pace);
    set_pacing(&links->pacing[SENDING], &options->send_pace);
    links->receive_buffer_bytes = options->receive_buffer_bytes;
    links->events = *events;
    int rc = make_links(links, options);
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
    for (size_t i = 0; links->all && i < links->count; i++) {
        if (!links->all[i].easy)
            continue;
        sm_link_close(&links->all[i]);
        curl_easy_cleanup(links->all[i].easy);
    }
    for (size_t i = 0; links->parts && i < links->part_count; i++)
        curl_multi_cleanup(links->parts[i].multi);
    free(links->parts);
    free(links->all);
    free(links);
}

struct sm_link *sm_links_at(struct sm_links *links, size_t index) {
    return &links->all[index];
}
void sm_link_set_owner(struct sm_link *link, void *owner) {
    link->owner = owner;
}

int sm_link_connect(struct sm_link *link) {
    curl_easy_setopt(link->easy, CURLOPT_BUFFERSIZE, (long)CONNECT_BYTES);
    CURLMcode rc = curl_multi_add_handle(link->part->multi, link->easy);
    if (rc != CURLM_OK)
        return rc == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
    link->state = LINK_CONNECTING;
    link->words[0] = '\0';
    return 0;
}

static void forget_pause(struct sm_link *link, int way) {
    struct pacing *pacing = &link->links->pacing[way];
    if (!link->ways[way].is_paused)
        return;
    link->ways[way].is_paused = false;
    pacing->paused_count--;
    TAILQ_REMOVE(&pacing->paused, link, ways[way].paused);
}

void sm_link_close(struct sm_link *link) {
    if (link->state == LINK_CLOSED)
        return;
    /* Closing the socket would take it out of epoll, but libcurl may close it later than this. */
    if (link->state == LINK_CONNECTED)
        epoll_ctl(link->links->epoll_fd, EPOLL_CTL_DEL, link->fd, NULL);
    for (int way = 0; way < WAYS; way++) {
        forget_pause(link, way);
        link->ways[way].pace = (struct sm_pace){0};
    }
    link->state = LINK_CLOSED;
    link->wants_write = false;
    curl_multi_remove_handle(link->part->multi, link->easy);
    memset(link->watches, 0, sizeof link->watches);
}

/* libcurl's error as an errno: the system's own where it kept it. */
static int errno_of(const struct sm_link *link, int otherwise) {
    long os_errno = 0;
    curl_easy_getinfo(link->easy, CURLINFO_OS_ERRNO, &os_errno);
    return os_errno > 0 ? -(int)os_errno : otherwise;
}

/* Level-triggered, so that a link which is not to read must leave epoll, lest its end be told
 * without an end. */
static void watch_connected(struct sm_link *link) {
    bool writes = link->wants_write && !link->ways[SENDING].is_paused;
    uint32_t events = (link->ways[READING].is_paused ? 0u : EPOLLIN) | (writes ? EPOLLOUT : 0u);
    if (events)
        watch(&link->watches[0], events);
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
    struct pacing *pacing = &link->links->pacing[way];
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

/* Each paused link once: those that may go on are told so at once (of what TLS has decrypted epoll
 * knows nothing), the others go to the end. The owner may close any meanwhile. */
static void resume_paused(struct sm_links *links, int way, int64_t now_ns) {
    struct pacing *pacing = &links->pacing[way];
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
        links->events.ready(link->owner, way == READING, way == SENDING);
    }
}

/* How much may go one way now; 0, and the link is paused, when nothing may. */
static size_t allow(struct sm_link *link, int way, size_t wanted) {
    const struct pacing *pacing = &link->links->pacing[way];
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
    const struct pacing *pacing = &link->links->pacing[way];
    if (pacing->is_on)
        sm_pace_took(&link->ways[way].pace, &pacing->options, bytes, sm_now_ns());
}

void sm_link_await_writable(struct sm_link *link) {
    want_write(link, true);
}

static ssize_t send_over_tls(struct sm_link *link, const void *bytes, size_t length) {
    size_t sent = 0;
    CURLcode rc = curl_easy_send(link->easy, bytes, length, &sent);
    if (rc == CURLE_AGAIN)
        return -EAGAIN;
    return rc == CURLE_OK ? (ssize_t)sent : errno_of(link, -EPIPE);
}

static ssize_t receive_over_tls(struct sm_link *link, void *bytes, size_t capacity) {
    size_t received = 0;
    CURLcode rc = curl_easy_recv(link->easy, bytes, capacity, &received);
    if (rc == CURLE_AGAIN)
        return -EAGAIN;
    return rc == CURLE_OK ? (ssize_t)received : errno_of(link, -ECONNRESET);
}

/* After the sending of `length` bytes, of which `sent` were or which failed. */
static ssize_t end_send(struct sm_link *link, size_t length, ssize_t sent) {
    if (sent >= 0)
        took(link, SENDING, (size_t)sent);
    if (sent >= 0 || sent == -EAGAIN)
        want_write(link, sent < (ssize_t)length);
    return sent;
}

ssize_t sm_link_send(struct sm_link *link, const void *bytes, size_t length) {
    size_t allowed = allow(link, SENDING, length);
    ssize_t sent;
    if (allowed == 0 && length > 0)
        return -EAGAIN;
    if (!link->links->is_plain)
        sent = send_over_tls(link, bytes, allowed);
    else if ((sent = send(link->fd, bytes, allowed, MSG_NOSIGNAL)) < 0)
        sent = -errno;
    return end_send(link, length, sent);
}

/* What goes into one record of TLS, from the front. Tried again, it lies where it lay, as OpenSSL
 * wants it. */
static ssize_t send_record(struct sm_link *link, const struct iovec *parts, size_t count) {
    char *record = link->links->record;
    size_t length = 0;
    for (size_t i = 0; i < count && length < RECORD_BYTES; i++) {
        size_t room = RECORD_BYTES - length;
        size_t now = parts[i].iov_len < room ? parts[i].iov_len : room;
        memcpy(record + length, parts[i].iov_base, now);
        length += now;
    }
    return sm_link_send(link, record, length);
}

ssize_t sm_link_send_parts(struct sm_link *link, struct iovec *parts, size_t count) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    size_t length = 0;
    if (count == 1 || (!link->links->is_plain && parts->iov_len >= RECORD_BYTES) ||
        link->links->pacing[SENDING].is_on)
        return sm_link_send(link, parts->iov_base, parts->iov_len);
    if (!link->links->is_plain)
        return send_record(link, parts, count);
    for (size_t i = 0; i < count; i++)
        length += parts[i].iov_len;
    ssize_t sent = sendmsg(link->fd, &message, MSG_NOSIGNAL);
    return end_send(link, length, sent < 0 ? -errno : sent);
}

ssize_t sm_link_receive(struct sm_link *link, void *bytes, size_t capacity) {
    size_t allowed = allow(link, READING, capacity);
    ssize_t received;
    if (allowed == 0)
        return -EAGAIN;
    if (!link->links->is_plain)
        received = receive_over_tls(link, bytes, allowed);
    else if ((received = recv(link->fd, bytes, allowed, 0)) < 0)
        received = -errno;
    if (received >= 0)
        took(link, READING, (size_t)received);
    return received;
}

static int why_failed(const struct sm_link *link, CURLcode result, char words[SM_LINK_WORDS]) {
    const struct sm_link_failure failure = {
        .result = result,
        .os_error = result == CURLE_COULDNT_CONNECT ? errno_of(link, 0) : -EIO,
        .said = link->words[0] ? link->words : curl_easy_strerror(result),
        .is_unix = link->links->is_unix,
        .has_proxy = link->links->has_proxy};
    return sm_link_why_failed(&failure, words);
}

/* A handle keeps the system's error of a failed connect for ever, also where the next failure has
 * none: a copy starts without. */
static void forget_errno(struct sm_link *link) {
    CURL *fresh = curl_easy_duphandle(link->easy);
    if (!fresh)
        return;
    curl_easy_setopt(fresh, CURLOPT_ERRORBUFFER, link->words);
    curl_easy_cleanup(link->easy);
    link->easy = fresh;
}

static void finish_connect(struct sm_link *link, CURLcode result) {
    const struct sm_link_events *events = &link->links->events;
    char words[SM_LINK_WORDS];
    if (result == CURLE_OK)
        result = curl_easy_getinfo(link->easy, CURLINFO_ACTIVESOCKET, &link->fd);
    if (result != CURLE_OK) {
        int code = why_failed(link, result, words);
        sm_link_close(link);
        forget_errno(link);
        events->connected(link->owner, code, words);
        return;
    }
    link->state = LINK_CONNECTED;
    curl_easy_setopt(link->easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    memset(link->watches, 0, sizeof link->watches);
    link->watches[0] = (struct watch){link, link->fd};
    watch(&link->watches[0], EPOLLIN);
    events->connected(link->owner, 0, NULL);
}

static void take_messages(struct part *part) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(part->multi, &left))) {
        struct sm_link *link = NULL;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &link);
        if (message->msg == CURLMSG_DONE && link->state == LINK_CONNECTING)
            finish_connect(link, result);
    }
}

void sm_links_ready(struct sm_links *links, void *what, uint32_t events) {
    struct watch *ready = what;
    struct sm_link *link = ready->link;
    int running;
    if (!link) /* closed since epoll looked */
        return;
    if (link->state == LINK_CONNECTED) {
        links->events.ready(link->owner, (events & ~(uint32_t)EPOLLOUT) != 0,
                            (events & EPOLLOUT) != 0);
        return;
    }
    int mask = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
               (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    struct part *part = link->part;
    curl_multi_socket_action(part->multi, ready->fd, mask, &running);
    take_messages(part);
}

static void run_timers(struct sm_links *links, int64_t now_ns) {
    int running;
    links->timer_ns = SM_NEVER_NS;
    for (size_t i = 0; i < links->part_count; i++) {
        struct part *part = &links->parts[i];
        if (part->timer_ns <= now_ns) {
            part->timer_ns = SM_NEVER_NS;
            curl_multi_socket_action(part->multi, CURL_SOCKET_TIMEOUT, 0, &running);
            take_messages(part);
        }
        if (part->timer_ns < links->timer_ns)
            links->timer_ns = part->timer_ns;
    }
}

int64_t sm_links_next_ns(const struct sm_links *links) {
    int64_t next_ns = links->timer_ns;
    for (int way = 0; way < WAYS; way++) {
        if (links->pacing[way].resume_ns < next_ns)
            next_ns = links->pacing[way].resume_ns;
    }
    return next_ns;
}

int64_t sm_links_tick(struct sm_links *links, int64_t now_ns) {
    if (links->timer_ns <= now_ns)
        run_timers(links, now_ns);
    for (int way = 0; way < WAYS; way++) {
        if (links->pacing[way].resume_ns <= now_ns)
            resume_paused(links, way, now_ns);
    }
    return sm_links_next_ns(links);
}
