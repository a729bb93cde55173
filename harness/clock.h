/* clock.h - the run's clock. */
#pragma once

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t sm_now_ns(void);

/* Sleeps until an absolute CLOCK_MONOTONIC time, or until a signal handler has run. */
void sm_sleep_until_ns(int64_t at_ns);
