/* control.h - the positive control: a known trickle of memory that the probe keeps in the target,
 * so that a run can show that it would have seen a leak of that size.
 *
 * The harness raises slot.control_wanted_bytes; events of the program that may ask its allocator
 * (allocator.h) allocate the difference, touch it and keep it for good. The bytes are counted as
 * any others are, at a site of one frame, spillmark_positive_control. */
#pragma once

#include <stdbool.h>

#include "real.h"
#include "self.h"

static inline bool smp_control_due(const struct spillmark_slot *slot) {
    return __atomic_load_n(&slot->control_wanted_bytes, __ATOMIC_RELAXED) > slot->control_bytes;
}

/* Keeps what is due, or a part of it: the rest is left to the next event. One thread at a time,
 * where the caller may allocate. Keeps errno. Let out by its name, by which reports know the
 * site. */
SMP_EXPORT void spillmark_positive_control(const struct smp_guard *guard);
