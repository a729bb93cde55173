/* supervisor_fuse.h - faults on files where seccomp notification is not to be had, by root: the
 * watched directories are put under a file system of ours, in a mount namespace that only the
 * target has. Nobody else sees it, and it goes with the target.
 *
 * A rule's directory, or that in which its file lies, is mounted over as a whole. What the way
 * changes: sockets and locks in it are the target's own, not shared with others outside. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "supervisor.h"

/* The directories that the used rules need, each once, none within another. */
struct sm_fuse_places {
    char paths[SM_SUPERVISOR_RULES][SM_RULE_PATH_BYTES];
    size_t count;
};
void sm_fuse_find_places(const struct sm_supervisor_shared *shared, struct sm_fuse_places *places);

bool sm_fuse_is_within(const char *path, const char *directory);

/* In the program's process before exec: gives it mounts of its own and mounts over each place.
 * Fills `fds` (of /dev/fuse, in the order of the places); they are to be served before anything in
 * the places is touched. 0 or a negative errno. */
int sm_fuse_enter(struct sm_supervisor_shared *shared, const struct sm_fuse_places *places,
                  int fds[SM_SUPERVISOR_RULES]);

/* The supervising process's work, which has the places as they were: serves them until the last
 * process that sees them is gone. Calls `begun` when requests are about to be taken. 0 or a
 * negative errno. */
int sm_fuse_serve(struct sm_supervisor_shared *shared, const struct sm_fuse_places *places,
                  const int *fds, void (*begun)(void *context), void *context);
