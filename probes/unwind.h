/* unwind.h - return addresses of the calling thread, innermost first. */
#pragma once

#include <stdint.h>

#include "self.h"

/* The first `max` return addresses above the caller. Takes no lock that another thread could
 * hold for ever, allocates nothing, follows signal frames. */
uint32_t smp_unwind(const struct smp_guard *guard, uintptr_t *frames, uint32_t max);

/* Forgets what was learnt of code that may be gone: after dlclose. */
void smp_unwind_forget(void);
