/* takes_first.h - blocks that were given out before the probe knew the allocator. */
#pragma once

enum { TAKEN_FIRST = 7 };
extern void *taken_first[TAKEN_FIRST];
