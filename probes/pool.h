/* pool.h - reaching the pool's file: by its path, by making it, or through a mapping of it. At boot
 * and after a fork, one thread. */
#pragma once

#include "process.h"

/* Opens (or, without a harness, makes) the pool, validates its header, maps header and claim
 * table and fills smp_process. Leaves no descriptor. Negative errno, reason in *ret_reason. */
int smp_pool_open(enum spillmark_off_reason *ret_reason);

/* Claims a free slot for this process. Negative errno: -ENOSPC when all are taken. */
int smp_pool_claim(uint32_t *ret_index);

/* Gives back a slot that was claimed but never written. */
void smp_pool_release(uint32_t index);

/* Maps slot `index` anywhere. Works when the path no longer leads anywhere (chroot, setuid, a
 * harness that is gone): the mapping of the header is extended then. NULL if it cannot be. */
void *smp_pool_map_slot(uint32_t index);
