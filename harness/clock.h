/* clock.h - the run's clock, CLOCK_MONOTONIC, and waiting by it. No state; any thread. */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t sm_now_ns(void);

/* Such a time as system calls take it. */
struct timespec sm_timespec(int64_t ns);

/* Sleeps until an absolute CLOCK_MONOTONIC time, or until a signal handler has run. */
void sm_sleep_until_ns(int64_t at_ns);

/* A condition whose pthread_cond_timedwait goes by CLOCK_MONOTONIC, which nobody sets; the caller
 * destroys it. */
void sm_cond_init(pthread_cond_t *ret_cond);
