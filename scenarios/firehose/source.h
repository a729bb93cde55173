/* source.h - where events come from: one thread each, which feeds a pipeline. */
#pragma once

#include "counters.h"
#include "pipeline.h"

/* What a source works with; all of it outlives the source. */
struct fh_source_config {
    const struct fh_options *options;
    struct fh_counters *counters;
    struct fh_pipeline *pipeline;
};

struct fh_relay;
struct fh_backfill;

/* Subscribes over WebSocket to `host`, "HOST:PORT" or "unix:PATH", at /xrpc/METHOD, from the
 * stored cursor on; again after each loss of the connection, from the last event received on.
 * NULL, having printed why. */
struct fh_relay *fh_relay_start(const struct fh_source_config *config, const char *host,
                                const char *method);

/* After fh_stop_request and fh_pipeline_close. NULL is allowed. */
void fh_relay_finish(struct fh_relay *relay);

/* Pages once through com.atproto.sync.listRepos below the options' URL. NULL, having printed
 * why. */
struct fh_backfill *fh_backfill_start(const struct fh_source_config *config);

/* After fh_stop_request and fh_pipeline_close. NULL is allowed. */
void fh_backfill_finish(struct fh_backfill *backfill);
