/* pace.h - how fast a connection is read, or sent on: at a rate, with stops, or as fast as it goes.
 * Pure; times are CLOCK_MONOTONIC in nanoseconds. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sm_pace_options {
    double bytes_per_s;       /* 0: any */
    int64_t stop_after_bytes; /* 0: it never stops */
    int64_t stop_ns;          /* how long, each time */
};

/* Of one connection; zeroed to begin with. */
struct sm_pace {
    double tokens; /* bytes it may read */
    int64_t at_ns; /* when tokens was right; 0: not begun */
    int64_t since_stop_bytes, resume_ns;
};

/* How many of `wanted` bytes may be read now; 0: none before *ret_resume_ns. */
size_t sm_pace_allow(struct sm_pace *pace, const struct sm_pace_options *options, size_t wanted,
                     int64_t now_ns, int64_t *ret_resume_ns);
/* So many have been read. */
void sm_pace_took(struct sm_pace *pace, const struct sm_pace_options *options, size_t bytes,
                  int64_t now_ns);
