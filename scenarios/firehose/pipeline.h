/* pipeline.h - from events to a Redis stream: a channel, a batcher, a channel, a writer.
 *
 * Thread rule: the sink from one thread at a time; the rest from the thread that created it. */
#pragma once

#include "counters.h"
#include "event.h"
#include "options.h"

struct fh_pipeline;

/* Starts both threads. `stream` is the Redis stream, `source` names the relay for the cursor
 * (stream:cursor:source); both are copied. The options and counters outlive it. NULL, having
 * printed why. */
struct fh_pipeline *fh_pipeline_start(const struct fh_options *options,
                                      struct fh_counters *counters, const char *stream,
                                      const char *source);

/* Where events go in. The pipeline outlives the sink's users. */
struct fh_sink fh_pipeline_sink(struct fh_pipeline *pipeline);

/* The cursor that Redis has; 0 when it has none or cannot be asked. Opens a connection of its
 * own. */
int64_t fh_pipeline_stored_cursor(const struct fh_pipeline *pipeline);

/* Nothing more goes in; wakes who waits to. */
void fh_pipeline_close(struct fh_pipeline *pipeline);

/* After close: writes what is left, or gives it up when Redis fails or is full, and frees all.
 * NULL is allowed. */
void fh_pipeline_finish(struct fh_pipeline *pipeline);
