/* load_connections.h - the connections of a load driver and the units on them, whatever is spoken.
 *
 * A pool opens connections as they are needed, up to a number; each takes as many units at once as
 * its protocol says. It waits after a failure to connect, times units out, and drops everything in
 * the end. A protocol is a table of functions and two structs that begin with those here; a driver
 * is a struct that begins with a struct sm_connections, whose first member is its engine. Thread
 * rule: the engine's thread, but for open and close. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "link.h"
#include "load_address.h"
#include "load_engine.h"

enum { SM_CONNECTIONS_MOST = 20000 }; /* the most there can be */

enum sm_connection_state {
    SM_CONNECTION_CLOSED,
    SM_CONNECTION_CONNECTING, /* with one unit */
    SM_CONNECTION_PARKED,     /* with one unit, to be connected again */
    SM_CONNECTION_OPEN,
};

/* A unit on its way. It belongs to a connection, or waits to be sent again. */
struct sm_exchange {
    struct sm_load_unit unit;
    struct sm_connection *connection; /* NULL: to be sent again */
    TAILQ_ENTRY(sm_exchange) by_due, on_connection;
};
TAILQ_HEAD(sm_exchange_list, sm_exchange);

struct sm_connection {
    struct sm_connections *pool;
    struct sm_link *link;
    enum sm_connection_state state;
    size_t room;  /* units at once; 0: it takes none any more */
    size_t count; /* units on it */
    struct sm_exchange_list exchanges;
    int64_t tried_ns; /* when it began to connect */
    bool is_roomy, is_touched;
    TAILQ_ENTRY(sm_connection) entry, touched;
};
TAILQ_HEAD(sm_connection_list, sm_connection);

/* What a protocol does. */
struct sm_protocol {
    size_t connection_bytes, exchange_bytes; /* of its structs; zeroed before opened and begin */
    /* It is connected: sets room. */
    void (*opened)(struct sm_connection *connection);
    /* It is about to be closed: frees what opened made. May be NULL. */
    void (*closing)(struct sm_connection *connection);
    /* Sends the exchange's unit, which must end in sm_exchange_end or sm_exchange_again, now or
     * later. */
    void (*begin)(struct sm_exchange *exchange);
    /* As in struct sm_link_events. */
    void (*ready)(struct sm_connection *connection, bool readable, bool writable);
    /* Called once after sm_connection_touch, before the thread waits. May be NULL. */
    void (*flush)(struct sm_connection *connection);
    /* The unit's time is up: ends it as unanswered. */
    void (*late)(struct sm_exchange *exchange);
};

struct sm_connections {
    struct sm_engine *engine;
    struct sm_tally *tally;
    const struct sm_protocol *protocol;
    struct sm_links *links;
    char *connections; /* connection_count structs of the protocol's */
    size_t connection_count, connecting, open;
    size_t unopened; /* to be opened before any is used again, so that the pool is soon whole */
    struct sm_connection_list closed, roomy, touched;
    struct sm_exchange_list busy; /* in order of their units, so of their time-outs */
    struct sm_exchange_list again, spare;
    int64_t retry_ns, retry_at_ns; /* no new connection before; 0 while all is well */
    int64_t unpark_at_ns;          /* 0: nothing is parked */
    int http_outcomes[1000];       /* -1: not met yet */
};

#define SM_CONNECTIONS_KEYS                                                                        \
    {                                                                                              \
        .name = "connections", .type = SM_KEY_QUANTITY, .unit = SM_UNIT_COUNT, .at_least = 1,      \
        .at_most = SM_CONNECTIONS_MOST, .help = "open at once at the most"                         \
    }
/* Of drivers that send the next units before the first is answered. */
#define SM_PIPELINED_KEYS                                                                          \
    {.name = "pipeline",                                                                           \
     .type = SM_KEY_QUANTITY,                                                                      \
     .unit = SM_UNIT_COUNT,                                                                        \
     .fallback = "1",                                                                              \
     .at_least = 1,                                                                                \
     .at_most = 100000,                                                                            \
     .help = "units on a connection at once"},                                                     \
        SM_CONNECTIONS_KEYS

/* Opens the engine of the driver that begins with this zeroed pool, and its `connections`; each
 * takes `streams` units at once. unit_bytes: payload of a unit. Returns 0 or a negative errno and
 * *err; either way sm_connections_close is to be called. */
int sm_connections_open(struct sm_connections *pool, const struct sm_protocol *protocol,
                        const struct sm_block *config, const struct sm_address *address,
                        size_t default_connections, size_t streams, int64_t unit_bytes,
                        struct sm_error *err);
void sm_connections_close(struct sm_connections *pool);

/* Ends an exchange's unit, which frees the exchange. */
void sm_exchange_end(struct sm_exchange *exchange, enum sm_ending ending, int outcome);
/* The same, unanswered. */
void sm_exchange_lose(struct sm_exchange *exchange, const char *words);
/* The target has said that it did not look at the unit: it is sent again, once there is room. */
void sm_exchange_again(struct sm_exchange *exchange);

/* Closes a connection, whose exchanges must have ended. */
void sm_connection_drop(struct sm_connection *connection);
/* How many units it takes at once from now on. */
void sm_connection_set_room(struct sm_connection *connection, size_t room);
/* Asks for `flush`. */
void sm_connection_touch(struct sm_connection *connection);

/* The number of the outcome "HTTP 204"; of one that came before the body had gone out, "HTTP 204
 * before the body was sent". */
int sm_connections_http_outcome(struct sm_connections *pool, int status, bool has_sent);
