/* firehose-indexer - the consumer behind the ingester: reads the oldest entries of a stream, and
 * trims what it has read.
 *
 * Exit status: 0 after a clean stop (SIGTERM or SIGINT), 2 for bad options. While Redis is away it
 * tries again. */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stop_signals.h"

enum {
    READ_COUNT = 500,
    IDLE_MS = 20,
    RETRY_MS = 200,
};

struct consumer {
    const char *socket_path, *stream;
    long rate; /* entries a second at the most; 0 = as fast as they come */
    redisContext *connection;
    unsigned long long consumed;
};

/* True when a signal says to stop. */
static bool pause_ms(const sigset_t *stop_signals, long ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    return sigtimedwait(stop_signals, NULL, &time) > 0;
}

static void disconnect(struct consumer *consumer) {
    if (consumer->connection)
        redisFree(consumer->connection);
    consumer->connection = NULL;
}

/* Drops the first `count` entries: what comes after the last one's id stays. */
static bool trim(struct consumer *consumer, const redisReply *entries) {
    const redisReply *last = entries->element[entries->elements - 1];
    const char *id = last->elements ? last->element[0]->str : NULL;
    char after[64];
    const char *dash = id ? strrchr(id, '-') : NULL;
    if (!dash)
        return false;
    snprintf(after, sizeof after, "%.*s-%llu", (int)(dash - id), id,
             strtoull(dash + 1, NULL, 10) + 1);
    redisReply *reply =
        redisCommand(consumer->connection, "XTRIM %s MINID %s", consumer->stream, after);
    bool is_ok = reply && reply->type == REDIS_REPLY_INTEGER;
    if (reply)
        freeReplyObject(reply);
    return is_ok;
}

/* Entries consumed now; -1 when Redis fails. */
static long consume(struct consumer *consumer) {
    if (!consumer->connection)
        consumer->connection = redisConnectUnix(consumer->socket_path);
    if (!consumer->connection || consumer->connection->err)
        return -1;
    redisReply *entries =
        redisCommand(consumer->connection, "XRANGE %s - + COUNT %d", consumer->stream, READ_COUNT);
    long count = entries && entries->type == REDIS_REPLY_ARRAY ? (long)entries->elements : -1;
    if (count > 0 && !trim(consumer, entries))
        count = -1;
    if (entries)
        freeReplyObject(entries);
    if (count > 0)
        consumer->consumed += (unsigned long long)count;
    return count;
}

static void run(struct consumer *consumer, const sigset_t *stop_signals) {
    long wait_ms = 0;
    while (!pause_ms(stop_signals, wait_ms)) {
        long count = consume(consumer);
        if (count < 0) {
            disconnect(consumer);
            wait_ms = RETRY_MS;
        } else if (count == 0) {
            wait_ms = IDLE_MS;
        } else {
            wait_ms = consumer->rate ? count * 1000 / consumer->rate : 0;
        }
    }
    disconnect(consumer);
    printf("firehose-indexer: %llu entries consumed\n", consumer->consumed);
}

int main(int argc, char **argv) {
    struct consumer consumer = {0};
    char *end = NULL;
    if (argc == 3 || argc == 4) {
        consumer.socket_path = argv[1];
        consumer.stream = argv[2];
        consumer.rate = argc == 4 ? strtol(argv[3], &end, 10) : 0;
    }
    if (!consumer.stream || consumer.rate < 0 || (end && (*end || end == argv[3]))) {
        fprintf(stderr, "Usage: firehose-indexer REDIS-SOCKET STREAM [ENTRIES-PER-SECOND]\n");
        return 2;
    }
    sigset_t stop_signals;
    stop_signals_block(&stop_signals);
    run(&consumer, &stop_signals);
    return EXIT_SUCCESS;
}
