/* slot.h - claiming a slot of the pool, laying it out, and following fork, exec and exit. */
#pragma once

#include <stdbool.h>

#include "process.h"

/* Finds the pool (environment) or makes one, claims a slot and maps it. At each boot. Negative
 * errno, with the reason in *ret_reason. */
int smp_slot_open(enum spillmark_off_reason *ret_reason);

/* Publishes the slot as ready. */
void smp_slot_ready(void);

/* True when this process owns its slot. In a forked child that has not got one yet it is
 * claimed here; false while another thread (or the caller, below) is at it. */
bool smp_follow_fork(void);

/* The process whose slot this is. False in a child of vfork or of clone with CLONE_VM: it
 * shares this memory, not these descriptors. One system call. */
bool smp_is_owner(void);

/* Marks the slot before an exec; undone if the exec fails. */
void smp_slot_exec(void);
void smp_slot_exec_failed(void);

/* Around fork(), in the parent; after it in the child as well. */
void smp_slot_before_fork(void);
void smp_slot_after_fork(void);

/* Leaves the slot to the harness, the probe being on or off, and turns it off; private memory takes
 * its place. One thread at a time. */
void smp_slot_leave(void);

/* Adds a base line to the heap's totals: what was live and not counted. */
void smp_slot_take_base(uint64_t bytes, uint64_t count);

/* What is live by the counters; negative numbers wrap. */
void smp_slot_counted(uint64_t *ret_bytes, uint64_t *ret_count);

/* Marks the slot as having reached its exit handlers. */
void smp_slot_exit(void);
