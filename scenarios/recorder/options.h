/* options.h - what the command line says. */
#pragma once

#include <stdint.h>

#include "daemon_options.h"

enum { RC_VIEWERS_MAX = 16 };

enum rc_role { RC_ALL, RC_SERVER, RC_SDK, RC_VIEWER };
enum rc_chunk_limit { RC_CHUNK_ANY, RC_CHUNK_REFUSE };
enum rc_batching { RC_BATCHING_NONE, RC_BATCHING_FIXED, RC_BATCHING_ADAPTIVE };
enum rc_collection { RC_COLLECTION_LATE, RC_COLLECTION_EARLY };
enum rc_in_flight { RC_IN_FLIGHT_IGNORED, RC_IN_FLIGHT_TRACKED };
enum rc_queues { RC_QUEUES_SLOTS, RC_QUEUES_BYTES, RC_QUEUES_BOTH };
enum rc_pressure { RC_PRESSURE_NONE, RC_PRESSURE_SIGNAL };
enum rc_viewer_check { RC_CHECK_LATE, RC_CHECK_EARLY, RC_CHECK_PURGE };

/* Numbers are int64_t throughout; choices are the enums above. */
struct rc_options {
    int64_t role;
    const char *listen;     /* the server's address, of all roles */
    const char *socket;     /* HTTP of the SDK: a path */
    const char *data;       /* directory of the viewers' journals */
    const char *stats_path; /* NULL = none */
    int64_t figures_fd;     /* of the figures that the parts share; -1 = its own */
    int64_t viewer_number, viewers;
    int64_t server_limit_bytes, viewer_limit_bytes, chunk_max_bytes;
    int64_t queue_max_bytes;
    int64_t batch_bytes, batch_ms;
    int64_t viewer_bytes_per_s, viewer_wait_ms; /* 0 = as fast as it goes, at once */
    int64_t chunk_limit, batching, collection, in_flight, queues, pressure, viewer_check;
};

/* Fills *ret_options, as daemon_options_parse does. */
enum daemon_options_result rc_options_parse(int argc, char **argv, struct rc_options *ret_options);
