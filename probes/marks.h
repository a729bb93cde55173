/* marks.h - work in flight that the program declares itself. */
#pragma once

#include "process.h"

/* Gives the marks of a forked child the same numbers; their levels start at 0. In the child, one
 * thread. */
void smp_marks_inherit(struct spillmark_slot *child);
