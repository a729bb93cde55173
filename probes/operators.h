/* operators.h - which of C++'s operators new and delete allocate and free by themselves. */
#pragma once

#include "real.h"

/* Tries each operator that comes with the allocator once. Under the boot only, while the hooks of
 * malloc and free still lead to early.c. */
void smp_operators_try(const struct smp_real_heap *heap);
