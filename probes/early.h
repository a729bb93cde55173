/* early.h - the malloc family before the real one is known: the first call boots the probe, and
 * what the boot itself allocates comes from the arena. */
#pragma once

#include "real.h"

/* Calls so far: whether something passes through malloc or free shows here during the boot. */
extern unsigned smp_early_calls;

#define X(name, result, parameters) result smp_early_##name parameters;
SMP_REAL_HEAP_TABLE(X)
#undef X
