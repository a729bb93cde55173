/* own_frame.h - a function that keeps a frame of its own, whatever the compiler could make of its
 * calls: the stacks that tests compare are known from the source. */
#pragma once

#ifdef __clang__
#define OWN_FRAME __attribute__((noinline, optnone))
#else
#define OWN_FRAME __attribute__((noipa))
#endif
