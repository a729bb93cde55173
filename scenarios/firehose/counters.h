/* counters.h - what the ingester counts, since its start. Any thread. */
#pragma once

#include <stdatomic.h>

struct fh_counters {
    atomic_ulong frames, bad_frames, error_frames, reconnects;
    atomic_ulong received; /* events that entered a pipeline */
    atomic_ulong written;  /* events that are in Redis */
    atomic_ulong lost;     /* events given up at the end, told */
    atomic_ulong redis_failures;
    atomic_ulong pressure_waits;
    atomic_long in_flight; /* events, by the ingester's own account: see --counter */
};
