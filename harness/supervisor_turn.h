/* supervisor_turn.h - the rules for servers with many threads: each call asks for its turn and
 * waits for it where it is. The judgement is that of supervisor_fail.h and supervisor_delay.h. */
#pragma once

#include "supervisor_match.h"

struct sm_turns;

/* With a thread of its own that wakes who is due. NULL when out of memory or threads. */
struct sm_turns *sm_turns_start(struct sm_supervisor_shared *shared);

/* Waits until the call of one kind on a file may go on. 0, a positive errno to fail with, or -1: a
 * write is to be cut short. */
int sm_turns_take(struct sm_turns *turns, const char *path, enum sm_disk_call kind, uint64_t bytes);
