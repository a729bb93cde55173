/* http_load: HTTP/1.1 requests over TCP, TLS or a unix socket. libcurl makes the connections
 * (link.h), each carries one request at a time and is kept for the next. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>

#include "clock.h"
#include "http1.h"
#include "link.h"
#include "load_engine.h"

enum {
    DEFAULT_CONNECTIONS = 64,
    MOST_CONNECTIONS = 20000,
    OTHER_DESCRIPTORS = 256, /* of the program, beside the connections */
    RECEIVE_BYTES = 65536,
    TURN_BYTES = 2 << 20, /* sent on one connection before the others and the schedule are due */
    STATUSES = 1000,
};
#define RETRY_FIRST_NS INT64_C(10000000)
#define RETRY_LAST_NS  INT64_C(160000000)

enum connection_state {
    CONNECTION_CLOSED,
    CONNECTION_IDLE,
    CONNECTION_CONNECTING, /* from here on it has a unit */
    CONNECTION_PARKED,     /* to be connected again */
    CONNECTION_BUSY,
};

struct connection {
    struct http_load *load;
    struct sm_link *link;
    enum connection_state state;
    struct sm_load_unit unit;
    int64_t tried_ns; /* when it began to connect */
    size_t sent;      /* bytes of the request */
    bool has_sent;    /* the whole request */
    int send_error;   /* negative errno; the reply may be there all the same */
    struct sm_http1_reply reply;
    TAILQ_ENTRY(connection) entry;
};
TAILQ_HEAD(connection_list, connection);

struct http_load {
    struct sm_engine *engine;
    struct sm_tally *tally;
    struct sm_http1_request request;
    struct sm_links *links;
    struct connection *connections;
    size_t connection_count, connecting, connected;
    size_t unopened; /* to be opened before any is used again, so that the pool is soon whole */
    struct connection_list closed, idle;
    struct connection_list busy;   /* in order of their units, so of their time-outs */
    int64_t retry_ns, retry_at_ns; /* no new connection before; 0 while all is well */
    int64_t unpark_at_ns;          /* 0: nothing is parked */
    int status_outcomes[STATUSES]; /* -1: not met yet */
    char received[RECEIVE_BYTES], scratch[SM_BODY_SCRATCH];
};

static struct connection_list *list_of(struct connection *connection) {
    switch (connection->state) {
    case CONNECTION_CLOSED:
        return &connection->load->closed;
    case CONNECTION_IDLE:
        return &connection->load->idle;
    default:
        return &connection->load->busy;
    }
}

/* The one place where a connection changes its state: the lists and counts follow. */
static void move_to(struct connection *connection, enum connection_state state) {
    struct http_load *load = connection->load;
    struct connection_list *from = list_of(connection);
    load->connecting -= connection->state == CONNECTION_CONNECTING;
    load->connected -= connection->state == CONNECTION_IDLE || connection->state == CONNECTION_BUSY;
    connection->state = state;
    load->connecting += state == CONNECTION_CONNECTING;
    load->connected += state == CONNECTION_IDLE || state == CONNECTION_BUSY;
    struct connection_list *to = list_of(connection);
    if (from == to)
        return;
    TAILQ_REMOVE(from, connection, entry);
    if (to == &load->busy)
        TAILQ_INSERT_TAIL(to, connection, entry);
    else
        TAILQ_INSERT_HEAD(to, connection, entry); /* the one used last is warm */
}

static void drop(struct connection *connection) {
    sm_link_close(connection->link);
    move_to(connection, CONNECTION_CLOSED);
}

/* Ends the unit without an answer and closes the connection. Returns the outcome's number. */
static int lose(struct connection *connection, const char *words) {
    struct http_load *load = connection->load;
    int outcome = sm_tally_outcome(load->tally, words);
    struct sm_load_unit unit = connection->unit;
    drop(connection);
    sm_engine_end(load->engine, &unit, SM_ENDING_UNANSWERED, outcome);
    return outcome;
}

/* The target's queue of connections is full: the unit waits for room in it, as it would in a
 * connect that blocks. */
static void park(struct connection *connection) {
    struct http_load *load = connection->load;
    move_to(connection, CONNECTION_PARKED);
    if (!load->unpark_at_ns)
        load->unpark_at_ns = sm_now_ns() + RETRY_FIRST_NS;
}

static void push_request(struct connection *connection) {
    struct http_load *load = connection->load;
    const char *piece;
    ssize_t length;
    size_t turn_end = connection->sent + TURN_BYTES;
    while ((length = sm_http1_request_piece(&load->request, connection->unit.number,
                                            connection->sent, load->scratch, &piece)) > 0) {
        if (connection->sent >= turn_end) {
            sm_link_await_writable(connection->link);
            return;
        }
        ssize_t sent = sm_link_send(connection->link, piece, (size_t)length);
        if (sent == -EAGAIN)
            return;
        if (sent < 0) {
            /* Not the end yet: a target that refuses early answers, then closes. What it said
             * is read when epoll reports the same trouble. */
            connection->send_error = (int)sent;
            return;
        }
        connection->sent += (size_t)sent;
        if (sent < length)
            return;
    }
    if (length < 0)
        connection->send_error = (int)length;
    connection->has_sent = length == 0;
}

static void begin_exchange(struct connection *connection) {
    connection->sent = 0;
    connection->has_sent = false;
    connection->send_error = 0;
    sm_http1_reply_begin(&connection->reply, connection->load->request.is_head);
    move_to(connection, CONNECTION_BUSY);
    push_request(connection);
}

static void fail_connecting(struct connection *connection, const char *words) {
    struct http_load *load = connection->load;
    int64_t tried_ns = connection->tried_ns;
    int outcome = lose(connection, words);
    load->retry_ns = load->retry_ns ? load->retry_ns * 2 : RETRY_FIRST_NS;
    if (load->retry_ns > RETRY_LAST_NS)
        load->retry_ns = RETRY_LAST_NS;
    load->retry_at_ns = sm_now_ns() + load->retry_ns;
    /* Whoever was due before this attempt would have met the same. */
    if (load->connected == 0)
        sm_engine_fail_waiting(load->engine, tried_ns, outcome);
}

/* False: not even begun, for want of memory. */
static bool begin_connecting(struct connection *connection) {
    if (sm_link_connect(connection->link) < 0)
        return false;
    connection->tried_ns = sm_now_ns();
    move_to(connection, CONNECTION_CONNECTING);
    return true;
}

static void on_connected(void *owner, int code, const char *words) {
    struct connection *connection = owner;
    if (code != 0 && code != -EAGAIN) {
        fail_connecting(connection, words);
        return;
    }
    connection->load->retry_ns = connection->load->retry_at_ns = 0;
    if (code == 0)
        begin_exchange(connection);
    else
        park(connection);
}

static bool http_send(void *driver, const struct sm_load_unit *unit, int64_t now_ns) {
    struct http_load *load = driver;
    struct connection *idle = TAILQ_FIRST(&load->idle), *closed = TAILQ_FIRST(&load->closed);
    /* After a failure one connection at a time tries again, at growing distances. */
    bool may_open = closed && now_ns >= load->retry_at_ns && !(load->retry_ns && load->connecting);
    if (idle && !(load->unopened && may_open)) {
        idle->unit = *unit;
        begin_exchange(idle);
        return true;
    }
    if (!may_open)
        return false;
    closed->unit = *unit;
    if (begin_connecting(closed)) {
        load->unopened -= load->unopened > 0;
        return true;
    }
    load->retry_at_ns = now_ns + RETRY_FIRST_NS;
    return false;
}

static void finish(struct connection *connection) {
    struct http_load *load = connection->load;
    int status = connection->reply.status;
    int *outcome = &load->status_outcomes[status >= 0 && status < STATUSES ? status : 0];
    if (*outcome < 0) {
        char text[32];
        snprintf(text, sizeof text, "HTTP %d", status);
        *outcome = sm_tally_outcome(load->tally, text);
    }
    struct sm_load_unit unit = connection->unit;
    if (connection->reply.keep_alive && connection->has_sent)
        move_to(connection, CONNECTION_IDLE);
    else
        drop(connection);
    bool accepted = status >= 200 && status < 300;
    sm_engine_end(load->engine, &unit, accepted ? SM_ENDING_ACCEPTED : SM_ENDING_REFUSED, *outcome);
}

static void lose_malformed(struct connection *connection) {
    char words[64];
    snprintf(words, sizeof words, "malformed reply: %s", connection->reply.words);
    lose(connection, words);
}

/* The connection has ended, by code (negative errno, 0: closed in order), under a unit. */
static void lose_ended(struct connection *connection, int code) {
    bool reset = code == -ECONNRESET || connection->send_error == -ECONNRESET;
    if (connection->reply.has_begun)
        lose(connection,
             reset ? "connection reset, partial reply" : "connection closed, partial reply");
    else if (!connection->has_sent)
        lose(connection,
             reset ? "connection reset while sending" : "connection closed while sending");
    else
        lose(connection, reset ? "connection reset" : "connection closed without a reply");
}

static void pull_reply(struct connection *connection) {
    struct http_load *load = connection->load;
    ssize_t received = sm_link_receive(connection->link, load->received, RECEIVE_BYTES);
    if (received == -EAGAIN)
        return;
    enum sm_http1_progress progress =
        received > 0    ? sm_http1_reply_feed(&connection->reply, load->received, (size_t)received)
        : received == 0 ? sm_http1_reply_end(&connection->reply)
                        : SM_HTTP1_MORE;
    if (progress == SM_HTTP1_DONE)
        finish(connection);
    else if (progress == SM_HTTP1_MALFORMED)
        lose_malformed(connection);
    else if (received <= 0)
        lose_ended(connection, (int)received);
}

static void on_ready(void *owner, bool readable, bool writable) {
    struct connection *connection = owner;
    if (connection->state == CONNECTION_IDLE) {
        drop(connection); /* closed by the target, or it speaks without being asked */
        return;
    }
    if (writable && !connection->has_sent && !connection->send_error)
        push_request(connection);
    if (readable && connection->state == CONNECTION_BUSY)
        pull_reply(connection);
}

static void http_ready(void *driver, void *what, uint32_t events) {
    struct http_load *load = driver;
    sm_links_ready(load->links, what, events);
}

static void lose_late(struct connection *connection) {
    if (connection->state != CONNECTION_BUSY)
        lose(connection, "time-out while connecting");
    else if (connection->reply.has_begun)
        lose(connection, "time-out, partial reply");
    else
        lose(connection, connection->has_sent ? "time-out" : "time-out while sending");
}

static void unpark_all(struct http_load *load, int64_t now_ns) {
    struct connection *connection;
    load->unpark_at_ns = 0;
    TAILQ_FOREACH(connection, &load->busy, entry) {
        if (connection->state == CONNECTION_PARKED && !begin_connecting(connection))
            load->unpark_at_ns = now_ns + RETRY_FIRST_NS;
    }
}

static int64_t earlier(int64_t one_ns, int64_t other_ns) {
    return one_ns < other_ns ? one_ns : other_ns;
}

static int64_t http_tick(void *driver, int64_t now_ns) {
    struct http_load *load = driver;
    int64_t timeout_ns = sm_engine_timeout_ns(load->engine);
    struct connection *first;
    while ((first = TAILQ_FIRST(&load->busy)) && first->unit.due_ns + timeout_ns <= now_ns)
        lose_late(first);
    if (load->unpark_at_ns && load->unpark_at_ns <= now_ns)
        unpark_all(load, now_ns);
    int64_t next_ns = sm_links_tick(load->links, now_ns);
    if ((first = TAILQ_FIRST(&load->busy)))
        next_ns = earlier(next_ns, first->unit.due_ns + timeout_ns);
    if (load->unpark_at_ns)
        next_ns = earlier(next_ns, load->unpark_at_ns);
    if (load->retry_at_ns > now_ns)
        next_ns = earlier(next_ns, load->retry_at_ns);
    return next_ns;
}

static void http_abandon(void *driver) {
    struct http_load *load = driver;
    struct connection *connection;
    while ((connection = TAILQ_FIRST(&load->busy)))
        lose(connection, "stopped before the reply");
}

static const struct sm_engine_ops http_engine_ops = {http_send, http_ready, http_tick,
                                                     http_abandon};

static void http_close(void *driver) {
    struct http_load *load = driver;
    if (!load)
        return;
    sm_engine_close(load->engine);
    sm_links_close(load->links);
    free(load->connections);
    sm_http1_request_free(&load->request);
    free(load);
}

/* The address: url with scheme, host and port, or the path of a unix socket. */
struct address {
    CURLU *parsed;
    char *host, *port, *path;
    char host_header[300];
};

static void free_address(struct address *address) {
    curl_free(address->host);
    curl_free(address->port);
    curl_free(address->path);
    curl_url_cleanup(address->parsed);
}

static int parse_address(const struct sm_block *config, const char *url, struct address *address,
                         struct sm_error *err) {
    address->parsed = curl_url();
    CURLUcode rc = address->parsed ? curl_url_set(address->parsed, CURLUPART_URL, url, 0)
                                   : CURLUE_OUT_OF_MEMORY;
    if (rc == CURLUE_OK)
        rc = curl_url_get(address->parsed, CURLUPART_HOST, &address->host, 0);
    if (rc == CURLUE_OK)
        rc = curl_url_get(address->parsed, CURLUPART_PATH, &address->path, 0);
    if (rc != CURLUE_OK)
        return sm_error_set(err, -EINVAL, config->where, "write \"http://127.0.0.1:8080/write\"",
                            "url \"%s\": %s", url, curl_url_strerror(rc));
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return sm_error_set(err, -EINVAL, config->where, "write http:// or https:// before it",
                            "url \"%s\" is not one of HTTP", url);
    curl_url_get(address->parsed, CURLUPART_PORT, &address->port, 0);
    snprintf(address->host_header, sizeof address->host_header, "%s%s%s", address->host,
             address->port ? ":" : "", address->port ? address->port : "");
    return 0;
}

static int make_request(struct http_load *load, const struct sm_block *config,
                        const struct address *address, struct sm_error *err) {
    struct sm_http1_ask ask = {.method = sm_block_text(config, "method"),
                               .host = address->host_header,
                               .path = sm_block_has(config, "path") ? sm_block_text(config, "path")
                                                                    : address->path,
                               .body = sm_block_body(config, "body")};
    ask.headers = sm_block_texts(config, "headers", &ask.header_count);
    if (!ask.method)
        ask.method = ask.body ? "POST" : "GET";
    return sm_http1_request_make(&ask, config->where, &load->request, err);
}

/* Makes room for the descriptors of many connections; the limit belongs to the process. */
static int raise_descriptor_limit(const struct sm_block *config, size_t connections,
                                  struct sm_error *err) {
    struct rlimit limit;
    rlim_t wanted = connections + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return 0;
    rlim_t allowed = limit.rlim_max;
    limit.rlim_cur = wanted;
    if (wanted > allowed || setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return sm_error_set(err, -EMFILE, config->where,
                            "use fewer connections or raise the limit (ulimit -n)",
                            "%zu connections need more descriptors than the %llu allowed",
                            connections, (unsigned long long)allowed);
    return 0;
}

static int count_connections(struct http_load *load, const struct sm_block *config,
                             struct sm_error *err) {
    int64_t concurrency = sm_engine_concurrency(load->engine);
    double count = sm_block_has(config, "connections") ? sm_block_quantity(config, "connections")
                   : concurrency                       ? (double)concurrency
                                                       : DEFAULT_CONNECTIONS;
    if (count > MOST_CONNECTIONS)
        return sm_error_set(err, -EINVAL, config->where, NULL,
                            "a concurrency above %d needs more connections than there can be",
                            MOST_CONNECTIONS);
    if (count < (double)concurrency)
        return sm_error_set(err, -EINVAL, config->where, "leave connections out",
                            "fewer connections than concurrency: each carries one request");
    load->connection_count = (size_t)count;
    return raise_descriptor_limit(config, load->connection_count, err);
}

static int make_connections(struct http_load *load, const struct sm_link_options *options,
                            struct sm_error *err) {
    static const struct sm_link_events events = {on_connected, on_ready};
    load->connections = calloc(load->connection_count, sizeof *load->connections);
    if (!load->connections)
        return sm_error_errno(err, -ENOMEM, NULL, NULL, "cannot make connections");
    int rc = sm_links_open(options, load->connection_count, sm_engine_epoll(load->engine), &events,
                           &load->links, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < load->connection_count; i++) {
        struct connection *connection = &load->connections[i];
        connection->load = load;
        connection->link = sm_links_at(load->links, i);
        sm_link_set_owner(connection->link, connection);
        TAILQ_INSERT_TAIL(&load->closed, connection, entry);
    }
    return 0;
}

static int open_parts(struct http_load *load, const struct sm_block *config, struct sm_error *err) {
    struct address address = {0};
    const struct sm_body *body = sm_block_body(config, "body");
    struct sm_link_options options = {.url = sm_block_text(config, "url"),
                                      .unix_path = sm_block_text(config, "unix"),
                                      .ca_file = sm_block_text(config, "ca"),
                                      .is_insecure = sm_block_bool(config, "insecure")};
    if ((options.url == NULL) == (options.unix_path == NULL))
        return sm_error_set(err, -EINVAL, config->where, "keep one of url and unix",
                            "it needs an address, url or unix");
    if (!options.url)
        options.url = "http://localhost/";
    int rc = sm_engine_open(config, &http_engine_ops, load, body ? (int64_t)body->payload_bytes : 0,
                            &load->engine, err);
    if (rc == 0)
        rc = count_connections(load, config, err);
    if (rc == 0)
        rc = parse_address(config, options.url, &address, err);
    if (rc == 0)
        rc = make_request(load, config, &address, err);
    if (rc == 0)
        rc = make_connections(load, &options, err);
    free_address(&address);
    return rc;
}

static int http_open(const struct sm_block *config, void **ret_driver, struct sm_error *err) {
    struct http_load *load = calloc(1, sizeof *load);
    if (!load)
        return sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot open the load");
    TAILQ_INIT(&load->closed);
    TAILQ_INIT(&load->idle);
    TAILQ_INIT(&load->busy);
    for (int status = 0; status < STATUSES; status++)
        load->status_outcomes[status] = -1;
    int rc = open_parts(load, config, err);
    if (rc < 0) {
        http_close(load);
        return rc;
    }
    load->tally = sm_engine_tally(load->engine);
    /* At such rates a pool that grows when a reply is late would look like the target's own
     * descriptors growing; at lower ones opening all takes longer than it is worth. */
    if (sm_block_quantity(config, "rate") >= (double)load->connection_count)
        load->unopened = load->connection_count;
    *ret_driver = load;
    return 0;
}

static const struct sm_key http_keys[] = {
    SM_LOAD_KEYS,
    {.name = "url", .type = SM_KEY_TEXT, .help = "where to: \"http://127.0.0.1:8080/write\""},
    {.name = "unix", .type = SM_KEY_TEXT, .help = "the path of a unix socket instead"},
    {.name = "path", .type = SM_KEY_TEXT, .help = "what is asked for, in place of the url's own"},
    {.name = "method", .type = SM_KEY_TEXT, .help = "POST with a body, GET without"},
    {.name = "headers", .type = SM_KEY_TEXTS, .help = "a list of \"Name: value\""},
    {.name = "body", .type = SM_KEY_BODY, .help = "what each request carries"},
    {.name = "connections",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .at_least = 1,
     .at_most = MOST_CONNECTIONS,
     .help = "open at once at the most: 64, in a closed loop its concurrency"},
    {.name = "ca",
     .type = SM_KEY_TEXT,
     .help = "a file of certificates to trust in place of the system's"},
    {.name = "insecure", .type = SM_KEY_BOOL, .fallback = "false", .help = "take any certificate"},
    {.name = NULL}};

const struct sm_load_ops sm_http_load = {
    .name = "http_load",
    .help = "HTTP/1.1 requests over TCP, TLS or a unix socket",
    .keys = http_keys,
    .open = http_open,
    .start = sm_driver_start,
    .set_factor = sm_driver_set_factor,
    .snapshot = sm_driver_snapshot,
    .outcomes = sm_driver_outcomes,
    .stop = sm_driver_stop,
    .close = http_close,
};
