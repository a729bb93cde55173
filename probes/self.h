/* self.h - the calling thread: its counters, and the guard against the probe meeting itself.
 *
 * smp_tls points at memory that is wiped by fork (home.h), or at one of three statics: nobody
 * (not attached), everybody (an exiting thread, or more threads than blocks), off. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "home.h"

extern __thread struct smp_self *smp_tls;
extern __thread uintptr_t smp_guard_frame;

extern struct smp_self smp_everybody;

/* Attaches the calling thread; boots the probe or follows a fork when that is due. NULL while
 * that is under way (the event stays uncounted) and for threads that share the last block
 * (smp_tls is then &smp_everybody). Keeps errno. */
struct smp_self *smp_attach(void);

/* Creates the key whose destructor detaches threads. */
void smp_self_boot(void);

/* Draws from the exponential distribution; the bytes to the next sample. */
int64_t smp_draw(struct smp_self *self, uint64_t mean_bytes);
int64_t smp_draw_countdown(struct smp_self *self);

/* Adds what `self` has not yet published to slot.heap_live_bytes and moves the water marks. */
void smp_publish(struct smp_self *self);
void smp_publish_bytes(int64_t bytes);

/* A single instruction, so that a signal handler that allocates cannot fall between load and
 * store and lose its count. */
static inline void smp_add(uint64_t *counter, uint64_t value) {
    __asm__("addq %1, %0" : "+m"(*counter) : "er"(value) : "cc");
}

static inline void smp_add_signed(int64_t *counter, int64_t value) {
    __asm__("addq %1, %0" : "+m"(*counter) : "er"(value) : "cc");
}

/* Proof that the guard is held: what may only run under it takes one as its first parameter. */
struct smp_guard {
    int saved_errno;
};

/* False when this thread is inside the probe already. A guard left behind by a longjmp out of
 * a signal handler lies deeper in the stack than the caller: it is taken over. */
static inline bool smp_guard_enter(struct smp_guard *guard) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (here < smp_guard_frame) {
        return false;
    }
    guard->saved_errno = errno;
    smp_guard_frame = here;
    return true;
}

static inline void smp_guard_leave(const struct smp_guard *guard) {
    smp_guard_frame = 0;
    errno = guard->saved_errno;
}
