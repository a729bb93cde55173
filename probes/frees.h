/* frees.h - who frees what, and after how long: the section FREES. */
#pragma once

#include <stdint.h>

#include "self.h"

/* What is freed; estimates where it is sampled. */
struct smp_freed {
    uint64_t bytes, count_q10;
    uint32_t age_ms;
};

/* Adds it to the pair of two stacks; counted as dropped if there is no room for one more pair. No
 * stack (0) is no pair. Any thread. */
void smp_frees_add(const struct smp_guard *guard, uint32_t alloc_stack, uint32_t free_stack,
                   const struct smp_freed *freed);
