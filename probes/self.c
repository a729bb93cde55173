#include "self.h"

#include <pthread.h>
#include <signal.h>

#include "exponential.h"
#include "live.h"
#include "process.h"
#include "raw.h"
#include "slot.h"

static struct smp_self nobody;
struct smp_self smp_everybody;
static struct spillmark_thread off_block;
static struct smp_self off = {
    .block = &off_block, .alloc_countdown = INT64_MAX, .free_countdown = INT64_MAX};

SMP_TOGETHER uint32_t smp_life = 1;

__thread struct smp_here smp_here = {&nobody, UINTPTR_MAX};
__thread uintptr_t smp_guard_frame;

static pthread_key_t exit_key;
static bool have_exit_key;

/* The block of those that get none of their own. */
enum { SHARED_BLOCK = SPILLMARK_THREADS - 1 };

static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

int64_t smp_draw(struct smp_self *self, uint64_t mean_bytes) {
    self->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    return smp_exponential(mix(self->random), mean_bytes);
}

/* With every object recorded a sample is always due; with none, never. */
static int64_t draw_sample(struct smp_self *self) {
    if (!smp_feature(SPILLMARK_FEATURE_STACKS)) {
        return INT64_MAX;
    }
    return smp_process.sample_interval_bytes == 1
               ? -1 /* even of no bytes */
               : smp_draw(self, smp_process.sample_interval_bytes);
}

static void arm(struct smp_self *self) {
    self->armed_bytes = self->sample_bytes < SMP_EVENT_BYTES ? self->sample_bytes : SMP_EVENT_BYTES;
    const uint64_t *alloc = __atomic_load_n(&self->told_alloc, __ATOMIC_RELAXED);
    if (alloc != NULL) {
        self->told_event = *alloc + (uint64_t)self->armed_bytes;
    } else {
        __atomic_store_n(&self->alloc_countdown, self->armed_bytes, __ATOMIC_RELAXED);
    }
}

bool smp_is_due(struct smp_self *self) {
    const uint64_t *alloc = __atomic_load_n(&self->told_alloc, __ATOMIC_RELAXED);
    int64_t left = alloc != NULL ? (int64_t)(self->told_event - *alloc) : self->alloc_countdown;
    if (self->sample_bytes != INT64_MAX) {
        self->sample_bytes -= self->armed_bytes - left;
    }
    self->armed_bytes = left;
    return self->sample_bytes < 0;
}

void smp_rearm(struct smp_self *self, bool due) {
    if (due) {
        self->sample_bytes = draw_sample(self);
    }
    arm(self);
}

static void forget(struct smp_self *self) {
    self->counters = NULL;
    self->told_alloc = self->told_free = NULL;
    self->block = NULL;
}

/* From now on the thread counts where everybody does who has no block. */
static void share(void) {
    smp_here.slow_up_to = UINTPTR_MAX;
    smp_here.self = &smp_everybody;
}

static void detach(void *argument) {
    struct smp_self *self = argument;
    if (self != smp_here.self || !smp_is_attached(self)) {
        return; /* wiped by a fork, or the thread of another life */
    }
    struct smp_guard guard;
    if (smp_guard_enter(&guard)) {
        smp_publish(self);
        share();
        struct spillmark_thread *block = self->block;
        forget(self);
        __atomic_store_n(&block->in_use, 0, __ATOMIC_RELEASE);
        smp_guard_leave(&guard);
    }
}

void smp_self_boot(void) {
    have_exit_key = have_exit_key || pthread_key_create(&exit_key, detach) == 0;
    smp_everybody.index = SHARED_BLOCK;
    smp_everybody.random = mix(smp_process.seed + SHARED_BLOCK);
    smp_everybody.sample_bytes = draw_sample(&smp_everybody);
    smp_everybody.published_bytes = 0;
    arm(&smp_everybody);
    __atomic_store_n(&smp_process.threads[SHARED_BLOCK].in_use, 1, __ATOMIC_RELAXED);
}

void smp_self_hurry(void) {
    for (uint32_t i = 0; i < SHARED_BLOCK; i++) {
        struct smp_self *self = &smp_home->selves[i];
        if (self->counters != NULL) {
            __atomic_store_n(&self->alloc_countdown, -1, __ATOMIC_SEQ_CST);
            __atomic_store_n(&self->free_countdown, -1, __ATOMIC_SEQ_CST);
        }
    }
}

/* What they count until their next event goes nowhere. */
void smp_self_release(void) {
    for (uint32_t i = 0; i < SHARED_BLOCK; i++) {
        struct smp_self *self = &smp_home->selves[i];
        if (self->counters != NULL) {
            __atomic_store_n(&self->counters, &off_block, __ATOMIC_SEQ_CST);
        }
        __atomic_store_n(&self->told_alloc, NULL, __ATOMIC_SEQ_CST);
        __atomic_store_n(&self->told_free, NULL, __ATOMIC_SEQ_CST);
    }
    smp_self_hurry();
}

static bool take(uint32_t index) {
    uint32_t *in_use = &smp_process.threads[index].in_use;
    uint32_t expected = 0;
    return __atomic_load_n(in_use, __ATOMIC_RELAXED) == 0 &&
           __atomic_compare_exchange_n(in_use, &expected, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/* Threads that ended without their destructors (killed by a raw exit) still hold blocks. */
static void reclaim_dead(void) {
    uint32_t pid = smp_raw_getpid();
    for (uint32_t i = 0; i < SHARED_BLOCK; i++) {
        struct spillmark_thread *block = &smp_process.threads[i];
        if (__atomic_load_n(&block->in_use, __ATOMIC_RELAXED) != 0 && block->thread_id != 0 &&
            smp_raw6(SYS_tgkill, pid, block->thread_id, 0, 0, 0, 0) == -ESRCH) {
            forget(&smp_home->selves[i]);
            __atomic_store_n(&block->in_use, 0, __ATOMIC_RELEASE);
        }
    }
}

/* The lowest free block, so that few pages are touched. */
static uint32_t take_any(void) {
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < SHARED_BLOCK; i++) {
            if (take(i)) {
                return i;
            }
        }
        reclaim_dead();
    }
    return SHARED_BLOCK;
}

static struct smp_self *attach_block(void) {
    uint32_t index = take_any();
    if (index == SHARED_BLOCK) {
        share();
        return NULL;
    }
    struct smp_self *self = &smp_home->selves[index];
    struct spillmark_thread *block = &smp_process.threads[index];
    struct spillmark_section *section = smp_section(SPILLMARK_SECTION_THREADS);
    block->thread_id = smp_raw_gettid();
    if (index >= section->used) {
        section->used = index + 1;
    }
    self->index = index;
    self->attachments++; /* another stack: what was learnt of the last one's is void */
    /* The same for the same seed, if threads start in the same order. */
    self->random = mix(smp_process.seed + mix((uint64_t)smp_process.slot_index << 40 |
                                              (uint64_t)index << 24 | self->attachments));
    self->sample_bytes = draw_sample(self);
    self->free_countdown = SMP_EVENT_BYTES;
    arm(self);
    self->life = smp_life;
    self->block = block;
    if (smp_process.chunk_headers) {
        __atomic_store_n(&self->counters, block, __ATOMIC_SEQ_CST);
    }
    if (smp_phase() != SMP_ON) {
        self->counters = NULL; /* turned off meanwhile */
    }
    smp_here.self = self;
    smp_here.slow_up_to = self->counters != NULL && !smp_process.has_small_maps ? 0 : UINTPTR_MAX;
    if (have_exit_key) {
        pthread_setspecific(exit_key, self); /* may allocate: this thread is attached by now */
    }
    return self;
}

struct smp_self *smp_attach(void) {
    int saved_errno = errno;
    if (smp_phase() == SMP_COLD) {
        smp_boot();
    }
    struct smp_self *self = NULL;
    if (smp_phase() == SMP_ON && smp_follow_fork() && smp_here.self != &smp_everybody) {
        self = smp_is_attached(smp_here.self) ? smp_here.self : attach_block();
    }
    if (smp_phase() == SMP_OFF) {
        off.life = smp_life;
        smp_here.slow_up_to = UINTPTR_MAX;
        self = smp_here.self = &off;
    }
    errno = saved_errno;
    return self;
}

static void raise_to(int64_t *mark, int64_t value, bool upwards) {
    int64_t seen = __atomic_load_n(mark, __ATOMIC_RELAXED);
    while ((upwards ? value > seen : value < seen) &&
           !__atomic_compare_exchange_n(mark, &seen, value, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
    }
}

/* The block may be shared: whoever exchanges last is right, and the differences add up. */
void smp_publish(struct smp_self *self) {
    const struct spillmark_thread *block =
        self == &smp_everybody ? &smp_process.threads[SHARED_BLOCK] : self->block;
    int64_t now = spillmark_thread_live_bytes(block);
    if (smp_phase() != SMP_ON) {
        return;
    }
    int64_t ahead = now - __atomic_exchange_n(&self->published_bytes, now, __ATOMIC_RELAXED);
    struct spillmark_slot *slot = smp_process.slot;
    int64_t live = __atomic_add_fetch(&slot->heap_live_bytes, ahead, __ATOMIC_RELAXED);
    raise_to(&slot->heap_high_bytes, live, true);
    raise_to(&slot->heap_low_bytes, live, false);
}
