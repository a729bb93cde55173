/* libcurl's connect-only mode. Connecting goes through curl_multi_socket_action, with an epoll of
 * its own in the caller's, lest it come last where much is sent. Where no TLS lies between, the
 * socket is then taken over and libcurl's 13 KB of the connection go to the next one, so that a
 * thousand of them take what some dozens do. */
#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "link_failure.h"
#include "link_internal.h"
#include "schedule.h"

enum {
    /* Over TLS each send and receive walks libcurl's list of the connections of its multi handle,
     * which takes some 30 KB: few connections can have short lists, many cannot. */
    FEWEST_PER_PART = 4,
    MOST_PER_PART = 32,
    PARTS = 32,            /* until they are full */
    CONNECT_BYTES = 1024,  /* libcurl's buffer, which nothing uses but connecting */
    RECEIVE_BYTES = 65536, /* at once at the most, which libcurl takes from its buffer's size */
    /* So many connect at once: to a near host they are through at once, and the next follow. Only
     * when nothing was heard of any for a while, as of a far one, as many more begin. */
    WAVE = 64,
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
    struct sm_link_part *part = user;
    (void)multi;
    part->timer_ns = timeout_ms < 0 ? SM_NEVER_NS : sm_now_ns() + timeout_ms * INT64_C(1000000);
    if (part->timer_ns < part->links->timer_ns)
        part->links->timer_ns = part->timer_ns;
    return 0;
}

static int close_socket(void *user, curl_socket_t fd) {
    const struct sm_link_handle *handle = user;
    return handle->kept_fd == fd ? 0 : close(fd);
}

/* ALPN, as OpenSSL wants it. Asked to negotiate HTTP/2, libcurl would speak it too, where we want
 * to: so we ask ourselves. */
static const unsigned char only_http2[] = {2, 'h', '2'};

/* `protocols`: only_http2 or NULL. */
static CURLcode prepare_tls(CURL *easy, void *context, void *protocols) {
    (void)easy;
    /* 17 KB each way, while nothing is in them. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    return !protocols || SSL_CTX_set_alpn_protos(context, protocols, sizeof only_http2) == 0
               ? CURLE_OK
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

static int make_model(struct sm_links *links, const struct sm_link_options *options) {
    CURL *easy = links->model = curl_easy_init();
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
    if (options->receive_buffer_bytes > 0) {
        curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, set_buffer);
        curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, links);
    }
    if (options->is_http2) {
        curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, (void *)only_http2);
    }
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, prepare_tls);
    return rc == CURLE_OK ? 0 : rc == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

static int make_part(struct sm_link_part *part, struct sm_links *links) {
    part->links = links;
    part->timer_ns = SM_NEVER_NS;
    part->multi = curl_multi_init();
    if (!part->multi)
        return -ENOMEM;
    curl_multi_setopt(part->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(part->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(part->multi, CURLMOPT_TIMERDATA, part);
    curl_multi_setopt(part->multi, CURLMOPT_MAXCONNECTS, 2 * (long)links->per_part);
    return 0;
}

/* Without TLS a connection that is made is not libcurl's any more, so one list is short enough. */
static size_t count_per_part(const struct sm_links *links) {
    size_t per_part = links->count / PARTS;
    if (links->is_plain)
        return links->count;
    if (per_part < FEWEST_PER_PART)
        return FEWEST_PER_PART;
    return per_part < MOST_PER_PART ? per_part : MOST_PER_PART;
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
    links->per_part = count_per_part(links);
    links->part_count = (links->count + links->per_part - 1) / links->per_part;
    links->parts = calloc(links->part_count, sizeof *links->parts);
    int rc = open_epoll(links);
    if (rc == 0)
        rc = links->parts ? make_model(links, options) : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < links->part_count; i++)
        rc = make_part(&links->parts[i], links);
    for (size_t i = 0; rc == 0 && links->all && i < links->count; i++)
        links->all[i].part = &links->parts[i / links->per_part];
    return rc;
}

static bool make_easy(struct sm_link_handle *handle, CURL *model) {
    CURL *easy = curl_easy_duphandle(model);
    if (!easy)
        return false;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, handle);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handle->words);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, handle);
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
    for (size_t i = 0; links->parts && i < links->part_count; i++)
        curl_multi_cleanup(links->parts[i].multi);
    curl_easy_cleanup(links->model);
    if (links->connect_fd >= 0)
        close(links->connect_fd);
    free(links->parts);
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
    curl_multi_remove_handle(link->part->multi, handle->easy);
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
    curl_easy_setopt(handle->easy, CURLOPT_BUFFERSIZE, (long)CONNECT_BYTES);
    CURLMcode rc = curl_multi_add_handle(link->part->multi, handle->easy);
    if (rc != CURLM_OK) {
        give_back(link);
        return rc == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
    }
    links->connecting++;
    return 0;
}

int sm_link_connect(struct sm_link *link) {
    struct sm_links *links = link->links;
    if (links->connecting < WAVE && TAILQ_EMPTY(&links->waiting)) {
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

int sm_link_errno(const struct sm_link *link, int otherwise) {
    long os_errno = 0;
    curl_easy_getinfo(link->handle->easy, CURLINFO_OS_ERRNO, &os_errno);
    return os_errno > 0 ? -(int)os_errno : otherwise;
}

static int why_failed(const struct sm_link *link, CURLcode result, char words[SM_LINK_WORDS]) {
    const char *said = link->handle->words;
    const struct sm_link_failure failure = {
        .result = result,
        .os_error = result == CURLE_COULDNT_CONNECT ? sm_link_errno(link, 0) : -EIO,
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

static void finish_connect(struct sm_link *link, CURLcode result) {
    struct sm_link_handle *handle = link->handle;
    if (result == CURLE_OK)
        result = curl_easy_getinfo(handle->easy, CURLINFO_ACTIVESOCKET, &link->fd);
    if (result != CURLE_OK) {
        fail_connect(link, result);
        return;
    }
    link->state = SM_LINK_CONNECTED;
    link->links->connecting--;
    if (link->links->is_plain) {
        handle->kept_fd = link->fd;
        give_back(link);
    } else {
        curl_easy_setopt(handle->easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
        drop_watches(handle);
    }
    sm_link_await(link, EPOLLIN);
    link->links->events.connected(link->owner, 0, NULL);
}

static void take_messages(struct sm_link_part *part) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(part->multi, &left))) {
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
    struct sm_link_part *part = watch->link->part;
    int running, mask = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                        (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                        (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(part->multi, watch->fd, mask, &running);
    take_messages(part);
}

static void hear(struct sm_links *links, int64_t now_ns) {
    struct epoll_event events[EVENTS];
    int count = links->connecting > 0 ? epoll_wait(links->connect_fd, events, EVENTS, 0) : 0;
    for (int i = 0; i < count; i++)
        connect_ready(events[i].data.ptr, events[i].events);
    if (count > 0)
        put_wave_off(links, now_ns);
}

static void run_timers(struct sm_links *links, int64_t now_ns) {
    int running;
    links->timer_ns = SM_NEVER_NS;
    for (size_t i = 0; i < links->part_count; i++) {
        struct sm_link_part *part = &links->parts[i];
        if (part->timer_ns <= now_ns) {
            part->timer_ns = SM_NEVER_NS;
            curl_multi_socket_action(part->multi, CURL_SOCKET_TIMEOUT, 0, &running);
            take_messages(part);
        }
        if (part->timer_ns < links->timer_ns)
            links->timer_ns = part->timer_ns;
    }
}

static void begin_waiting(struct sm_links *links, int64_t now_ns) {
    struct sm_link *link;
    bool is_silent = now_ns >= links->wave_ns && links->silent_ticks++ >= SILENT_TICKS;
    size_t room = links->connecting < WAVE ? WAVE - links->connecting : is_silent ? WAVE : 0;
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
    if (links->timer_ns != SM_NEVER_NS && links->timer_ns <= (now_ns = sm_now_ns()))
        run_timers(links, now_ns);
    if (links->spare_count > WAVE)
        free_spare(links, WAVE);
}

int64_t sm_link_connect_next_ns(const struct sm_links *links) {
    bool waits = !TAILQ_EMPTY(&links->waiting);
    int64_t wave_ns = !waits ? SM_NEVER_NS : links->connecting < WAVE ? 0 : links->wave_ns;
    return wave_ns < links->timer_ns ? wave_ns : links->timer_ns;
}
