/* spillmark_abi.h - the shared memory the probe writes: the one contract with the harness.
 *
 * A *pool* is one file (usually a memfd of the harness, named by SPILLMARK_REGION): a header
 * page, a claim table, then `slot_count` equally large *slots*. Every process image that loads
 * the probe claims one slot by compare-and-swap and maps the header and that slot only; a forked
 * child claims its own. A process that exec()s leaves its slot behind and claims another.
 *
 * All integers are fixed-width and in host order. Positions are byte offsets from the start of
 * the slot, never pointers. The writer may die between any two stores: a reader copies what it
 * needs, validates every offset, index and count against the capacities, and takes an entry
 * only when its publishing field (named below, written last with release order) is set. Entry 0
 * of STACKS, LIVE and FREES is never used. The same stack may stand twice, when two threads met
 * it at once: readers join by frames.
 * Counters only rise, but for those marked (level). Sampled estimates are unbiased: an object
 * of s bytes is sampled with p = 1 - exp(-(s + 8) / interval) and weighs 1/p objects. */
#pragma once

#include <stdint.h>

#define SPILLMARK_MAGIC     UINT64_C(0x314b524d4c505357) /* "WSPLMRK1" */
#define SPILLMARK_ABI_MAJOR 4u                           /* a reader refuses another major */
#define SPILLMARK_ABI_MINOR 1u /* fields may be added at the end of a section */

/* Environment. SPILLMARK_REGION: the pool's path. Without it the probe makes its own pool of one
 * file in SPILLMARK_OUT (default: the current directory), spillmark-probe.PID.pool. */
#define SPILLMARK_ENV_REGION "SPILLMARK_REGION"
#define SPILLMARK_ENV_OUT    "SPILLMARK_OUT"
#define SPILLMARK_ENV_SAMPLE "SPILLMARK_SAMPLE_BYTES" /* only without a harness */

enum {
    SPILLMARK_THREADS = 1024,  /* counter blocks; threads beyond share the last one */
    SPILLMARK_FRAMES_MAX = 64, /* frames kept of one stack */
    SPILLMARK_FD_CLASSES = 12,
    SPILLMARK_MODULE_PATH = 256,
    SPILLMARK_MARK_NAME = 48,
    SPILLMARK_RESIDENCE_BUCKETS = 40, /* bucket b counts [2^b, 2^(b+1)) microseconds */
};

/* Descriptor classes, for bytes in and out and for the descriptor table. */
#define SPILLMARK_FD_CLASS_TABLE(X)                                                                \
    X(UNKNOWN, "unknown")                                                                          \
    X(FILE, "file")                                                                                \
    X(SOCKET, "socket")                                                                            \
    X(UNIX, "unix-socket")                                                                         \
    X(PIPE, "pipe")                                                                                \
    X(PROC, "proc")                                                                                \
    X(DEVICE, "device") X(EVENT, "event") X(EPOLL, "epoll") X(DIRECTORY, "directory")              \
        X(MEMORY, "memory") X(OTHER, "other")
enum spillmark_fd_class {
#define X(id, text) SPILLMARK_FD_##id,
    SPILLMARK_FD_CLASS_TABLE(X)
#undef X
};

/* What a site's objects are. */
enum spillmark_kind { SPILLMARK_KIND_HEAP = 0, SPILLMARK_KIND_FD = 1, SPILLMARK_KIND_MAP = 2 };

/* Wanted by the harness (pool.wanted) and got (slot.features). */
enum spillmark_feature {
    SPILLMARK_FEATURE_HEAP = 1 << 0,   /* exact totals */
    SPILLMARK_FEATURE_STACKS = 1 << 1, /* sampled stacks */
    SPILLMARK_FEATURE_FDS = 1 << 2,    /* descriptor table with sites */
    SPILLMARK_FEATURE_IO = 1 << 3,     /* bytes by descriptor class */
    SPILLMARK_FEATURE_MAPS = 1 << 4,   /* mmap family */
};

enum spillmark_state {
    SPILLMARK_STATE_EMPTY = 0,
    SPILLMARK_STATE_BOOTING = 1,
    SPILLMARK_STATE_ON = 2,
    SPILLMARK_STATE_OFF = 3,  /* the probe turned itself off: see off_reason */
    SPILLMARK_STATE_EXEC = 4, /* the image was replaced by exec: its heap is gone */
    SPILLMARK_STATE_EXIT = 5, /* reached its exit handlers */
};

#define SPILLMARK_OFF_REASON_TABLE(X)                                                              \
    X(NONE, "on")                                                                                  \
    X(ABI, "pool of another version")                                                              \
    X(MAP, "the slot could not be mapped")                                                         \
    X(SYMBOLS, "libc's functions were not found")                                                  \
    X(HIDDEN_ALLOCATOR, "the program has an allocator of its own that the probe cannot see")       \
    X(INTERNAL, "internal failure") X(NO_SLOT, "no slot of the pool was free")
enum spillmark_off_reason {
#define X(id, text) SPILLMARK_OFF_##id,
    SPILLMARK_OFF_REASON_TABLE(X)
#undef X
};

/* What lies beneath the probe; found by the name of the file. */
#define SPILLMARK_ALLOCATOR_TABLE(X)                                                               \
    X(UNKNOWN, "unknown")                                                                          \
    X(GLIBC, "glibc") X(TCMALLOC, "tcmalloc") X(JEMALLOC, "jemalloc") X(MIMALLOC, "mimalloc")
enum spillmark_allocator {
#define X(id, text) SPILLMARK_ALLOCATOR_##id,
    SPILLMARK_ALLOCATOR_TABLE(X)
#undef X
        SPILLMARK_ALLOCATORS
};

#define SPILLMARK_COUNT_UNKNOWN UINT64_MAX

/* One entry of the claim table. pid is claimed by CAS 0 -> pid. */
struct spillmark_claim {
    uint32_t pid;
    uint32_t generation; /* rises when a slot is recycled by the harness, which clears it first */
};

/* At offset 0 of the pool. Written by the harness before the start, but for (probe). */
struct spillmark_pool {
    uint64_t magic;
    uint32_t abi_major, abi_minor;
    uint32_t header_bytes; /* offset of slot 0, page aligned */
    uint32_t slot_count;
    uint64_t slot_bytes;            /* page aligned */
    uint64_t sample_interval_bytes; /* mean of the exponential; 1 = every allocation; 0 = none */
    uint64_t seed;                  /* of the sampling generator; mixed with pid and thread */
    uint32_t wanted;                /* SPILLMARK_FEATURE_ bits */
    uint32_t claims_offset;         /* struct spillmark_claim[slot_count] */
    uint32_t slots_exhausted;       /* (probe) processes that found no slot */
    uint32_t reserved[13];
};

/* A section of a slot: `capacity` entries of `entry_bytes` at `offset`. `used` is a hint. */
struct spillmark_section {
    uint64_t offset;
    uint32_t entry_bytes;
    uint32_t capacity;
    uint32_t used;
    uint32_t dropped; /* entries that found no room */
};

#define SPILLMARK_SECTION_TABLE(X)                                                                 \
    X(THREADS, struct spillmark_thread)                                                            \
    X(STACKS, struct spillmark_stack)                                                              \
    X(FRAMES, uint64_t)                                                                            \
    X(LIVE, struct spillmark_live)                                                                 \
    X(FREES, struct spillmark_free_pair)                                                           \
    X(DESCRIPTORS, struct spillmark_descriptor)                                                    \
    X(MODULES, struct spillmark_module) X(MARKS, struct spillmark_mark)
enum spillmark_section_id {
#define X(id, type) SPILLMARK_SECTION_##id,
    SPILLMARK_SECTION_TABLE(X)
#undef X
        SPILLMARK_SECTIONS
};

/* At the start of a slot. */
struct spillmark_slot {
    uint64_t magic; /* written last when the slot is ready */
    uint32_t abi_major, abi_minor;
    uint32_t pid, parent_pid;
    uint64_t start_ns;   /* CLOCK_MONOTONIC */
    uint64_t end_ns;     /* of exec or exit, 0 before */
    uint32_t state;      /* enum spillmark_state */
    uint32_t off_reason; /* enum; also set when only a feature is off (hidden allocator) */
    uint32_t features;   /* what is really on */
    uint32_t allocator;  /* enum spillmark_allocator */
    struct spillmark_section sections[SPILLMARK_SECTIONS];
    /* Live heap, published in steps of at most 128 KiB a thread, with its water marks. The reader
     * exchanges a mark with the level to start a new interval. (level) */
    int64_t heap_live_bytes, heap_high_bytes, heap_low_bytes;
    uint64_t unsampled_drops; /* sampled objects whose record found no room */
    uint64_t stack_failures;  /* stacks that could not be walked */
    uint64_t map_drops;       /* since 4.1: mappings, or parts, that no stack is known to hold */
    char executable[SPILLMARK_MODULE_PATH];
    char command[SPILLMARK_MODULE_PATH]; /* arguments joined by spaces, cut at the end */
    /* A forked child: what it got from its parent; a program that the probe was loaded into: what
     * its heap held by then (the number of objects may be SPILLMARK_COUNT_UNKNOWN). Counted as
     * allocated in its last thread block, so that its frees balance; its stacks are not known. */
    uint64_t inherited_bytes, inherited_count;
    /* Asking the allocator itself. The harness sets give_back (or clears it), then raises `asked`;
     * the next event of the program that may ask (probes/allocator.h) answers. */
    uint32_t asked;     /* (harness) number of the newest request; 0 = none yet */
    uint32_t give_back; /* (harness) 1 = free pages are to go back to the kernel first */
    uint32_t answered;  /* published last: the request that the figures below answer */
    uint32_t gave_back; /* the last request that gave pages back */
    uint64_t answered_ns, answer_took_ns; /* CLOCK_MONOTONIC */
    uint64_t held_bytes;                  /* what the allocator has from the kernel */
    uint64_t slack_bytes; /* of that, not in use by the program; may be partly not resident */
    /* The positive control (probes/control.h): what the harness wants kept, which only rises, and
     * what is. Counted in the heap like any other bytes. */
    uint64_t control_wanted_bytes; /* (harness) */
    uint64_t control_bytes, control_count;
    uint32_t loaded_late; /* 1 = into a program that ran already */
    uint32_t reserved0;
    uint64_t reserved[4];
};

/* Counters of one thread at a time, alone on its cache lines; never folded: a thread that exits
 * releases the block and the next goes on with its counts. Totals are sums over all blocks. */
struct spillmark_thread {
    /* Chunks: usable sizes, as the allocator rounds them, and SPILLMARK_CHUNK_EXTRA_BYTES more for
     * each object, which is what glibc has in the word before it (spillmark_usable_bytes). */
    uint64_t alloc_chunk_bytes, alloc_count;
    uint64_t free_chunk_bytes, free_count;
    uint64_t map_bytes, map_count;     /* mmap and growth by brk, of the program itself */
    uint64_t unmap_bytes, unmap_count; /* of what was counted there */
    uint32_t thread_id;
    uint32_t in_use;
    uint64_t reserved0[7];
    uint64_t read_bytes[SPILLMARK_FD_CLASSES];
    uint64_t write_bytes[SPILLMARK_FD_CLASSES];
    uint64_t reserved1[8];
};

enum { SPILLMARK_CHUNK_EXTRA_BYTES = 8 };

/* What so many chunks have for the program. */
static inline uint64_t spillmark_usable_bytes(uint64_t chunk_bytes, uint64_t count) {
    return chunk_bytes - count * SPILLMARK_CHUNK_EXTRA_BYTES;
}

/* What is live by one thread's counters; less than nothing where it frees what others allocate. */
static inline int64_t spillmark_thread_live_bytes(const struct spillmark_thread *thread) {
    return (int64_t)spillmark_usable_bytes(thread->alloc_chunk_bytes - thread->free_chunk_bytes,
                                           thread->alloc_count - thread->free_count);
}

/* An interned call stack, innermost caller first, the probe's own frames left out. Index 0 is
 * never used. Its site totals follow: estimates (scaled) of what was allocated here and of what
 * of that was freed. count_q10 is in 1/1024 objects. Those of descriptors (counts) and, since 4.1,
 * of mappings are exact; a mapping that falls in two when a part is unmapped counts as two. */
struct spillmark_stack {
    uint64_t hash;
    uint32_t first_frame; /* index into FRAMES; a frame is a return address */
    uint32_t depth;       /* published last; 0 = not ready */
    uint32_t kind;        /* enum spillmark_kind of its objects */
    uint32_t truncated;   /* deeper than SPILLMARK_FRAMES_MAX */
    uint64_t samples;     /* objects really sampled */
    uint64_t alloc_bytes, alloc_count_q10;
    uint64_t free_bytes, free_count_q10;
    uint64_t reserved[2];
};

/* A sampled object that is live: the highest bit of its one word is set; all other words are none.
 * They are in no order, and for a moment one may stand twice. Small, for there may be millions: its
 * site's totals have its bytes, and the probe alone knows its address.
 *   bits 0 to 19: its stack; 20 to 51: when it was born; 52 to 62: (probe) */
struct spillmark_live {
    uint64_t word;
};

enum { SPILLMARK_LIVE_STACK_BITS = 20, SPILLMARK_LIVE_PLACE_BITS = 11 };

static inline int spillmark_live_is_object(uint64_t word) {
    return (word >> 63) != 0;
}

static inline uint32_t spillmark_live_stack(uint64_t word) {
    return (uint32_t)word & ((UINT32_C(1) << SPILLMARK_LIVE_STACK_BITS) - 1);
}

/* In milliseconds since start_ns of the slot, by the coarse clock. */
static inline uint32_t spillmark_live_born_ms(uint64_t word) {
    return (uint32_t)(word >> SPILLMARK_LIVE_STACK_BITS);
}

/* Who frees what: sampled objects of one allocating stack freed by one freeing stack. */
struct spillmark_free_pair {
    uint32_t alloc_stack; /* published last; 0 = empty */
    uint32_t free_stack;
    uint64_t bytes, count_q10; /* estimates */
    uint64_t samples;
    uint64_t residence_us_sum;                       /* over samples */
    uint32_t residence[SPILLMARK_RESIDENCE_BUCKETS]; /* samples */
};

/* Indexed by descriptor number. */
struct spillmark_descriptor {
    uint32_t open;     /* published last; 0 = closed */
    uint32_t fd_class; /* enum spillmark_fd_class */
    uint32_t stack;    /* who opened it; 0 = inherited or unknown */
    uint32_t reserved;
    uint64_t opened_ns;
};

/* A loaded object. A frame belongs to the module whose [low, high) holds it and that was loaded
 * when the stack was taken; offset in the file's address space = frame - bias. */
struct spillmark_module {
    uint64_t low, high;
    uint64_t bias;
    uint64_t loaded_ns;
    uint64_t unloaded_ns; /* 0 while loaded */
    uint32_t ready;       /* published last */
    uint32_t build_id_bytes;
    uint8_t build_id[32];
    char path[SPILLMARK_MODULE_PATH];
};

/* Work in flight that the program declares itself (spillmark_mark.h). (level) */
struct spillmark_mark {
    uint32_t ready;   /* published last */
    uint32_t claimed; /* (probe) a thread is writing it, or has */
    int64_t bytes, count;
    int64_t bytes_high, count_high;
    uint64_t added; /* units ever added */
    char name[SPILLMARK_MARK_NAME];
};

#ifdef __cplusplus
#define SPILLMARK_STATIC_ASSERT static_assert
#else
#define SPILLMARK_STATIC_ASSERT _Static_assert
#endif
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_claim) == 8, "ABI");
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_pool) == 112, "ABI");
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_section) == 24, "ABI");
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_slot) == 936, "ABI");
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_thread) == 384, "ABI");
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_stack) == 80, "ABI");
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_live) == 8, "ABI");
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_free_pair) == 200, "ABI");
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_descriptor) == 24, "ABI");
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_module) == 336, "ABI");
SPILLMARK_STATIC_ASSERT(sizeof(struct spillmark_mark) == 96, "ABI");
