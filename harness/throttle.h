/* throttle.h - the last way to a slow disk, where calls can neither be trapped nor served by FUSE:
 * the target runs in a control group whose writes to the disk below a rule's path the kernel holds
 * to a rate. It knows rates only, and the whole disk, not the path. Run's thread; an int is 0 or a
 * negative errno. */
#pragma once

#include <stdbool.h>

#include "limit_cgroup.h"
#include "limit_disk.h"
#include "supervisor.h"

struct sm_throttle;

/* Can all that the rules will do be done by it? */
bool sm_throttle_suits(const struct sm_supervisor_shared *shared);

/* Makes the group, unless `beside` (NULL: none), the group of a limit under version 2, can be
 * used: a process is in one only. `announce` as of sm_cgroup_make. Sets shared->way. */
int sm_throttle_make(struct sm_supervisor_shared *shared, const struct sm_cgroup *beside,
                     int (*announce)(void *context, const char *dir), void *context,
                     struct sm_throttle **ret_throttle);

/* The directory of a group to start the target in, besides its limit's; NULL when that is it. */
const char *sm_throttle_dir(const struct sm_throttle *throttle);

/* Makes the kernel hold to the rules that are active. */
int sm_throttle_apply(struct sm_throttle *throttle);

/* Adds to the receipts of active rules what the kernel counted since it was called last. The delay
 * is computed: what so many bytes take at the rate; nobody counts how long each write waited. */
void sm_throttle_count(struct sm_throttle *throttle);

/* Lifts it and removes the group. NULL is allowed. */
void sm_throttle_free(struct sm_throttle *throttle);
