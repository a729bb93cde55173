/* redis_stream.h - one stream in Redis and its cursor, through hiredis. One thread at a time. */
#pragma once

#include "batch.h"

struct fh_redis;

/* No connection is made yet. url is redis://host:port or unix:PATH; the texts are copied. NULL
 * when there is no memory. */
struct fh_redis *fh_redis_create(const char *url, const char *stream, const char *source);

/* NULL is allowed. */
void fh_redis_free(struct fh_redis *redis);

/* What follows connects when there is no connection, and drops it when it fails: -1, with
 * fh_redis_problem saying why. */

/* Entries in the stream. */
long long fh_redis_length(struct fh_redis *redis);

/* The stored cursor, 0 when there is none. */
long long fh_redis_cursor(struct fh_redis *redis);

/* All events and the cursor in one transaction: 0, or -1 with none of them written, or with the
 * answer lost on its way, which may be both. */
int fh_redis_write(struct fh_redis *redis, const struct fh_batch *batch);

/* Why the last of them failed; owned by redis, until the next fails. */
const char *fh_redis_problem(const struct fh_redis *redis);
