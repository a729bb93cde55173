/* memory.h - what resident memory is made of. Internal to the analysis. */
#pragma once

#include "analysis.h"

/* Reconciles RSS = live heap + slack + other mappings + remainder at a time, from the whole
 * target's series; what the record does not have is NAN. */
void sm_memory_reconcile(const struct sm_run *run, int64_t t_ns, struct sm_memory *ret_memory);

/* What the allocator keeps free at a time, at the most: its last account, and what was freed since.
 * NAN where it gave none. */
double sm_memory_slack_at_most(const struct sm_run *run, int64_t t_ns);

/* How private resident memory rose while the load went on. */
void sm_memory_late_rise(const struct sm_run *run, struct sm_late_rise *ret_rise);

/* Less than this that rose beyond the heap is what any program touches for the first time (stacks,
 * tables, copies of its own data), unless its mappings are known to grow. */
#define SM_BEYOND_HEAP_LEAST_BYTES 4e6

/* Whether most of that is beyond the heap, and more than least_bytes; 0 where it is not known. */
int sm_memory_rises_beyond_heap(const struct sm_late_rise *late, double least_bytes);

/* What asking for free pages brought, the last time. */
void sm_memory_give_back(const struct sm_run *run, struct sm_give_back *ret_give_back);

/* The time at which the whole target's RSS was highest within [from, to], the last such: on a
 * plateau the allocator has answered by then. `to` when unknown. */
int64_t sm_memory_peak_time(const struct sm_run *run, int64_t from_ns, int64_t to_ns);
