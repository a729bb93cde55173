/* modules.h - the table of loaded objects, for turning addresses into names after the run. */
#pragma once

#include "process.h"

/* Lists what is loaded at boot. Takes the loader's lock. */
void smp_modules_boot(void);

/* Sees to it that the objects of these return addresses are listed: called for each new stack.
 * Objects that were opened since are met here, so that dlopen itself needs no hook (it looks at
 * its caller's search path). Takes no lock of the loader's. */
void smp_modules_cover(const uintptr_t *frames, uint32_t depth);

/* Marks what has gone: after dlclose. */
void smp_modules_check(void);

/* Copies the table into the slot of a forked child, where the loader's lock may be held by a
 * thread that no longer exists. */
void smp_modules_inherit(struct spillmark_slot *child);
