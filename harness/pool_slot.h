/* pool_slot.h - the checks on a slot, apart from where its memory comes from: pool.c calls this
 * with a mapping, tests and fuzzing with plain memory. */
#pragma once

#include "pool.h"

/* Fills slot->sections from the slot at slot->base of slot_bytes; as sm_slot_open. */
int sm_slot_check(struct sm_slot *slot, uint64_t slot_bytes);
