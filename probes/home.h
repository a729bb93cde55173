/* home.h - the probe's private memory, which the kernel wipes in a forked child.
 *
 * One anonymous mapping under MADV_WIPEONFORK. After fork, or a raw clone without CLONE_VM, it
 * reads as zeros: `ready` is 0 and every smp_self has lost its counter block, so the next event
 * of any kind takes the slow path and moves the child to a slot of its own. The address is the
 * same for the whole life of the process. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "blocks.h"
#include "hidden.h"
#include "spans.h"
#include "spillmark_abi.h"

enum { SMP_FD_CLASSES_KEPT = 65536 };

struct smp_memos;

/* What a thread keeps beside its counter block. The pointers to it are NULL until the thread is
 * attached. A countdown that falls below zero is an event, which looks at all that is rare: wiped
 * by a fork they are at zero. */
struct smp_self {
    struct spillmark_thread *counters; /* the block, if sizes are read from chunk headers */
    union {
        int64_t alloc_countdown;
        uint64_t told_event; /* instead, where the allocator counts: its count at the next event */
    };
    int64_t free_countdown;
    /* Where the allocator itself counts the bytes of this thread, NULL where it does not (told.h);
     * and what to add to that for the counter block's. */
    const uint64_t *told_alloc, *told_free;
    uint64_t alloc_offset, free_offset;
    struct spillmark_thread *block;
    int64_t armed_bytes;     /* what alloc_countdown was last set to */
    int64_t sample_bytes;    /* to the next sample, when it was set */
    int64_t published_bytes; /* of this block, in slot.heap_live_bytes; never reset */
    uint64_t random;
    int64_t free_stack_bytes; /* to the next freeing stack, when all is recorded */
    struct smp_memos *memos;  /* walks made before (memo.h), or NULL */
    uint32_t index;
    uint32_t attachments; /* threads that have had this */
    uint32_t next_memo;   /* the way to be replaced next */
    uint32_t life;        /* smp_life when it was attached */
};
_Static_assert(sizeof(struct smp_self) == 128, "two cache lines, which are prefetched together");

/* The words looked at first lie in one page, before the others: a program of few sites makes no
 * other page. */
enum { SMP_INDEX_NEAR = 512 };

struct smp_index {
    _Atomic uint64_t *words; /* hash in the upper half, entry number in the lower; 0 = empty */
    uint32_t mask;           /* of the words behind the near ones */
};

struct smp_home {
    _Atomic uint32_t ready; /* enum smp_phase; SMP_COLD after a fork */
    uint32_t pid;
    _Atomic uint32_t modules_busy;
    struct smp_self selves[SPILLMARK_THREADS] __attribute__((aligned(128)));
    uint8_t fd_class[SMP_FD_CLASSES_KEPT]; /* class + 1; 0 = not known */
    struct smp_index stack_index;
    struct smp_index free_index;
    _Atomic uint32_t *live_heads; /* of the chains of regions (regions.h) */
    uint32_t live_mask;
    struct smp_unit *live_regions; /* the regions themselves */
    struct smp_blocks free_regions;
    struct smp_blocks live_blocks[SMP_BLOCK_CLASSES];
    _Atomic uint32_t map_hold;           /* of map_spans (hold.h) */
    _Atomic uint64_t map_turns;          /* the newest span's */
    _Atomic uint64_t map_unplaced_bytes; /* mapped, and in no span */
    struct smp_spans map_spans;          /* what the program has mapped */
};

extern SMP_HIDDEN struct smp_home *smp_home;

/* Maps the home, sized for the slot's sections. Negative errno. */
int smp_home_create(void);

/* Sets the pointers inside the home: after creation and after each fork. */
void smp_home_arrange(void);

/* Entry of `hash` for which same(entry, key) holds, or 0. Lock-free, any thread. */
typedef int smp_index_same(uint32_t entry, const void *key);
uint32_t smp_index_find(const struct smp_index *index, uint64_t hash, smp_index_same *same,
                        const void *key);

/* Publishes `entry`, which must be complete. Returns the entry that stands for the key: another
 * one if a different thread was quicker, 0 if the index is full. */
uint32_t smp_index_add(const struct smp_index *index, uint64_t hash, uint32_t entry,
                       smp_index_same *same, const void *key);
