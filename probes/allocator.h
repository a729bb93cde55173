/* allocator.h - what the allocator beneath says of itself, when the harness asks, and where the
 * probe may allocate.
 *
 * The harness writes a request's number into the slot; the next event of any thread answers it.
 * The allocator's own functions take its locks, so they are called only where the caller holds
 * none of them: after an allocation or before a free has reached it, after a read, or after the
 * program has mapped or unmapped memory itself; never from a signal handler, which may have
 * interrupted an allocation. A program that does none of these does not answer, and the request's
 * number says so. */
#pragma once

#include <stdbool.h>

#include "control.h"
#include "process.h"

/* Looks up the functions of the allocator found. Under the boot only. */
void smp_allocator_boot(void);

/* Where the allocator counts what the calling thread allocated and freed, in usable bytes, for as
 * long as the thread lives. False if it does not. Takes no locks once the boot has asked. */
bool smp_allocator_told(const uint64_t **ret_alloc, const uint64_t **ret_free);

/* What is in use by the allocator's own account, everywhere. False if it does not say. Takes its
 * locks. */
bool smp_allocator_used(uint64_t *ret_bytes);

/* Answers, and keeps what is due of the positive control. Keeps errno. */
void smp_allocator_serve(void);

static inline bool smp_allocator_asked(void) {
    const struct spillmark_slot *slot = smp_process.slot;
    return __builtin_expect(
        slot != NULL && (__atomic_load_n(&slot->asked, __ATOMIC_ACQUIRE) != slot->answered ||
                         smp_control_due(slot)),
        0);
}

/* Outside of the probe's guard, before a free or after a read. */
static inline void smp_allocator_answer(void) {
    if (smp_allocator_asked()) {
        smp_allocator_serve();
    }
}

/* The same after an allocation, or a mapping, where only glibc is asked: others may be in the
 * middle of something that made the C library allocate (jemalloc starting a thread of its own), or
 * they map memory for themselves. */
static inline void smp_allocator_answer_allocated(void) {
    if (smp_process.chunk_headers && smp_allocator_asked()) {
        smp_allocator_serve();
    }
}
