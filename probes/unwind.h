/* unwind.h - return addresses of the calling thread, innermost first. */
#pragma once

#include <stdint.h>

#include "self.h"

/* A frame to start from: where it will return to, and rsp and rbp then. */
struct smp_origin {
    uintptr_t pc, sp, bp;
};

/* The frame of the function that this is written in. */
#define SMP_ORIGIN()                                                                               \
    ((struct smp_origin){(uintptr_t)__builtin_return_address(0),                                   \
                         (uintptr_t)__builtin_frame_address(0) + 16,                               \
                         *(const uintptr_t *)__builtin_frame_address(0)})

struct smp_memo;

/* The first `max` return addresses from `origin` on that are not the probe's own. Takes no lock,
 * allocates nothing, follows signal frames. What the walk rested on is written into `memo` if
 * there is one. */
uint32_t smp_unwind(const struct smp_guard *guard, const struct smp_origin *origin,
                    struct smp_memo *memo, uintptr_t *frames, uint32_t max);

/* Forgets what was learnt of code that may be gone: after dlclose. */
void smp_unwind_forget(void);
