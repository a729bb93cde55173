/* reopen.h - libraries that a program opens after the probe was loaded into it.
 *
 * dlopen looks a library up relative to the object that calls it, and takes its caller's address
 * for that from the stack: a hook that called it would be the caller. */
#pragma once

/* Stands before dlopen, in programs that ran already: calls it so that its caller is the program's
 * object, and patches what has come. */
void *smp_reopen(const char *file, int mode);
