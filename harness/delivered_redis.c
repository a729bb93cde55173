/* Delivered units: one number that a command gives on a Redis server, such as the entries ever
 * added to a stream, which trimming does not change:
 *     redis { command = { "XINFO", "STREAM", "events" }, field = "entries-added", unix = PATH } */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "sources.h"

enum {
    DEFAULT_PORT = 6379,
    TIMEOUT_S = 1,
};

static const struct sm_key keys[] = {
    {.name = "command",
     .type = SM_KEY_TEXTS,
     .required = true,
     .help = "gives one number, or names and values: { \"XLEN\", \"events\" }"},
    {.name = "field",
     .type = SM_KEY_TEXT,
     .help = "the name whose value is meant, of a command that gives several"},
    {.name = "unix", .type = SM_KEY_TEXT, .help = "the path of its unix socket"},
    {.name = "port",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .at_least = 1,
     .at_most = 65535,
     .fallback = "6379",
     .help = "its port on 127.0.0.1, where it has no socket"},
    {.name = NULL}};

static redisContext *open_connection(const struct sm_block *config) {
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    const char *path = sm_block_text(config, "unix");
    redisContext *connection =
        path
            ? redisConnectUnixWithTimeout(path, timeout)
            : redisConnectWithTimeout("127.0.0.1", (int)sm_block_quantity(config, "port"), timeout);
    if (connection && !connection->err)
        redisSetTimeout(connection, timeout);
    return connection;
}

/* The value after a name, in a list of names and values. NULL when it is not there. */
static const redisReply *find_field(const redisReply *reply, const char *field) {
    if (!field || reply->type != REDIS_REPLY_ARRAY)
        return reply;
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *name = reply->element[i];
        if (name->str && strcmp(name->str, field) == 0)
            return reply->element[i + 1];
    }
    return NULL;
}

static int to_number(const struct sm_block *config, const redisReply *value, double *ret_count,
                     struct sm_error *err) {
    char *end = NULL;
    double number = 0;
    if (value && value->type == REDIS_REPLY_INTEGER)
        number = (double)value->integer;
    else if (value && value->type == REDIS_REPLY_STRING)
        number = strtod(value->str, &end);
    else if (!value || value->type != REDIS_REPLY_NIL)
        return sm_error_set(err, -EINVAL, config->where, "name the one that is meant: field = ...",
                            "the command does not give a number");
    if (end && (end == value->str || *end))
        return sm_error_set(err, -EINVAL, config->where, NULL, "\"%.40s\" is not a number",
                            value->str);
    *ret_count = number;
    return 0;
}

/* What is asked of a key that nobody has written yet counts as nothing. */
static int take_reply(const struct sm_block *config, const redisReply *reply, double *ret_count,
                      struct sm_error *err) {
    if (reply->type != REDIS_REPLY_ERROR)
        return to_number(config, find_field(reply, sm_block_text(config, "field")), ret_count, err);
    if (!strstr(reply->str, "no such key"))
        return sm_error_set(err, -EINVAL, config->where, NULL, "redis: %s", reply->str);
    *ret_count = 0;
    return 0;
}

static int ask(const struct sm_block *config, redisContext *connection, double *ret_count,
               struct sm_error *err) {
    size_t count = 0;
    const char *const *words = sm_block_texts(config, "command", &count);
    redisReply *reply = connection->err ? NULL
                                        : redisCommandArgv(connection, (int)count,
                                                           (const char **)(uintptr_t)words, NULL);
    if (!reply)
        return sm_error_set(err, -EIO, config->where, NULL, "redis: %s", connection->errstr);
    int rc = take_reply(config, reply, ret_count, err);
    freeReplyObject(reply);
    return rc;
}

static int read_count(const struct sm_block *config, double *ret_count, struct sm_error *err) {
    redisContext *connection = open_connection(config);
    if (!connection)
        return sm_error_set(err, -ENOMEM, config->where, NULL, "redis: no memory");
    int rc = ask(config, connection, ret_count, err);
    redisFree(connection);
    return rc;
}

const struct sm_delivered_ops sm_redis_delivered = {
    .name = "redis",
    .help = "a command on a Redis server",
    .keys = keys,
    .read = read_count,
};
