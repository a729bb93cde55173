/* websocket_relay: listens, the target connects, and numbered events are pushed to it.
 *
 * A unit is one event. It is accepted when the consumer's WebSocket has read it, which the answer
 * to a ping behind it proves; its latency is from when it was due to when the last of it was in
 * the connection. What a slow consumer leaves behind waits in the schedule, in no memory; what lies
 * in the connection stays in flight. Events are made from their number, so that any can be pushed
 * again to a consumer that comes back with a cursor. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "load_engine.h"
#include "load_relay_ledger.h"
#include "load_relay_script.h"
#include "websocket_server.h"
#include "websocket_upgrade.h"

enum {
    ROOM_BYTES = 256 << 10, /* at least */
    LONGEST_BYTES = 16 << 20,
};
#define PING_NS        INT64_C(20000000)
#define PING_CLOSED_NS INT64_C(1000000) /* in a closed loop the next unit waits for it */

static const char *const kind_names[] = {"binary", "text", NULL};

struct relay {
    struct sm_engine *engine;
    struct sm_tally *tally;
    const struct sm_body *body;
    char *event; /* the one that is pushed */
    size_t longest;
    int64_t first; /* the number of the first event */
    struct sm_websocket_server *server;
    struct sm_load_relay_ledger *ledger;
    struct sm_load_relay_script script;
    struct sm_peer *consumer; /* NULL: none */
    const char *cursor;       /* the name in its query; NULL: it cannot resume */
    bool is_text, was_connected;
    int64_t back_at_ns;                /* 0: not away */
    int64_t pushed;                    /* events, those that were pushed again too */
    int64_t waiting_then, pushed_then; /* when the consumer connected */
    int64_t position;                  /* of the unit that is pushed next; at most those taken */
    int64_t pinged_at;                 /* the position told by the last ping */
    int64_t pinged_ns, ping_every_ns;
};

static void wait_for(struct relay *relay, const char *words) {
    sm_engine_waits(relay->engine, words);
}

static void note(struct relay *relay, const char *words) {
    sm_tally_note(relay->tally, sm_tally_outcome(relay->tally, words));
}

/* Lets the ledger know how far the connection has taken what was put. */
static void mark_handed(struct relay *relay) {
    sm_load_relay_ledger_handed(
        relay->ledger, sm_websocket_sent_total(sm_peer_socket(relay->consumer)), sm_now_ns());
}

static void lose_consumer(struct relay *relay) {
    relay->consumer = NULL;
    wait_for(relay, "nobody was connected");
    sm_load_relay_ledger_lost(relay->ledger);
    if (!relay->cursor)
        sm_load_relay_ledger_forget(relay->ledger, "connection lost before it was read");
}

static int64_t waiting_events(const struct relay *relay) {
    return sm_tally_in_flight(relay->tally) - sm_load_relay_ledger_in_flight(relay->ledger);
}

static void on_opened(void *owner, struct sm_peer *peer, const char *target) {
    struct relay *relay = owner;
    int64_t cursor;
    if (relay->consumer) {
        struct sm_peer *before = relay->consumer;
        lose_consumer(relay);
        sm_peer_leave(before);
        note(relay, "replaced by a newer connection");
    }
    note(relay, relay->was_connected ? "connected again" : "connected");
    relay->was_connected = true;
    relay->consumer = peer;
    sm_load_relay_script_connected(&relay->script);
    relay->waiting_then = waiting_events(relay);
    relay->pushed_then = relay->pushed;
    wait_for(relay, "the consumer was slow");
    relay->position = sm_load_relay_ledger_taken(relay->ledger);
    if (relay->cursor && sm_upgrade_query_number(target, relay->cursor, &cursor) == 0) {
        int64_t resumed = cursor + 1 - relay->first;
        if (resumed < relay->position)
            relay->position = resumed < 0 ? 0 : resumed;
        sm_load_relay_ledger_read(relay->ledger, relay->position);
    } else {
        sm_load_relay_ledger_forget(relay->ledger, "connection lost before it was read");
    }
    sm_load_relay_ledger_resume(relay->ledger, relay->position);
    relay->pinged_at = relay->position;
}

static void on_pong(void *owner, struct sm_peer *peer, const void *bytes, size_t length) {
    struct relay *relay = owner;
    int64_t position;
    if (peer != relay->consumer || length != sizeof position)
        return;
    memcpy(&position, bytes, sizeof position);
    mark_handed(relay);
    if (position <= relay->position)
        sm_load_relay_ledger_read(relay->ledger, position);
}

static void on_closed(void *owner, struct sm_peer *peer, const char *words) {
    struct relay *relay = owner;
    note(relay, words);
    if (peer == relay->consumer)
        lose_consumer(relay);
}

static void on_refused(void *owner, const char *words) {
    struct relay *relay = owner;
    char text[96];
    snprintf(text, sizeof text, "no handshake: %s", words);
    note(relay, text);
}

static void let_go(struct relay *relay, const struct sm_load_relay_step *step) {
    struct sm_peer *consumer = relay->consumer;
    lose_consumer(relay);
    if (step->action == SM_LOAD_RELAY_RESET)
        sm_peer_reset(consumer);
    else
        sm_peer_leave(consumer);
    if (step->away_ns) {
        relay->back_at_ns = sm_now_ns() + step->away_ns;
        sm_websocket_server_refuse(relay->server, true);
    }
}

/* A message of the script's own; where there is no room for it, the consumer never reads it. */
static void send_message(struct relay *relay, const struct sm_load_relay_step *step) {
    struct sm_websocket *socket = sm_peer_socket(relay->consumer);
    const struct sm_body_variant *message = sm_body_variant(step->body, relay->pushed);
    char *bytes = malloc(message->length + 1);
    if (bytes && sm_body_copy(message, relay->pushed, 0, bytes, message->length) == 0)
        sm_websocket_last_message(socket, relay->is_text, bytes, message->length);
    free(bytes);
}

/* Half of the event that is pushed next. */
static void tear(struct relay *relay) {
    struct sm_websocket *socket = sm_peer_socket(relay->consumer);
    const struct sm_body_variant *event = sm_body_variant(relay->body, relay->position);
    if (sm_body_copy(event, relay->first + relay->position, 0, relay->event, event->length) == 0 &&
        sm_websocket_message(socket, relay->is_text, relay->event, event->length) == 0)
        sm_websocket_cut(socket, event->length / 2 + 1);
}

static void perform(struct relay *relay, const struct sm_load_relay_step *step) {
    static const char *const notes[] = {
#define X(id, name) "script: " name,
        SM_LOAD_RELAY_ACTION_TABLE(X)
#undef X
    };
    struct sm_websocket *socket = sm_peer_socket(relay->consumer);
    note(relay, notes[step->action]);
    mark_handed(relay);
    if (step->body)
        send_message(relay, step);
    switch (step->action) {
    case SM_LOAD_RELAY_MESSAGE:
        return;
    case SM_LOAD_RELAY_BAD_FRAME:
        sm_websocket_raw(socket, "\x83\x03", 2); /* opcode 3, which RFC 6455 keeps for later */
        return;
    case SM_LOAD_RELAY_CLOSE:
        sm_websocket_close(socket, step->code, step->reason);
        break;
    case SM_LOAD_RELAY_TORN:
        tear(relay);
        break;
    case SM_LOAD_RELAY_RESET:
        break;
    }
    let_go(relay, step);
}

/* What is to happen before the next event. False: there is no consumer any more. */
static bool follow_script(struct relay *relay) {
    const struct sm_load_relay_step *step;
    while (relay->consumer && (step = sm_load_relay_script_due(&relay->script, relay->pushed)))
        perform(relay, step);
    return relay->consumer != NULL;
}

/* False: there is no room now. */
static bool push(struct relay *relay, int64_t number) {
    struct sm_websocket *socket = sm_peer_socket(relay->consumer);
    const struct sm_body_variant *event = sm_body_variant(relay->body, number);
    if (!sm_websocket_has_room(socket, event->length))
        sm_peer_flush(relay->consumer);
    if (!sm_websocket_has_room(socket, event->length) ||
        sm_body_copy(event, relay->first + number, 0, relay->event, event->length) < 0 ||
        sm_websocket_message(socket, relay->is_text, relay->event, event->length) < 0)
        return false;
    sm_load_relay_ledger_put(relay->ledger, number, sm_websocket_put_total(socket));
    relay->position = number + 1;
    relay->pushed++;
    return true;
}

/* What a consumer that came back asked for again comes before anything new. */
static bool push_again(struct relay *relay) {
    while (relay->position < sm_load_relay_ledger_taken(relay->ledger))
        if (!follow_script(relay) || !push(relay, relay->position))
            return false;
    return true;
}

static bool relay_send(void *driver, const struct sm_load_unit *unit, int64_t now_ns) {
    struct relay *relay = driver;
    if (!relay->consumer || !push_again(relay) || !follow_script(relay) ||
        !sm_load_relay_ledger_take(relay->ledger, unit, now_ns))
        return false;
    relay->position = unit->number;
    if (push(relay, unit->number))
        return true;
    sm_load_relay_ledger_untake(relay->ledger);
    return false;
}

static void relay_ready(void *driver, void *what, uint32_t events) {
    struct relay *relay = driver;
    sm_websocket_server_ready(relay->server, what, events);
}

/* Asks how far the consumer has read, when something new has been put. */
static int64_t ping(struct relay *relay, int64_t now_ns) {
    if (relay->pinged_at == relay->position)
        return SM_NEVER_NS;
    if (now_ns < relay->pinged_ns + relay->ping_every_ns)
        return relay->pinged_ns + relay->ping_every_ns;
    relay->pinged_ns = now_ns;
    int64_t position = relay->position;
    if (sm_websocket_ping(sm_peer_socket(relay->consumer), &position, sizeof position) == 0)
        relay->pinged_at = position;
    return now_ns + relay->ping_every_ns;
}

static int64_t earlier(int64_t one_ns, int64_t other_ns) {
    return one_ns < other_ns ? one_ns : other_ns;
}

/* What was waiting already when it connected is not held against a consumer. */
static void look_at_waiting(struct relay *relay) {
    int64_t older = relay->waiting_then - (relay->pushed - relay->pushed_then);
    int64_t waiting = waiting_events(relay) - (older > 0 ? older : 0);
    const struct sm_load_relay_step *step = sm_load_relay_script_waiting(&relay->script, waiting);
    if (step)
        perform(relay, step);
}

static int64_t relay_tick(void *driver, int64_t now_ns) {
    struct relay *relay = driver;
    int64_t next_ns = SM_NEVER_NS;
    if (relay->back_at_ns && relay->back_at_ns <= now_ns) {
        relay->back_at_ns = 0;
        sm_websocket_server_refuse(relay->server, false);
    }
    if (relay->back_at_ns)
        next_ns = relay->back_at_ns;
    if (relay->consumer && relay->script.looks_at_waiting)
        look_at_waiting(relay);
    if (relay->consumer)
        push_again(relay);
    if (relay->consumer) {
        next_ns = earlier(next_ns, ping(relay, now_ns));
        sm_peer_flush(relay->consumer);
        mark_handed(relay);
    }
    next_ns = earlier(next_ns, sm_websocket_server_tick(relay->server, now_ns));
    return earlier(next_ns, sm_load_relay_ledger_expire(relay->ledger, now_ns));
}

static void relay_abandon(void *driver) {
    struct relay *relay = driver;
    if (relay->consumer) {
        mark_handed(relay);
        sm_websocket_close(sm_peer_socket(relay->consumer), 1001, "the load is over");
        sm_peer_leave(relay->consumer);
        relay->consumer = NULL;
    }
    sm_load_relay_ledger_stop(relay->ledger);
}

static const struct sm_engine_ops relay_engine_ops = {relay_send, relay_ready, relay_tick,
                                                      relay_abandon};

static void relay_close(void *driver) {
    struct relay *relay = driver;
    if (!relay)
        return;
    sm_engine_close(relay->engine);
    sm_websocket_server_close(relay->server);
    sm_load_relay_ledger_free(relay->ledger);
    sm_load_relay_script_free(&relay->script);
    free(relay->event);
    free(relay);
}

static int make_events(struct relay *relay, const struct sm_block *config, struct sm_error *err) {
    relay->body = sm_block_body(config, "body");
    relay->first = (int64_t)sm_block_quantity(config, "first");
    for (size_t i = 0; i < relay->body->variant_count; i++)
        if (relay->body->variants[i].length > relay->longest)
            relay->longest = relay->body->variants[i].length;
    if (relay->longest > LONGEST_BYTES)
        return sm_error_set(err, -EINVAL, config->where, NULL,
                            "an event of %zu bytes is more than the %d that a message can have",
                            relay->longest, LONGEST_BYTES);
    relay->event = malloc(relay->longest + 1);
    return relay->event ? 0 : sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot open");
}

static int listen_on(struct relay *relay, const struct sm_block *config, struct sm_error *err) {
    static const struct sm_websocket_server_events events = {on_opened, on_pong, on_closed,
                                                             on_refused};
    const struct sm_websocket_server_options options = {
        .address = sm_block_text(config, "address"),
        .port = (int)sm_block_quantity(config, "port"),
        .unix_path = sm_block_text(config, "unix"),
        .room_bytes = relay->longest > ROOM_BYTES ? relay->longest : ROOM_BYTES,
    };
    if (sm_block_has(config, "port") == (options.unix_path != NULL))
        return sm_error_set(err, -EINVAL, config->where, "write port = \"${port:relay}\"",
                            "it needs one of port and unix, where the target connects to");
    return sm_websocket_server_open(&options, sm_engine_epoll(relay->engine), &events, relay,
                                    &relay->server, err);
}

static int open_load(void *driver, const struct sm_block *config, struct sm_error *err) {
    struct relay *relay = driver;
    relay->cursor = sm_block_text(config, "cursor");
    relay->is_text = strcmp(sm_block_text(config, "kind"), "text") == 0;
    int rc = make_events(relay, config, err);
    if (rc == 0)
        rc = sm_load_relay_script_read(config, &relay->script, err);
    if (rc == 0)
        rc = sm_engine_open(config, &relay_engine_ops, relay, (int64_t)relay->body->payload_bytes,
                            &relay->engine, err);
    if (rc == 0)
        rc = listen_on(relay, config, err);
    if (rc == 0 && !(relay->ledger = sm_load_relay_ledger_new(relay->engine)))
        rc = sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot open the load");
    if (rc < 0)
        return rc;
    relay->tally = sm_engine_tally(relay->engine);
    relay->ping_every_ns = sm_engine_concurrency(relay->engine) ? PING_CLOSED_NS : PING_NS;
    wait_for(relay, "nobody was connected");
    return 0;
}

static int relay_open(const struct sm_block *config, void **ret_driver, struct sm_error *err) {
    return sm_driver_open(config, sizeof(struct relay), open_load, relay_close, ret_driver, err);
}

static const struct sm_key relay_keys[] = {
    SM_LOAD_KEYS_WITH_TIMEOUT("24h"),
    {.name = "port",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .at_most = 65535,
     .help = "where the target connects to, which is told it by the same ${port:NAME}"},
    {.name = "address",
     .type = SM_KEY_TEXT,
     .fallback = "127.0.0.1",
     .help = "the address of this machine that is listened on"},
    {.name = "unix", .type = SM_KEY_TEXT, .help = "the path of a unix socket instead"},
    {.name = "body", .type = SM_KEY_BODY, .required = true, .help = "what each event carries"},
    {.name = "first",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .at_most = 9e15,
     .help = "the number of the first event"},
    {.name = "kind",
     .type = SM_KEY_TEXT,
     .fallback = "binary",
     .choices = kind_names,
     .help = "of the messages"},
    {.name = "cursor",
     .type = SM_KEY_TEXT,
     .help = "the name in a consumer's query (?cursor=7) of the last number it has: events are "
             "pushed again from there on; without it those in a lost connection are lost"},
    {.name = "script",
     .type = SM_KEY_BLOCKS,
     .family = "step",
     .at_most = 64,
     .help = "what it does to the consumer besides pushing events"},
    {.name = NULL}};

const struct sm_load_ops sm_relay_load = {
    .name = "websocket_relay",
    .serves = true,
    .help = "a WebSocket server that the target connects to, and which pushes numbered events",
    .keys = relay_keys,
    .open = relay_open,
    SM_DRIVER_OPS,
    .close = relay_close,
};
