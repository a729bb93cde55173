/* random_numbers.h - numbers of a seed, the same on every machine: set random_state first. */
#pragma once

#include <stdint.h>

static uint64_t random_state = 1;

/* In [0, 1). */
static inline double uniform(void) {
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

/* Of mean 0 and variance 1, as the sum of twelve. */
static inline double gaussian(void) {
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += uniform();
    return sum - 6;
}
