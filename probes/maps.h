/* maps.h - memory that the program maps itself: how much, and which call stacks hold it. For hooks:
 * any thread, signal handlers too.
 *
 * Bytes mapped are not bytes resident: what is reserved and never touched counts like the rest. A
 * forked child begins with none: what it inherits was its parent's doing. A child of vfork maps
 * into its parent, and is counted there. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Before a call that may unmap. What is mapped after it, by whomever, is not taken for what the
 * call unmapped, though it lies where that was. */
uint64_t smp_map_turn(void);

struct smp_map_range {
    uintptr_t at;
    size_t bytes;
};

/* What a call has done, from the caller's caller. */
struct smp_map_change {
    struct smp_map_range unmapped, mapped; /* of no bytes: nothing was */
    uint64_t turn;                         /* of the call; only where something was unmapped */
};

/* Notes it. Keeps errno. */
void smp_map_changed(const struct smp_map_change *change);
