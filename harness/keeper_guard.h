/* keeper_guard.h - a small process between harness and keeper. It does nothing but wait: should
 * the keeper be killed, alone or together with the harness, what the keeper had started comes to
 * the guard, which ends it and removes what the keeper owned. Any two of the three can be killed.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Paths to be removed in the end, in memory that keeper and guard share: one writer, and nobody
 * reads before it is gone. When keeper or guard were killed, the harness looks at them last. */
enum { SM_OWNED_PATHS = 256, SM_OWNED_BYTES = 1 << 17 };
struct sm_owned_paths {
    uint32_t count, used_bytes;
    uint32_t offsets[SM_OWNED_PATHS];
    char bytes[SM_OWNED_BYTES];
};

/* 0, or -ENOSPC when there are too many. */
int sm_owned_add(struct sm_owned_paths *owned, const char *path, size_t length);
/* Ends limits on disks, so that what waits for one can be ended. */
void sm_owned_lift(const struct sm_owned_paths *owned);
/* Removes them, the last first. */
void sm_owned_remove(const struct sm_owned_paths *owned);

/* In the child of the harness: forks the keeper, which gets the two descriptors, and stays. `owned`
 * is empty and shared. Ends with status 0 when the keeper has done all there was to do. */
_Noreturn void sm_keeper_guard(int requests_fd, int exits_fd, pid_t harness,
                               struct sm_owned_paths *owned);
