#include "http2_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct http2_world http2_world;

static struct http2_world *const world = &http2_world;
static char texts[64][WORLD_WORDS]; /* of outcomes */
static struct sm_body_part part = {.bytes = "0123456789abcdef", .held = 16, .fd = -1};
static struct sm_body_variant variant = {&part, 1, 0};
static struct sm_body body = {.variants = &variant, .variant_count = 1};

/* In place of the pool. */

int sm_connections_open(struct sm_connections *pool, const struct sm_protocol *protocol,
                        const struct sm_block *config, const struct sm_address *address,
                        size_t default_connections, size_t streams, int64_t unit_bytes,
                        struct sm_error *err) {
    (void)config, (void)address, (void)default_connections, (void)streams, (void)unit_bytes;
    (void)err;
    pool->protocol = protocol;
    return 0;
}

void sm_connections_close(struct sm_connections *pool) {
    (void)pool;
}

double sm_block_quantity(const struct sm_block *block, const char *key) {
    (void)block, (void)key;
    return WORLD_UNITS;
}

int sm_tally_outcome(struct sm_tally *tally, const char *text) {
    int i = 0;
    (void)tally;
    for (; texts[i][0] && strcmp(texts[i], text) != 0; i++)
        assert_in_range(i, 0, sizeof texts / sizeof *texts - 2);
    snprintf(texts[i], WORLD_WORDS, "%s", text);
    return i;
}

int sm_connections_http_outcome(struct sm_connections *pool, int status, bool has_sent) {
    char text[WORLD_WORDS];
    snprintf(text, sizeof text, "HTTP %d%s", status, has_sent ? "" : " before the body was sent");
    return sm_tally_outcome(pool->tally, text);
}

/* The exchange is gone, so that whoever still looks at it is found out. */
static void end(struct sm_exchange *exchange, enum sm_ending ending, const char *words) {
    struct world_unit *unit = &world->units[exchange->unit.number];
    assert_true(unit->has_begun && !unit->has_ended);
    unit->has_ended = true;
    unit->ending = ending;
    snprintf(unit->words, sizeof unit->words, "%s", words);
    TAILQ_REMOVE(&exchange->connection->exchanges, exchange, on_connection);
    exchange->connection->count--;
    free(exchange);
}

void sm_exchange_end(struct sm_exchange *exchange, enum sm_ending ending, int outcome) {
    end(exchange, ending, texts[outcome]);
}

void sm_exchange_lose(struct sm_exchange *exchange, const char *words) {
    end(exchange, SM_ENDING_UNANSWERED, words);
}

void sm_exchange_again(struct sm_exchange *exchange) {
    end(exchange, SM_ENDING_UNANSWERED, "again");
}

void sm_connection_drop(struct sm_connection *connection) {
    assert_true(TAILQ_EMPTY(&connection->exchanges) && !world->is_dropped);
    world->is_dropped = true;
    world->load->protocol.closing(connection);
}

void sm_connection_set_room(struct sm_connection *connection, size_t room) {
    connection->room = room;
}

void sm_connection_touch(struct sm_connection *connection) {
    connection->is_touched = true;
}

/* In place of the link. */

ssize_t sm_link_receive(struct sm_link *link, void *bytes, size_t capacity) {
    (void)link;
    size_t now = world->incoming_length;
    if (now == 0)
        return world->has_closed ? 0 : -EAGAIN;
    if (now > capacity)
        now = capacity;
    if (now > world->incoming_piece)
        now = world->incoming_piece;
    memcpy(bytes, world->incoming, now);
    world->incoming += now;
    world->incoming_length -= now;
    return (ssize_t)now;
}

ssize_t sm_link_send_parts(struct sm_link *link, struct iovec *parts, size_t count) {
    size_t left = world->sent_piece;
    (void)link;
    if (world->takes_nothing)
        return -EAGAIN;
    for (size_t i = 0; i < count && left > 0; i++) {
        size_t now = parts[i].iov_len < left ? parts[i].iov_len : left;
        if (world->sent_length + now > world->sent_room) {
            world->sent_room = (world->sent_length + now) * 2;
            world->sent = realloc(world->sent, world->sent_room);
            assert_non_null(world->sent);
        }
        memcpy(world->sent + world->sent_length, parts[i].iov_base, now);
        world->sent_length += now;
        left -= now;
    }
    return (ssize_t)(world->sent_piece - left);
}

void sm_link_await_writable(struct sm_link *link) {
    (void)link;
    world->connection->base.is_touched = true;
}

/* What a driver makes of replies, as http2_load does. */
static void answered(struct sm_http2_exchange *exchange, bool is_last) {
    bool is_accepted = exchange->reply.status >= 200 && exchange->reply.status < 300;
    if (is_last || !is_accepted)
        sm_http2_end(exchange, is_accepted ? SM_ENDING_ACCEPTED : SM_ENDING_REFUSED,
                     sm_connections_http_outcome(exchange->base.connection->pool,
                                                 exchange->reply.status, exchange->has_sent));
}

static void data(struct sm_http2_exchange *exchange, const char *bytes, size_t length) {
    (void)exchange;
    for (size_t i = 0; i < length && world->body_length < WORLD_BODY; i++)
        world->body[world->body_length++] = bytes[i];
}

static const struct sm_http2_manner manner = {
    .exchange_bytes = sizeof(struct sm_http2_exchange), .data = data, .answered = answered};

void http2_world_open(const char *method, size_t body_bytes) {
    const char *const fields[] = {"content-type", body_bytes ? "text/plain" : NULL, NULL};
    const struct sm_address address = {.scheme = "http", .host = "there", .path = "/"};
    const struct sm_http2_ask ask = {
        .address = &address, .method = method, .path = "/", .fields = fields};
    const struct sm_block config = {.where = "here"};
    struct sm_error err;
    *world = (struct http2_world){.incoming_piece = SIZE_MAX, .sent_piece = 1 << 20};
    memset(texts, 0, sizeof texts);
    part.length = variant.length = body_bytes;
    world->load = calloc(1, sizeof *world->load);
    world->connection = calloc(1, sizeof *world->connection);
    assert_true(world->load && world->connection);
    world->load->payload.body = body_bytes ? &body : NULL;
    world->load->messages = 1;
    assert_int_equal(sm_http2_open(world->load, &manner, &config, &ask, &err), 0);
    world->connection->base.pool = &world->load->pool;
    TAILQ_INIT(&world->connection->base.exchanges);
    world->load->protocol.opened(&world->connection->base);
}

void http2_world_begin(int number) {
    struct sm_http2_exchange *exchange = calloc(1, sizeof *exchange);
    assert_non_null(exchange);
    exchange->base.unit.number = number;
    exchange->base.connection = &world->connection->base;
    TAILQ_INSERT_TAIL(&world->connection->base.exchanges, &exchange->base, on_connection);
    world->connection->base.count++;
    assert_false(world->units[number].has_begun);
    world->units[number].has_begun = true;
    world->load->protocol.begin(&exchange->base);
}

void http2_world_flush(void) {
    struct sm_connection *connection = &world->connection->base;
    while (!world->is_dropped && connection->is_touched) {
        connection->is_touched = false;
        world->load->protocol.flush(connection);
        if (world->takes_nothing)
            return;
    }
}

void http2_world_receive(const void *bytes, size_t length) {
    world->incoming = bytes;
    world->incoming_length = length;
    do {
        if (!world->is_dropped)
            world->load->protocol.ready(&world->connection->base, true, false);
        http2_world_flush();
    } while (!world->is_dropped && world->incoming_length > 0);
}

void http2_world_close(void) {
    world->has_closed = true;
    if (!world->is_dropped)
        http2_world_receive(NULL, 0);
    assert_true(world->is_dropped);
    for (int i = 0; i < WORLD_UNITS; i++)
        assert_int_equal(world->units[i].has_begun, world->units[i].has_ended);
    sm_http2_close(world->load);
    free(world->connection);
    free(world->load);
    free(world->sent);
}
