/* scenario_where.h - finds in the text of a scenario where a key was written.
 *
 * Lua tells the line of a constructor's call, not those of the keys in its table. Where a script
 * computes its tables there is nothing to find, and the constructor's line has to do. */
#pragma once

#include <stddef.h>

#define SM_WHERE_UNKNOWN ((size_t)-1)

/* `type` is the constructor called on `line` (from 1), `path` the way into its table: "rate",
 * "budget.heap_peak", "env.NAME", "[3]". Returns the offset of the field in the source, or
 * SM_WHERE_UNKNOWN. Pure. */
size_t sm_where_find(const char *source, size_t length, int line, const char *type,
                     const char *path);

/* The line of an offset, from 1. */
int sm_where_line(const char *source, size_t offset);
