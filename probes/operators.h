/* operators.h - which of C++'s operators new and delete allocate and free by themselves. */
#pragma once

#include "real.h"

/* Tries each operator that comes with the allocator once. Under the boot only, while the hooks of
 * malloc and free still lead to early.c. In a program that runs already nothing leads there; but
 * the allocator's own calls are not hooked then, so all that come with it are by themselves. */
void smp_operators_find(const struct smp_real_heap *heap);
