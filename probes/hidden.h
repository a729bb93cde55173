/* hidden.h - names that stay within the library.
 *
 * All of them do, by the way it is linked; but the compiler, which meets a declaration before the
 * linker decides, would reach what is only declared through an address it loads first. */
#pragma once

#define SMP_HIDDEN __attribute__((visibility("hidden")))

/* Variables that the hooks and samples pass stand together: what costs is pages and lines that the
 * program does not use itself, and has driven out of the processor's memory since the last time. */
#define SMP_TOGETHER __attribute__((section(".data.together")))
