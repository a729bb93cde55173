/* actors.h - what faults may do to the target and to the services. From the run's thread, while a
 * run is on; those that wait go on sampling meanwhile. All return 0 or a negative errno with *err
 * filled; what they give back is set on success only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

struct sm_execution;
struct sm_execution_actor;
struct sm_relay;
struct sm_throttle;

/* What `name` of the fault says: "target" or a service; a usage error when there is none. Before
 * the start, too. */
int sm_actor_find(struct sm_execution *execution, const struct sm_block *config,
                  struct sm_execution_actor **ret_actor, struct sm_error *err);

/* Stops it and all processes below it, and waits until the kernel says of each that it stands
 * still. *ret_count is their number; -ETIMEDOUT when one does not. */
int sm_actor_pause(struct sm_execution_actor *actor, size_t *ret_count, struct sm_error *err);
/* Continues them. Nothing when it has ended. */
void sm_actor_resume(struct sm_execution_actor *actor);

/* Ends it: asked to stop as the scenario says, or at once by SIGKILL with all below it. The run
 * goes on without it. -ESRCH when it had ended before. `how` says in the end how it ended. */
int sm_actor_end(struct sm_execution *execution, struct sm_execution_actor *actor, bool by_kill,
                 char *how, size_t how_bytes, struct sm_error *err);
/* Starts it again and waits until it is ready. */
int sm_actor_start(struct sm_execution *execution, struct sm_execution_actor *actor,
                   struct sm_error *err);
/* Ticks on for a time. */
void sm_actor_wait(struct sm_execution *execution, double seconds);

/* What does the faults on files in place of a supervisor; NULL when not in use. */
struct sm_throttle *sm_execution_throttle(const struct sm_execution *execution);

/* Its relay, NULL when the scenario did not ask for one. May be called before the start only to
 * learn whether there will be one. */
bool sm_actor_has_relay(const struct sm_execution_actor *actor);
struct sm_relay *sm_actor_relay(const struct sm_execution_actor *actor);
