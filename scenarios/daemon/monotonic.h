/* monotonic.h - conditions that are waited for until a time of CLOCK_MONOTONIC, which no change of
 * the wall clock moves. */
#pragma once

#include <pthread.h>

/* For pthread_cond_timedwait; pthread_cond_destroy ends it. */
void monotonic_cond_init(pthread_cond_t *ret_cond);
