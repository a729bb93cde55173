/* process.h - what the probe knows of the process it lives in: phase, pool, slot, allocator.
 *
 * Written at boot and after fork, by one thread; read by all. Nothing here is ever freed. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hidden.h"
#include "spillmark_abi.h"

enum smp_phase {
    SMP_COLD,    /* nothing was called yet */
    SMP_BOOTING, /* one thread is in smp_boot: everybody passes through uncounted */
    SMP_ON,
    SMP_OFF, /* for good, but for smp_boot_late */
};

struct smp_process {
    struct spillmark_pool *pool; /* the header and the claim table, mapped shared */
    struct spillmark_slot *slot; /* mapped shared; the address outlives forks */
    uint8_t *fd_class;           /* by descriptor: class + 1, 0 = not known; wiped by fork */
    uint32_t io_life;            /* smp_life while bytes are counted by class, else 0 */
    uint32_t features;           /* what is on */
    uint64_t slot_bytes;         /* copies of the pool's fields, validated */
    uint64_t sample_interval_bytes;
    uint64_t seed;
    uint32_t header_bytes;
    uint32_t slot_count;
    uint32_t slot_index;
    bool has_slot;       /* else slot is NULL, or private memory that stands in for one */
    uint32_t allocator;  /* as in the slot */
    bool is_late;        /* loaded into a program that ran already */
    bool chunk_headers;  /* sizes are read from glibc's chunk header */
    bool has_small_maps; /* chunks below SMP_MAPPED_LEAST_BYTES may be mapped by themselves */
    bool record_all;     /* every allocation is a sample */
    uint32_t
        extra_bytes; /* that an object counts for beyond its usable ones when samples are drawn */
    uint32_t keeper_pid; /* 0, or whose end turns the probe off */
    uint64_t pool_device, pool_inode;
    char pool_path[SPILLMARK_MODULE_PATH];
    /* Sections of the slot. */
    struct spillmark_thread *threads;
    struct spillmark_stack *stacks;
    uint64_t *frames;
    struct spillmark_live *live;
    struct spillmark_free_pair *frees;
    struct spillmark_descriptor *descriptors;
    struct spillmark_module *modules;
    struct spillmark_mark *marks;
};

extern SMP_HIDDEN struct smp_process smp_process;

/* Brings the probe up, once. Safe to call at any time; a call while another is under way (or
 * from inside it) returns at once. Keeps errno. */
void smp_boot(void);

/* The same in a program that runs already, or again after it was turned off, on the pool that
 * smp_process.pool_path names. False, with the reason, if it is on or did not come up. */
bool smp_boot_late(enum spillmark_off_reason *ret_reason);

extern SMP_HIDDEN _Atomic int smp_phase_now;

static inline enum smp_phase smp_phase(void) {
    return (enum smp_phase)atomic_load_explicit(&smp_phase_now, memory_order_acquire);
}

/* Turns heap counting, sampling and the rest off, and says why in the slot if there is
 * one. */
void smp_turn_off(enum spillmark_off_reason reason);

static inline struct spillmark_section *smp_section(enum spillmark_section_id id) {
    return &smp_process.slot->sections[id];
}

static inline bool smp_feature(enum spillmark_feature feature) {
    return (smp_process.features & (uint32_t)feature) != 0;
}
