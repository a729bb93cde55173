#include "redis_stream.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum {
    DEFAULT_PORT = 6379,
    TIMEOUT_S = 2,
};

struct fh_redis {
    redisContext *connection; /* NULL = none now */
    char *url, *stream, *cursor_key;
    char problem[160];
};

struct fh_redis *fh_redis_create(const char *url, const char *stream, const char *source) {
    struct fh_redis *redis = calloc(1, sizeof *redis);
    if (!redis)
        return NULL;
    redis->url = strdup(url);
    redis->stream = strdup(stream);
    if (asprintf(&redis->cursor_key, "%s:cursor:%s", stream, source) < 0)
        redis->cursor_key = NULL;
    if (!redis->url || !redis->stream || !redis->cursor_key) {
        fh_redis_free(redis);
        return NULL;
    }
    return redis;
}

void fh_redis_free(struct fh_redis *redis) {
    if (!redis)
        return;
    if (redis->connection)
        redisFree(redis->connection);
    free(redis->url);
    free(redis->stream);
    free(redis->cursor_key);
    free(redis);
}

const char *fh_redis_problem(const struct fh_redis *redis) {
    return redis->problem;
}

/* Keeps the words of what failed, and drops the connection: its state is not known. */
static int fail(struct fh_redis *redis, const char *words) {
    snprintf(redis->problem, sizeof redis->problem, "%s", words);
    if (redis->connection)
        redisFree(redis->connection);
    redis->connection = NULL;
    return -1;
}

static redisContext *open_connection(const char *url) {
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    char host[256];
    int port = DEFAULT_PORT;
    if (strncmp(url, "unix:", 5) == 0)
        return redisConnectUnixWithTimeout(url + 5, timeout);
    if (strncmp(url, "redis://", 8) == 0)
        url += 8;
    if (sscanf(url, "%255[^:/]:%d", host, &port) < 1)
        return NULL;
    return redisConnectWithTimeout(host, port, timeout);
}

static int connect_if_needed(struct fh_redis *redis) {
    if (redis->connection)
        return 0;
    redis->connection = open_connection(redis->url);
    if (!redis->connection)
        return fail(redis, "not an address of Redis");
    if (redis->connection->err) {
        char words[sizeof redis->connection->errstr];
        snprintf(words, sizeof words, "%s", redis->connection->errstr);
        return fail(redis, words);
    }
    redisSetTimeout(redis->connection, (struct timeval){.tv_sec = TIMEOUT_S});
    return 0;
}

/* Looks at a reply, which it frees. */
static int take_reply(struct fh_redis *redis, redisReply *reply, long long *ret_value) {
    char words[128];
    bool is_bad = !reply || reply->type == REDIS_REPLY_ERROR;
    if (is_bad)
        snprintf(words, sizeof words, "%s", reply ? reply->str : redis->connection->errstr);
    else if (reply->type == REDIS_REPLY_INTEGER)
        *ret_value = reply->integer;
    else if (reply->type == REDIS_REPLY_STRING)
        *ret_value = strtoll(reply->str, NULL, 10);
    if (reply)
        freeReplyObject(reply);
    return is_bad ? fail(redis, words) : 0;
}

static long long ask(struct fh_redis *redis, const char *command, const char *key) {
    long long value = 0;
    if (connect_if_needed(redis) < 0 ||
        take_reply(redis, redisCommand(redis->connection, "%s %s", command, key), &value) < 0)
        return -1;
    return value;
}

long long fh_redis_length(struct fh_redis *redis) {
    return ask(redis, "XLEN", redis->stream);
}

long long fh_redis_cursor(struct fh_redis *redis) {
    return ask(redis, "GET", redis->cursor_key);
}

static int append(struct fh_redis *redis, const struct fh_batch *batch) {
    redisContext *connection = redis->connection;
    int64_t seq = 0;
    int failed = redisAppendCommand(connection, "MULTI");
    for (const struct fh_event *event = batch->events; event && !failed;
         event = (const struct fh_event *)event->item.next) {
        failed = redisAppendCommand(connection, "XADD %s * event %b", redis->stream, event->json,
                                    event->bytes);
        seq = event->seq;
    }
    if (!failed && seq)
        failed = redisAppendCommand(connection, "SET %s %lld", redis->cursor_key, (long long)seq);
    if (!failed)
        failed = redisAppendCommand(connection, "EXEC");
    return failed ? fail(redis, connection->errstr) : seq ? 3 : 2;
}

int fh_redis_write(struct fh_redis *redis, const struct fh_batch *batch) {
    if (connect_if_needed(redis) < 0)
        return -1;
    int besides = append(redis, batch); /* commands that are not events */
    if (besides < 0)
        return -1;
    for (size_t left = batch->count + (size_t)besides; left; left--) {
        redisReply *reply = NULL;
        long long ignored;
        redisGetReply(redis->connection, (void **)&reply);
        if (reply && left == 1 && reply->type != REDIS_REPLY_ARRAY &&
            reply->type != REDIS_REPLY_ERROR) {
            freeReplyObject(reply);
            return fail(redis, "the transaction was discarded");
        }
        if (take_reply(redis, reply, &ignored) < 0)
            return -1;
    }
    return 0;
}
