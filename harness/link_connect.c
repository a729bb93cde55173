/* libcurl's connect-only mode. Connecting goes through curl_multi_socket_action, with an epoll of
 * its own in the caller's, lest it come last where much is sent. The socket is then taken over,
 * with the secrets of its TLS, and what libcurl and OpenSSL take for a connection (13 KB, over TLS
 * 60) goes to the next one, so that a thousand of them take what some dozens do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "link_failure.h"
#include "link_internal.h"
#include "schedule.h"

enum {
    CONNECT_BYTES = 1024, /* libcurl's buffer, which nothing uses but connecting */
    /* So many connect at once: to a near host they are through at once, and the next follow. Only
     * when nothing was heard of any for a while, as of a far one, as many more begin. */
    WAVE = 64,
    /* Over TLS one that is being made takes 60 KB. */
    WAVE_OVER_TLS = 24,
    MOST_OVER_TLS = 48,
    SILENT_TICKS = 4, /* at the least: one may take longer than the time below */
    EVENTS = 64,
};
#define WAVE_NS INT64_C(5000000)

static void drop_watch(struct sm_link_watch *watch) {
    if (watch->link)
        epoll_ctl(watch->link->links->connect_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->link = NULL;
}

static void drop_watches(struct sm_link_handle *handle) {
    for (int i = 0; i < SM_LINK_WATCHES; i++)
        drop_watch(&handle->watches[i]);
}

static struct sm_link_watch *find_watch(struct sm_link_handle *handle, curl_socket_t fd) {
    struct sm_link_watch *free_one = NULL;
    for (int i = 0; i < SM_LINK_WATCHES; i++) {
        if (handle->watches[i].link && handle->watches[i].fd == fd)
            return &handle->watches[i];
        if (!handle->watches[i].link)
            free_one = &handle->watches[i];
    }
    return free_one;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user) {
    struct sm_link_handle *handle = NULL;
    (void)user, (void)socket_user;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &handle);
    struct sm_link *link = handle->link;
    struct sm_link_watch *slot = find_watch(handle, fd);
    if (!slot || !link || link->state == SM_LINK_CONNECTED) /* then the socket is ours to watch */
        return 0;
    if (what == CURL_POLL_REMOVE) {
        drop_watch(slot);
        return 0;
    }
    *slot = (struct sm_link_watch){link, fd};
    sm_link_watch(link->links->connect_fd, fd,
                  (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u),
                  slot);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *user) {
    struct sm_links *links = user;
    (void)multi;
    links->timer_ns = timeout_ms < 0 ? SM_NEVER_NS : sm_now_ns() + timeout_ms * INT64_C(1000000);
    return 0;
}

static int close_socket(void *user, curl_socket_t fd) {
    const struct sm_link_handle *handle = user;
    return handle->kept_fd == fd ? 0 : close(fd);
}

/* ALPN, as OpenSSL wants it. Asked to negotiate HTTP/2, libcurl would speak it too, where we want
 * to: so we ask ourselves. */
static const unsigned char only_http2[] = {2, 'h', '2'};

/* Called for each layer of TLS, in the order in which they are made. */
static CURLcode prepare_tls(CURL *easy, void *context, void *user) {
    struct sm_link_handle *handle = user;
    const struct sm_links *links = handle->link->links;
    (void)easy;
    if (handle->layers == links->layers)
        return CURLE_SSL_CONNECT_ERROR;
    sm_tls_handshake_watch(&handle->handshakes[handle->layers++], context);
    return !links->is_http2 || handle->layers < links->layers ||
                   SSL_CTX_set_alpn_protos(context, only_http2, sizeof only_http2) == 0
               ? CURLE_OK
               : CURLE_OUT_OF_MEMORY;
}

/* Before it connects, so that the window that is offered fits. A new socket begins without TLS,
 * also where a proxy wanted a second one. */
static int prepare_socket(void *user, curl_socket_t fd, curlsocktype purpose) {
    struct sm_link_handle *handle = user;
    const int *receive_bytes = &handle->link->links->receive_buffer_bytes;
    (void)purpose;
    handle->layers = 0;
    if (*receive_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, receive_bytes, sizeof *receive_bytes);
    return CURL_SOCKOPT_OK;
}

/* libcurl reads what to trust again for each connection (140 certificates of the system: 1 MB and
 * 10 ms), unless it is checked and comes from a file alone. */
static CURLcode set_trust(CURL *easy, const struct sm_link_options *options) {
    const char *file =
        options->ca_file ? options->ca_file : curl_version_info(CURLVERSION_NOW)->cainfo;
    bool is_only_file = options->is_insecure || options->ca_file || (file && !access(file, R_OK));
    const char *trusted = options->is_insecure ? NULL : file;
    CURLcode rc = CURLE_OK;
    if (is_only_file) {
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
        rc = curl_easy_setopt(easy, CURLOPT_CAINFO, trusted);
    }
    if (is_only_file && rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, trusted);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options->is_insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options->is_insecure ? 0L : 2L);
    curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, options->is_insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, options->is_insecure ? 0L : 2L);
    return rc;
}

static int make_model(struct sm_links *links, const struct sm_link_options *options) {
    CURL *easy = links->model = curl_easy_init();
    if (!easy)
        return -ENOMEM;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, options->url);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options->unix_path);
    if (rc == CURLE_OK)
        rc = set_trust(easy, options);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
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
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, prepare_socket);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, prepare_tls);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CONNECT_BYTES);
    if (options->is_http2)
        curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    return rc == CURLE_OK ? 0 : rc == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

static int make_multi(struct sm_links *links) {
    links->multi = curl_multi_init();
    if (!links->multi)
        return -ENOMEM;
    curl_multi_setopt(links->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(links->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(links->multi, CURLMOPT_TIMERDATA, links);
    curl_multi_setopt(links->multi, CURLMOPT_MAXCONNECTS, 2 * (long)links->count);
    return 0;
}

static int open_epoll(struct sm_links *links) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = links};
    links->connect_fd = epoll_create1(EPOLL_CLOEXEC);
    bool is_open = links->connect_fd >= 0 &&
                   epoll_ctl(links->epoll_fd, EPOLL_CTL_ADD, links->connect_fd, &event) == 0;
    return is_open ? 0 : -errno;
}

int sm_link_handles_open(struct sm_links *links, const struct sm_link_options *options) {
    TAILQ_INIT(&links->waiting);
    TAILQ_INIT(&links->spare);
    links->timer_ns = SM_NEVER_NS;
    int rc = open_epoll(links);
    if (rc == 0)
        rc = make_model(links, options);
    return rc == 0 ? make_multi(links) : rc;
}

static bool make_easy(struct sm_link_handle *handle, CURL *model) {
    CURL *easy = curl_easy_duphandle(model);
    if (!easy)
        return false;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, handle);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handle->words);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, handle);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, handle);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, handle);
    curl_easy_cleanup(handle->easy);
    handle->easy = easy;
    return true;
}

static void free_handle(struct sm_link_handle *handle) {
    curl_easy_cleanup(handle->easy);
    free(handle);
}

static void free_spare(struct sm_links *links, size_t kept) {
    for (; links->spare_count > kept; links->spare_count--) {
        struct sm_link_handle *handle = TAILQ_FIRST(&links->spare);
        TAILQ_REMOVE(&links->spare, handle, spare);
        free_handle(handle);
    }
}

void sm_link_handles_close(struct sm_links *links) {
    free_spare(links, 0);
    curl_multi_cleanup(links->multi);
    curl_easy_cleanup(links->model);
    if (links->connect_fd >= 0)
        close(links->connect_fd);
}

static struct sm_link_handle *take_handle(struct sm_links *links) {
    struct sm_link_handle *handle = TAILQ_FIRST(&links->spare);
    if (handle) {
        TAILQ_REMOVE(&links->spare, handle, spare);
        links->spare_count--;
        return handle;
    }
    handle = calloc(1, sizeof *handle);
    if (handle && !make_easy(handle, links->model)) {
        free(handle);
        return NULL;
    }
    return handle;
}

static void give_back(struct sm_link *link) {
    struct sm_links *links = link->links;
    struct sm_link_handle *handle = link->handle;
    drop_watches(handle);
    curl_multi_remove_handle(links->multi, handle->easy);
    OPENSSL_cleanse(handle->handshakes, sizeof handle->handshakes);
    handle->layers = 0;
    handle->link = NULL;
    link->handle = NULL;
    TAILQ_INSERT_HEAD(&links->spare, handle, spare);
    links->spare_count++;
}

static void put_wave_off(struct sm_links *links, int64_t now_ns) {
    links->wave_ns = now_ns + WAVE_NS;
    links->silent_ticks = 0;
}

static int begin(struct sm_link *link) {
    struct sm_links *links = link->links;
    struct sm_link_handle *handle = take_handle(links);
    if (!handle)
        return -ENOMEM;
    handle->link = link;
    handle->kept_fd = -1;
    handle->words[0] = '\0';
    link->handle = handle;
    CURLMcode rc = curl_multi_add_handle(links->multi, handle->easy);
    if (rc != CURLM_OK) {
        give_back(link);
        return rc == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
    }
    links->connecting++;
    return 0;
}

static size_t wave(const struct sm_links *links) {
    return links->layers > 0 ? WAVE_OVER_TLS : WAVE;
}

int sm_link_connect(struct sm_link *link) {
    struct sm_links *links = link->links;
    if (links->connecting < wave(links) && TAILQ_EMPTY(&links->waiting)) {
        int rc = begin(link);
        if (rc < 0)
            return rc;
        put_wave_off(links, sm_now_ns());
    } else {
        TAILQ_INSERT_TAIL(&links->waiting, link, waiting);
    }
    link->state = SM_LINK_CONNECTING;
    return 0;
}

void sm_link_let_go(struct sm_link *link) {
    if (link->state == SM_LINK_CONNECTING && link->handle)
        link->links->connecting--;
    else if (link->state == SM_LINK_CONNECTING)
        TAILQ_REMOVE(&link->links->waiting, link, waiting);
    link->state = SM_LINK_CLOSED;
    if (link->handle)
        give_back(link);
}

/* The system's own error where libcurl kept it; 0: it did not. */
static int kept_errno(const struct sm_link *link) {
    long os_errno = 0;
    curl_easy_getinfo(link->handle->easy, CURLINFO_OS_ERRNO, &os_errno);
    return os_errno > 0 ? -(int)os_errno : 0;
}

static int why_failed(const struct sm_link *link, CURLcode result, char words[SM_LINK_WORDS]) {
    const char *said = link->handle->words;
    const struct sm_link_failure failure = {
        .result = result,
        .os_error = result == CURLE_COULDNT_CONNECT ? kept_errno(link) : -EIO,
        .said = said[0] ? said : curl_easy_strerror(result),
        .is_unix = link->links->is_unix,
        .has_proxy = link->links->has_proxy};
    return sm_link_why_failed(&failure, words);
}

/* A handle keeps the system's error of a failed connect for ever, also where the next failure has
 * none: another takes its place. */
static void fail_connect(struct sm_link *link, CURLcode result) {
    struct sm_link_handle *handle = link->handle;
    char words[SM_LINK_WORDS];
    int code = why_failed(link, result, words);
    sm_link_close(link);
    make_easy(handle, link->links->model);
    link->links->events.connected(link->owner, code, words);
}

/* Takes the connection over, with its TLS. On errors it stays libcurl's. */
static CURLcode take_over(struct sm_link *link) {
    struct sm_links *links = link->links;
    struct sm_link_handle *handle = link->handle;
    struct sm_tls *tls = NULL;
    CURLcode result = curl_easy_getinfo(handle->easy, CURLINFO_ACTIVESOCKET, &link->fd);
    if (result == CURLE_OK && handle->layers < links->layers)
        result = CURLE_SSL_CONNECT_ERROR;
    for (size_t i = 0; result == CURLE_OK && i < handle->layers; i++) {
        struct sm_tls_session session = {0};
        if (sm_tls_handshake_session(&handle->handshakes[i], &session) < 0)
            result = CURLE_SSL_CONNECT_ERROR;
        else if (sm_tls_begin(links->shared[i], &session, i == 0 ? link->fd : -1, tls, &tls) < 0) {
            free(session.early);
            result = CURLE_OUT_OF_MEMORY;
        }
        OPENSSL_cleanse(&session, sizeof session);
    }
    for (size_t i = 0; result == CURLE_OK && i < handle->layers; i++)
        if (sm_tls_handshake_silence(&handle->handshakes[i]) < 0)
            result = CURLE_OUT_OF_MEMORY;
    if (result != CURLE_OK) {
        sm_tls_end(tls);
        return result;
    }
    link->tls = tls;
    handle->kept_fd = link->fd;
    return CURLE_OK;
}

static void finish_connect(struct sm_link *link, CURLcode result) {
    if (result == CURLE_OK)
        result = take_over(link);
    if (result != CURLE_OK) {
        fail_connect(link, result);
        return;
    }
    link->state = SM_LINK_CONNECTED;
    link->links->connecting--;
    give_back(link);
    sm_link_await(link, EPOLLIN);
    sm_link_look_again(link);
    link->links->events.connected(link->owner, 0, NULL);
}

static void take_messages(struct sm_links *links) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(links->multi, &left))) {
        struct sm_link_handle *handle = NULL;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &handle);
        if (message->msg == CURLMSG_DONE && handle->link &&
            handle->link->state == SM_LINK_CONNECTING)
            finish_connect(handle->link, result);
    }
}

static void connect_ready(const struct sm_link_watch *watch, uint32_t events) {
    if (!watch->link) /* closed since epoll looked */
        return;
    struct sm_links *links = watch->link->links;
    int running, mask = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                        (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                        (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(links->multi, watch->fd, mask, &running);
    take_messages(links);
}

static void hear(struct sm_links *links, int64_t now_ns) {
    struct epoll_event events[EVENTS];
    int count = links->connecting > 0 ? epoll_wait(links->connect_fd, events, EVENTS, 0) : 0;
    for (int i = 0; i < count; i++)
        connect_ready(events[i].data.ptr, events[i].events);
    if (count > 0)
        put_wave_off(links, now_ns);
}

static void run_timers(struct sm_links *links) {
    int running;
    links->timer_ns = SM_NEVER_NS;
    curl_multi_socket_action(links->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_messages(links);
}

/* How many more may begin. */
static size_t count_room(struct sm_links *links, int64_t now_ns) {
    size_t most = links->layers > 0 ? MOST_OVER_TLS : SIZE_MAX, now = links->connecting;
    bool is_silent = now_ns >= links->wave_ns && links->silent_ticks++ >= SILENT_TICKS;
    if (now < wave(links))
        return wave(links) - now;
    if (!is_silent || now >= most)
        return 0;
    return most - now < wave(links) ? most - now : wave(links);
}

static void begin_waiting(struct sm_links *links, int64_t now_ns) {
    struct sm_link *link;
    size_t room = count_room(links, now_ns);
    for (; room > 0 && (link = TAILQ_FIRST(&links->waiting)); room--) {
        TAILQ_REMOVE(&links->waiting, link, waiting);
        put_wave_off(links, now_ns);
        if (begin(link) == 0)
            continue;
        link->state = SM_LINK_CLOSED;
        links->events.connected(link->owner, -ENOMEM, "cannot connect: out of memory");
    }
}

/* Handles are freed here only, where nothing that epoll gave points to them. */
void sm_link_connect_tick(struct sm_links *links, int64_t now_ns) {
    hear(links, now_ns);
    begin_waiting(links, now_ns);
    if (links->timer_ns != SM_NEVER_NS && links->timer_ns <= sm_now_ns())
        run_timers(links);
    if (links->spare_count > wave(links))
        free_spare(links, wave(links));
}

int64_t sm_link_connect_next_ns(const struct sm_links *links) {
    bool waits = !TAILQ_EMPTY(&links->waiting);
    int64_t wave_ns = !waits ? SM_NEVER_NS : links->connecting < wave(links) ? 0 : links->wave_ns;
    return wave_ns < links->timer_ns ? wave_ns : links->timer_ns;
}
