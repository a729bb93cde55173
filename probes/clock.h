/* clock.h - CLOCK_MONOTONIC in nanoseconds, by the vDSO; the coarse one ticks every 1 to 4 ms. */
#pragma once

#include <stdint.h>
#include <time.h>

#include "hidden.h"

/* The vDSO's own function, once found: on the way through libc there are cache lines and pages that
 * the program has not used lately, and a library may stand in that has time pass as it likes. */
extern SMP_HIDDEN int (*smp_clock_get)(clockid_t clock, struct timespec *ret_now);

/* Looks it up. Under the boot only. */
void smp_clock_find(void);

static inline uint64_t smp_clock_of(clockid_t clock) {
    struct timespec now;
    smp_clock_get(clock, &now); /* cannot fail with these clocks */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t smp_clock_ns(void) {
    return smp_clock_of(CLOCK_MONOTONIC);
}
static inline uint64_t smp_clock_coarse_ns(void) {
    return smp_clock_of(CLOCK_MONOTONIC_COARSE);
}
