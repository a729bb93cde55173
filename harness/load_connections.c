#include "load_connections.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"

enum {
    OTHER_DESCRIPTORS = 256, /* of the program, beside the connections */
    STATUSES = sizeof((struct sm_connections *)0)->http_outcomes / sizeof(int),
};
#define RETRY_FIRST_NS INT64_C(10000000)
#define RETRY_LAST_NS  INT64_C(160000000)

static struct sm_connection *connection_at(struct sm_connections *pool, size_t index) {
    return (struct sm_connection *)(pool->connections + index * pool->protocol->connection_bytes);
}

/* The list of the connections with room follows their counts. Those without a unit come first, and
 * the one used last before all; the others take turns. */
static void place(struct sm_connection *connection) {
    struct sm_connections *pool = connection->pool;
    bool is_roomy = connection->state == SM_CONNECTION_OPEN && connection->count < connection->room;
    if (connection->is_roomy)
        TAILQ_REMOVE(&pool->roomy, connection, entry);
    connection->is_roomy = is_roomy;
    if (is_roomy && connection->count == 0)
        TAILQ_INSERT_HEAD(&pool->roomy, connection, entry);
    else if (is_roomy)
        TAILQ_INSERT_TAIL(&pool->roomy, connection, entry);
}

/* The one place where a connection changes its state: the lists and counts follow. */
static void move_to(struct sm_connection *connection, enum sm_connection_state state) {
    struct sm_connections *pool = connection->pool;
    pool->connecting -= connection->state == SM_CONNECTION_CONNECTING;
    pool->open -= connection->state == SM_CONNECTION_OPEN;
    if (connection->state == SM_CONNECTION_CLOSED)
        TAILQ_REMOVE(&pool->closed, connection, entry);
    connection->state = state;
    pool->connecting += state == SM_CONNECTION_CONNECTING;
    pool->open += state == SM_CONNECTION_OPEN;
    place(connection);
    if (state == SM_CONNECTION_CLOSED)
        TAILQ_INSERT_HEAD(&pool->closed, connection, entry);
}

void sm_connection_set_room(struct sm_connection *connection, size_t room) {
    bool was_roomy = connection->is_roomy;
    connection->room = room;
    if (was_roomy != (connection->state == SM_CONNECTION_OPEN && connection->count < room))
        place(connection);
}

void sm_connection_touch(struct sm_connection *connection) {
    if (connection->is_touched)
        return;
    connection->is_touched = true;
    TAILQ_INSERT_TAIL(&connection->pool->touched, connection, touched);
}

void sm_connection_drop(struct sm_connection *connection) {
    struct sm_connections *pool = connection->pool;
    if (connection->state == SM_CONNECTION_OPEN && pool->protocol->closing)
        pool->protocol->closing(connection);
    if (connection->is_touched)
        TAILQ_REMOVE(&pool->touched, connection, touched);
    connection->is_touched = false;
    sm_link_close(connection->link);
    move_to(connection, SM_CONNECTION_CLOSED);
}

static void join(struct sm_exchange *exchange, struct sm_connection *connection) {
    exchange->connection = connection;
    TAILQ_INSERT_TAIL(&connection->exchanges, exchange, on_connection);
    connection->count++;
    place(connection);
}

static void leave(struct sm_exchange *exchange) {
    struct sm_connection *connection = exchange->connection;
    TAILQ_REMOVE(&connection->exchanges, exchange, on_connection);
    connection->count--;
    exchange->connection = NULL;
    if (!connection->is_roomy || connection->count == 0)
        place(connection);
}

void sm_exchange_end(struct sm_exchange *exchange, enum sm_ending ending, int outcome) {
    struct sm_connection *connection = exchange->connection;
    struct sm_connections *pool = connection->pool;
    struct sm_load_unit unit = exchange->unit;
    leave(exchange);
    TAILQ_REMOVE(&pool->busy, exchange, by_due);
    TAILQ_INSERT_HEAD(&pool->spare, exchange, by_due);
    sm_engine_end(pool->engine, &unit, ending, outcome);
}

void sm_exchange_lose(struct sm_exchange *exchange, const char *words) {
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): one that waits has a connection. */
    struct sm_connections *pool = exchange->connection->pool;
    sm_exchange_end(exchange, SM_ENDING_UNANSWERED, sm_tally_outcome(pool->tally, words));
}

void sm_exchange_again(struct sm_exchange *exchange) {
    struct sm_connections *pool = exchange->connection->pool;
    leave(exchange);
    TAILQ_INSERT_TAIL(&pool->again, exchange, on_connection);
}

static int early_outcome(struct sm_connections *pool, int status) {
    char text[64];
    snprintf(text, sizeof text, "HTTP %d before the body was sent", status);
    return sm_tally_outcome(pool->tally, text);
}

int sm_connections_http_outcome(struct sm_connections *pool, int status, bool has_sent) {
    if (!has_sent)
        return early_outcome(pool, status);
    int *outcome = &pool->http_outcomes[status >= 0 && status < STATUSES ? status : 0];
    if (*outcome < 0) {
        char text[32];
        snprintf(text, sizeof text, "HTTP %d", status);
        *outcome = sm_tally_outcome(pool->tally, text);
    }
    return *outcome;
}

static void fail_connecting(struct sm_connection *connection, const char *words) {
    struct sm_connections *pool = connection->pool;
    int outcome = sm_tally_outcome(pool->tally, words);
    sm_exchange_end(TAILQ_FIRST(&connection->exchanges), SM_ENDING_UNANSWERED, outcome);
    sm_connection_drop(connection);
    pool->retry_ns = pool->retry_ns ? pool->retry_ns * 2 : RETRY_FIRST_NS;
    if (pool->retry_ns > RETRY_LAST_NS)
        pool->retry_ns = RETRY_LAST_NS;
    pool->retry_at_ns = sm_now_ns() + pool->retry_ns;
    /* Whoever was due before this attempt would have met the same. */
    if (pool->open == 0)
        sm_engine_fail_waiting(pool->engine, connection->tried_ns, outcome);
}

/* False: not even begun, for want of memory. */
static bool begin_connecting(struct sm_connection *connection) {
    if (sm_link_connect(connection->link) < 0)
        return false;
    connection->tried_ns = sm_now_ns();
    move_to(connection, SM_CONNECTION_CONNECTING);
    return true;
}

/* The target's queue of connections is full: the unit waits for room in it, as it would in a
 * connect that blocks. */
static void park(struct sm_connection *connection) {
    struct sm_connections *pool = connection->pool;
    move_to(connection, SM_CONNECTION_PARKED);
    if (!pool->unpark_at_ns)
        pool->unpark_at_ns = sm_now_ns() + RETRY_FIRST_NS;
}

static void on_connected(void *owner, int code, const char *words) {
    struct sm_connection *connection = owner;
    struct sm_connections *pool = connection->pool;
    if (code != 0 && code != -EAGAIN) {
        fail_connecting(connection, words);
        return;
    }
    pool->retry_ns = pool->retry_at_ns = 0;
    if (code == -EAGAIN) {
        park(connection);
        return;
    }
    move_to(connection, SM_CONNECTION_OPEN);
    pool->protocol->opened(connection);
    struct sm_exchange *exchange = TAILQ_FIRST(&connection->exchanges);
    if (exchange)
        pool->protocol->begin(exchange);
}

static void on_ready(void *owner, bool readable, bool writable) {
    struct sm_connection *connection = owner;
    connection->pool->protocol->ready(connection, readable, writable);
}

/* The connection for a unit now; a new one where there is none without a unit. NULL: none. */
static struct sm_connection *choose(struct sm_connections *pool, int64_t now_ns) {
    struct sm_connection *roomy = TAILQ_FIRST(&pool->roomy), *closed = TAILQ_FIRST(&pool->closed);
    /* After a failure one connection at a time tries again, at growing distances. */
    bool may_open = closed && now_ns >= pool->retry_at_ns && !(pool->retry_ns && pool->connecting);
    bool wants_new = !roomy || roomy->count > 0 || pool->unopened;
    if (!(may_open && wants_new))
        return roomy;
    if (!begin_connecting(closed)) {
        pool->retry_at_ns = now_ns + RETRY_FIRST_NS;
        return roomy;
    }
    pool->unopened -= pool->unopened > 0;
    return closed;
}

static void hand_over(struct sm_exchange *exchange, struct sm_connection *connection) {
    join(exchange, connection);
    if (connection->state == SM_CONNECTION_OPEN)
        connection->pool->protocol->begin(exchange);
}

static struct sm_exchange *new_exchange(struct sm_connections *pool) {
    struct sm_exchange *exchange = TAILQ_FIRST(&pool->spare);
    if (exchange)
        TAILQ_REMOVE(&pool->spare, exchange, by_due);
    else
        exchange = malloc(pool->protocol->exchange_bytes);
    return exchange;
}

static void send_again(struct sm_connections *pool, int64_t now_ns) {
    struct sm_exchange *exchange;
    struct sm_connection *connection;
    while ((exchange = TAILQ_FIRST(&pool->again)) && (connection = choose(pool, now_ns))) {
        TAILQ_REMOVE(&pool->again, exchange, on_connection);
        hand_over(exchange, connection);
    }
}

static bool pool_send(void *driver, const struct sm_load_unit *unit, int64_t now_ns) {
    struct sm_connections *pool = driver;
    if (!TAILQ_EMPTY(&pool->again))
        return false;
    struct sm_exchange *exchange = new_exchange(pool);
    struct sm_connection *connection = exchange ? choose(pool, now_ns) : NULL;
    if (!connection) {
        if (exchange)
            TAILQ_INSERT_HEAD(&pool->spare, exchange, by_due);
        return false;
    }
    memset(exchange, 0, pool->protocol->exchange_bytes);
    exchange->unit = *unit;
    TAILQ_INSERT_TAIL(&pool->busy, exchange, by_due);
    hand_over(exchange, connection);
    return true;
}

static void pool_ready(void *driver, void *what, uint32_t events) {
    struct sm_connections *pool = driver;
    sm_links_ready(pool->links, what, events);
}

static void end_unsent(struct sm_exchange *exchange, struct sm_connections *pool,
                       const char *words) {
    struct sm_load_unit unit = exchange->unit;
    TAILQ_REMOVE(&pool->again, exchange, on_connection);
    TAILQ_REMOVE(&pool->busy, exchange, by_due);
    TAILQ_INSERT_HEAD(&pool->spare, exchange, by_due);
    sm_engine_end(pool->engine, &unit, SM_ENDING_UNANSWERED, sm_tally_outcome(pool->tally, words));
}

static void lose_late(struct sm_exchange *exchange, struct sm_connections *pool) {
    struct sm_connection *connection = exchange->connection;
    if (!connection) {
        end_unsent(exchange, pool, "time-out before it was sent again");
    } else if (connection->state == SM_CONNECTION_OPEN) {
        pool->protocol->late(exchange);
    } else {
        sm_exchange_lose(exchange, "time-out while connecting");
        sm_connection_drop(connection);
    }
}

static void unpark_all(struct sm_connections *pool, int64_t now_ns) {
    pool->unpark_at_ns = 0;
    for (size_t i = 0; i < pool->connection_count; i++) {
        struct sm_connection *connection = connection_at(pool, i);
        if (connection->state == SM_CONNECTION_PARKED && !begin_connecting(connection))
            pool->unpark_at_ns = now_ns + RETRY_FIRST_NS;
    }
}

static void flush_touched(struct sm_connections *pool) {
    struct sm_connection *connection;
    while ((connection = TAILQ_FIRST(&pool->touched))) {
        TAILQ_REMOVE(&pool->touched, connection, touched);
        connection->is_touched = false;
        pool->protocol->flush(connection);
    }
}

static int64_t earlier(int64_t one_ns, int64_t other_ns) {
    return one_ns < other_ns ? one_ns : other_ns;
}

static int64_t pool_tick(void *driver, int64_t now_ns) {
    struct sm_connections *pool = driver;
    int64_t timeout_ns = sm_engine_timeout_ns(pool->engine);
    struct sm_exchange *first;
    while ((first = TAILQ_FIRST(&pool->busy)) && first->unit.due_ns + timeout_ns <= now_ns)
        lose_late(first, pool);
    if (pool->unpark_at_ns && pool->unpark_at_ns <= now_ns)
        unpark_all(pool, now_ns);
    size_t open = pool->open;
    sm_links_tick(pool->links, now_ns);
    bool has_more = pool->open > open; /* there may be units that wait for this */
    send_again(pool, now_ns);
    flush_touched(pool);
    int64_t next_ns = has_more ? now_ns : sm_links_next_ns(pool->links);
    if ((first = TAILQ_FIRST(&pool->busy)))
        next_ns = earlier(next_ns, first->unit.due_ns + timeout_ns);
    if (pool->unpark_at_ns)
        next_ns = earlier(next_ns, pool->unpark_at_ns);
    if (pool->retry_at_ns > now_ns)
        next_ns = earlier(next_ns, pool->retry_at_ns);
    return next_ns;
}

static void pool_abandon(void *driver) {
    struct sm_connections *pool = driver;
    struct sm_exchange *exchange;
    while ((exchange = TAILQ_FIRST(&pool->again)))
        end_unsent(exchange, pool, "stopped before it was sent again");
    for (size_t i = 0; i < pool->connection_count; i++) {
        struct sm_connection *connection = connection_at(pool, i);
        while ((exchange = TAILQ_FIRST(&connection->exchanges)))
            sm_exchange_lose(exchange, "stopped before the reply");
        if (connection->state != SM_CONNECTION_CLOSED)
            sm_connection_drop(connection);
    }
}

static const struct sm_engine_ops pool_engine_ops = {pool_send, pool_ready, pool_tick,
                                                     pool_abandon};

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

/* In a closed loop as many as carry its concurrency. */
static int count_connections(struct sm_connections *pool, const struct sm_block *config,
                             size_t default_connections, size_t streams, struct sm_error *err) {
    size_t concurrency = (size_t)sm_engine_concurrency(pool->engine);
    size_t needed = (concurrency + streams - 1) / streams;
    size_t count = sm_block_has(config, "connections")
                       ? (size_t)sm_block_quantity(config, "connections")
                   : needed ? needed
                            : default_connections;
    if (count > SM_CONNECTIONS_MOST)
        return sm_error_set(err, -EINVAL, config->where, NULL,
                            "a concurrency above %zu needs more connections than there can be",
                            SM_CONNECTIONS_MOST * streams);
    if (count < needed)
        return sm_error_set(err, -EINVAL, config->where, "leave connections out",
                            "the concurrency needs %zu connections: each carries %zu at once",
                            needed, streams);
    pool->connection_count = count;
    /* At such rates a pool that grows when a reply is late would look like the target's own
     * descriptors growing; at lower ones opening all takes longer than it is worth. */
    if (sm_block_quantity(config, "rate") >= (double)count)
        pool->unopened = count;
    return raise_descriptor_limit(config, count, err);
}

static int make_connections(struct sm_connections *pool, const struct sm_address *address,
                            struct sm_error *err) {
    static const struct sm_link_events events = {on_connected, on_ready};
    pool->connections = calloc(pool->connection_count, pool->protocol->connection_bytes);
    if (!pool->connections)
        return sm_error_errno(err, -ENOMEM, NULL, NULL, "cannot make connections");
    int rc = sm_links_open(&address->link, pool->connection_count, sm_engine_epoll(pool->engine),
                           &events, &pool->links, err);
    for (size_t i = 0; rc == 0 && i < pool->connection_count; i++) {
        struct sm_connection *connection = connection_at(pool, i);
        connection->pool = pool;
        connection->link = sm_links_at(pool->links, i);
        TAILQ_INIT(&connection->exchanges);
        sm_link_set_owner(connection->link, connection);
        TAILQ_INSERT_TAIL(&pool->closed, connection, entry);
    }
    return rc;
}

int sm_connections_open(struct sm_connections *pool, const struct sm_protocol *protocol,
                        const struct sm_block *config, const struct sm_address *address,
                        size_t default_connections, size_t streams, int64_t unit_bytes,
                        struct sm_error *err) {
    pool->protocol = protocol;
    TAILQ_INIT(&pool->closed);
    TAILQ_INIT(&pool->roomy);
    TAILQ_INIT(&pool->touched);
    TAILQ_INIT(&pool->busy);
    TAILQ_INIT(&pool->again);
    TAILQ_INIT(&pool->spare);
    for (int status = 0; status < STATUSES; status++)
        pool->http_outcomes[status] = -1;
    int rc = sm_engine_open(config, &pool_engine_ops, pool, unit_bytes, &pool->engine, err);
    if (rc < 0)
        return rc;
    pool->tally = sm_engine_tally(pool->engine);
    rc = count_connections(pool, config, default_connections, streams, err);
    return rc < 0 ? rc : make_connections(pool, address, err);
}

void sm_connections_close(struct sm_connections *pool) {
    struct sm_exchange *exchange;
    if (!pool->protocol)
        return;
    sm_engine_close(pool->engine);
    while ((exchange = TAILQ_FIRST(&pool->spare))) {
        TAILQ_REMOVE(&pool->spare, exchange, by_due);
        free(exchange);
    }
    sm_links_close(pool->links);
    free(pool->connections);
}
