/* exponential.h - the two functions that Poisson sampling needs, without libm. Pure. */
#pragma once

#include <stdint.h>

/* A draw from the exponential distribution with this mean, at least 1, from 64 random bits. */
int64_t smp_exponential(uint64_t random, uint64_t mean);

/* 1024 / p, rounded, for an object of `bytes`: p = 1 - exp(-bytes / interval). The number of
 * objects, in units of 1/1024, that one sampled object stands for. */
uint64_t smp_weight_q10(uint64_t bytes, uint64_t interval);
