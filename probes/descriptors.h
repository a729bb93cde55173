/* descriptors.h - the table of open descriptors, with the stack that opened each, and bytes by
 * class. For hooks: any thread, signal handlers too. */
#pragma once

#include <stdbool.h>

#include "process.h"

/* Notes that this process has just opened fd, from the caller's caller. Returns fd; -1 and a
 * disabled feature are let through. Keeps errno. */
int smp_fd_opened(int fd, enum spillmark_fd_class fd_class);

/* The same for a path: the class follows from the path or from the file. */
int smp_fd_opened_path(int fd, const char *path);

/* Notes that fd is about to be closed. If the close fails with EBADF nothing was open. */
void smp_fd_closing(int fd);

/* Closes in [first, last] noted at once. */
void smp_fd_closing_range(unsigned first, unsigned last);

/* Counts bytes read or written; results of failed calls (negative) are let through. */
long smp_fd_read(int fd, long result);
long smp_fd_written(int fd, long result);

/* What fd is, asked of the kernel the first time. */
enum spillmark_fd_class smp_fd_class(int fd);

/* Copies the descriptors that a forked child inherits, and their stacks, into its slot. In the
 * child, one thread. */
void smp_descriptors_inherit(struct spillmark_slot *child);
