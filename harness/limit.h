/* limit.h - the memory that the target and all its children may use together.
 *
 * A memory control group where one can be made (limit_cgroup.h): the kernel then kills what goes
 * beyond, and says so. Otherwise RLIMIT_DATA, which holds for each process alone and makes its
 * allocations fail: another failure, and named as such. Thread rule: one thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "keeper.h"
#include "limit_cgroup.h"

struct sm_limit;

/* Makes the group and hands it to the keeper to be removed. Falls back by itself; -ENOMEM only. */
int sm_limit_make(uint64_t bytes, struct sm_keeper *keeper, struct sm_limit **ret_limit);

/* Its control group; NULL without a limit or without a group. */
const struct sm_cgroup *sm_limit_group(const struct sm_limit *limit);

/* Makes a program start under the limit, which must outlive the spawn. */
void sm_limit_apply(const struct sm_limit *limit, struct sm_spawn *spawn);

/* Keeps the probe's own memory, `probe_bytes` charged to the group so far, out of the limit. */
void sm_limit_allow(struct sm_limit *limit, uint64_t probe_bytes);

/* Processes that the kernel has killed for this limit. */
uint64_t sm_limit_kills(const struct sm_limit *limit);

/* One line for people: what was asked, by which way, what it did. */
char *sm_limit_text(const struct sm_limit *limit, char *buffer, size_t buffer_bytes);

/* For the record (SM_META_LIMIT). malloc'd, NULL when out of memory. */
char *sm_limit_json(const struct sm_limit *limit);

/* Removes the group if the keeper has not. NULL is allowed. */
void sm_limit_free(struct sm_limit *limit);
