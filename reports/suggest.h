/* suggest.h - the nearest valid name, for "did you mean". Pure, thread-safe. */
#pragma once

#include <stddef.h>

/* The one of `names` that is nearest to `name` by edits (case does not count, swapped neighbours
 * are one edit), or NULL when none is near enough to be meant. */
const char *sm_suggest(const char *name, const char *const *names, size_t count);
