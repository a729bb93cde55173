/* hidden.h - names that stay within the library.
 *
 * All of them do, by the way it is linked; but the compiler, which meets a declaration before the
 * linker decides, would reach what is only declared through an address it loads first. */
#pragma once

#define SMP_HIDDEN __attribute__((visibility("hidden")))
