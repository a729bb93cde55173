/* remote_walk.h - whether a stopped thread may be sent into the loader and the allocator: it may
 * not when it was stopped inside of them, for it holds their locks then, or left their tables half
 * changed. Told by its call stack. */
#pragma once

#include "remote.h"

struct sm_remote_places; /* where no thread may be stopped */

/* Looks through the process's objects for loaders, allocators and `probe` (may be NULL). 0 or
 * -ENOMEM. */
int sm_remote_places_find(const struct sm_remote *remote, const struct sm_remote_module *probe,
                          struct sm_remote_places **ret_places);
void sm_remote_places_free(struct sm_remote_places *places); /* NULL is allowed */

/* Whether the thread that `remote` has stopped is outside of them all, as far as its stack can be
 * followed: at least to the program's own code. */
int sm_remote_is_outside(const struct sm_remote *remote, struct sm_remote_places *places);
