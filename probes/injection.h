/* injection.h - how the harness calls the probe in a program that runs already.
 *
 * The harness lays the request into memory that it made in the program, has one of the program's
 * threads dlopen the library and call spillmark_inject(), later spillmark_withdraw(), with it, and
 * reads the answers from it. Fixed-width, in host order; the same library version on both sides,
 * told by `bytes`. */
#pragma once

#include <stdint.h>

#define SPILLMARK_INJECT_SYMBOL   "spillmark_inject"
#define SPILLMARK_WITHDRAW_SYMBOL "spillmark_withdraw"

#define SPILLMARK_INJECTED_TABLE(X)                                                                \
    X(NOT_REACHED, "the program's loader did not take the probe")                                  \
    X(ON, "on")                                                                                    \
    X(WITHDRAWN, "switched off")                                                                   \
    X(BUSY, "it is measured already, by another spillmark")                                        \
    X(NOT_NOW, "the probe is at work on something else")                                           \
    X(OTHER_VERSION, "a probe of another version is in it")                                        \
    X(NO_POOL, "the program may not open the memory that the probe writes")                        \
    X(HIDDEN_ALLOCATOR, "it has an allocator of its own that the probe cannot see")                \
    X(FAILED, "the probe could not start in it")
enum spillmark_injected {
#define X(id, text) SPILLMARK_INJECTED_##id,
    SPILLMARK_INJECTED_TABLE(X)
#undef X
};

/* Where the base line comes from: what the heap held before it was counted. */
#define SPILLMARK_BASE_TABLE(X)                                                                    \
    X(NONE, "no base line")                                                                        \
    X(ALLOCATOR, "what the allocator said was in use")                                             \
    X(RESIDENT, "the program's private resident memory")                                           \
    X(COUNTED, "what the probe had counted")
enum spillmark_base {
#define X(id, text) SPILLMARK_BASE_##id,
    SPILLMARK_BASE_TABLE(X)
#undef X
};

struct spillmark_injection {
    uint32_t bytes;      /* sizeof of this struct */
    uint32_t keeper_pid; /* when this process is gone the probe switches itself off */
    char pool_path[256];
    /* Answers. */
    uint32_t result;    /* enum spillmark_injected */
    uint32_t base_from; /* enum spillmark_base */
    uint64_t base_bytes;
    uint32_t patched; /* places that lead to the probe now */
    uint32_t reserved;
};
_Static_assert(sizeof(struct spillmark_injection) == 288, "the same on both sides");
