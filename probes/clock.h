/* clock.h - CLOCK_MONOTONIC in nanoseconds, by the vDSO; the coarse one ticks every 1 to 4 ms. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t smp_clock_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now); /* cannot fail with these clocks */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t smp_clock_ns(void) {
    return smp_clock_of(CLOCK_MONOTONIC);
}
static inline uint64_t smp_clock_coarse_ns(void) {
    return smp_clock_of(CLOCK_MONOTONIC_COARSE);
}
