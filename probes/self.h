/* self.h - the calling thread: its counters, and the guard against the probe meeting itself.
 *
 * smp_here.self points at memory that is wiped by fork (home.h), or at one of three statics: nobody
 * (not attached), everybody (an exiting thread, or more threads than blocks), off. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/single_threaded.h>

#include "home.h"

#pragma weak __libc_single_threaded /* musl has none (boot.c) */

/* Blocks up to `slow_up_to` take the slow path: NULL alone (0) where `self` is the thread's own and
 * sizes are read from chunk headers, else all. Fork wipes what `self` points at, not this. */
struct smp_here {
    struct smp_self *self;
    uintptr_t slow_up_to;
};
extern SMP_HIDDEN __thread struct smp_here smp_here;
extern SMP_HIDDEN __thread uintptr_t smp_guard_frame;

extern SMP_HIDDEN struct smp_self smp_everybody;

/* Attaches the calling thread; boots the probe or follows a fork when that is due. NULL while
 * that is under way (the event stays uncounted) and for threads that share the last block
 * (smp_here.self is then &smp_everybody). Keeps errno. */
struct smp_self *smp_attach(void);

/* Creates the key whose destructor detaches threads; begins the counts of threads without a block
 * of their own. Under a boot only. */
void smp_self_boot(void);

/* After the probe was turned off: sends all threads to the slow path, which knows. */
void smp_self_release(void);

/* Makes the next call of every thread an event; a thread that is counting down at this very moment
 * comes to that some 112 KiB later. */
void smp_self_hurry(void);

/* Rises when the probe is brought up again: whoever was attached before is not any more. */
extern SMP_HIDDEN uint32_t smp_life;

static inline bool smp_is_attached(const struct smp_self *self) {
    return self->block != NULL && self->life == smp_life;
}

/* The calling thread's own, attached first where it must be; NULL as smp_attach. */
static inline struct smp_self *smp_attached(void) {
    struct smp_self *self = smp_here.self;
    return __builtin_expect(smp_is_attached(self), 1) ? self : smp_attach();
}

/* A draw from the exponential distribution. */
int64_t smp_draw(struct smp_self *self, uint64_t mean_bytes);

/* A thread's live bytes run ahead of what the slot shows by at most the sum of these. */
enum { SMP_EVENT_BYTES = 112 * 1024, SMP_PUBLISH_BYTES = 16 * 1024 };

/* Whether a sample is due by what was allocated. To be called by each event, then */
bool smp_is_due(struct smp_self *self);

/* which sets the countdown of allocations, after the next sample was drawn if one is due. */
void smp_rearm(struct smp_self *self, bool due);

/* Brings slot.heap_live_bytes up to date and moves its water marks. */
void smp_publish(struct smp_self *self);

/* The same, if this thread is ahead by a step. */
static inline void smp_publish_step(struct smp_self *self) {
    const struct spillmark_thread *block = self->block;
    int64_t ahead =
        block == NULL ? INT64_MAX / 2 : spillmark_thread_live_bytes(block) - self->published_bytes;
    if ((uint64_t)(ahead + SMP_PUBLISH_BYTES) > 2u * SMP_PUBLISH_BYTES) {
        smp_publish(self);
    }
}

/* A single instruction, so that a signal handler that allocates cannot fall between load and
 * store and lose its count. */
static inline void smp_add(uint64_t *counter, uint64_t value) {
    __asm__("addq %1, %0" : "+m"(*counter) : "er"(value) : "cc");
}

/* By one. */
static inline void smp_count(uint64_t *counter) {
    __asm__("incq %0" : "+m"(*counter) : : "cc");
}

/* True when it falls below zero. */
static inline bool smp_count_down(int64_t *counter, uint64_t value) {
    bool below;
    __asm__("subq %2, %0" : "+m"(*counter), "=@ccs"(below) : "er"(value));
    return below;
}

/* A counter that threads share; without others it is not locked. */
static inline void smp_add_shared(uint64_t *counter, uint64_t value) {
    if (__libc_single_threaded) {
        smp_add(counter, value);
    } else {
        __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
    }
}

/* Proof that the guard is held: what may only run under it takes one as its first parameter. What
 * runs under it makes no call that sets errno. */
struct smp_guard {
    uintptr_t frame;
};

/* False when this thread is inside the probe already. A guard left behind by a longjmp out of
 * a signal handler lies deeper in the stack than the caller: it is taken over. */
static inline __attribute__((always_inline)) bool smp_guard_enter(struct smp_guard *guard) {
    guard->frame = (uintptr_t)__builtin_frame_address(0);
    if (guard->frame < smp_guard_frame) {
        return false;
    }
    smp_guard_frame = guard->frame;
    return true;
}

static inline void smp_guard_leave(const struct smp_guard *guard) {
    (void)guard;
    smp_guard_frame = 0;
}
