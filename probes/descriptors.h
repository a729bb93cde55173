/* descriptors.h - the table of open descriptors, with the stack that opened each, and bytes by
 * class. For hooks: any thread, signal handlers too. */
#pragma once

#include <stdbool.h>

#include "allocator.h"
#include "home.h"
#include "process.h"
#include "self.h"

/* Notes that this process has just opened fd, from the caller's caller. Returns fd; -1 and a
 * disabled feature are let through. Keeps errno. */
int smp_fd_opened(int fd, enum spillmark_fd_class fd_class);

/* The same for a path: the class follows from the path or from the file. */
int smp_fd_opened_path(int fd, const char *path);

/* Notes that fd is about to be closed. If the close fails with EBADF nothing was open. */
void smp_fd_closing(int fd);

/* Closes in [first, last] noted at once. */
void smp_fd_closing_range(unsigned first, unsigned last);

enum smp_direction { SMP_READ, SMP_WRITTEN };

/* Counts bytes, in any state of things. */
void smp_fd_count(int fd, uint64_t bytes, enum smp_direction direction);

/* The same in a few cache lines, once thread and descriptor are known: these hooks are so far apart
 * that it is lines that cost. */
static inline __attribute__((always_inline)) void smp_fd_count_known(int fd, uint64_t bytes,
                                                                     enum smp_direction direction) {
    const struct smp_self *self = smp_here.self;
    struct spillmark_thread *block = self->block;
    unsigned known = 0;
    if (block != NULL && self->life == smp_process.io_life && (unsigned)fd < SMP_FD_CLASSES_KEPT) {
        known = smp_process.fd_class[fd];
    }
    if (__builtin_expect(known == 0, 0)) {
        smp_fd_count(fd, bytes, direction);
        return;
    }
    smp_add(&(direction == SMP_READ ? block->read_bytes : block->write_bytes)[known - 1], bytes);
}

/* Count bytes read or written; results of failed calls (negative) are let through. */
static inline long smp_fd_read(int fd, long result) {
    if (result > 0) {
        smp_fd_count_known(fd, (uint64_t)result, SMP_READ);
        smp_allocator_answer();
    }
    return result;
}

static inline long smp_fd_written(int fd, long result) {
    if (result > 0) {
        smp_fd_count_known(fd, (uint64_t)result, SMP_WRITTEN);
    }
    return result;
}

/* Copies the descriptors that a forked child inherits, and their stacks, into its slot. In the
 * child, one thread. */
void smp_descriptors_inherit(struct spillmark_slot *child);
