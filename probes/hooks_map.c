/* hooks_map.c - mappings that the program makes itself. The allocator's own do not pass here. */
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process.h"
#include "real.h"
#include "self.h"

enum direction { MAPPED, UNMAPPED };

static void count(uint64_t bytes, enum direction direction) {
    struct smp_self *self = smp_is_attached(smp_tls) ? smp_tls : smp_attach();
    if (self == NULL || !smp_feature(SPILLMARK_FEATURE_MAPS)) {
        return;
    }
    struct spillmark_thread *block = self->block;
    smp_add(direction == MAPPED ? &block->map_bytes : &block->unmap_bytes, bytes);
    smp_add(direction == MAPPED ? &block->map_count : &block->unmap_count, 1);
}

static size_t paged(size_t bytes) {
    return (bytes + 4095) & ~(size_t)4095;
}

#define MMAP(name, offset_type)                                                                    \
    SMP_EXPORT void *name(void *at, size_t bytes, int protection, int flags, int fd,               \
                          offset_type offset) {                                                    \
        void *mapped = SMP_REAL(name)(at, bytes, protection, flags, fd, offset);                   \
        if (mapped != MAP_FAILED) {                                                                \
            count(paged(bytes), MAPPED);                                                           \
        }                                                                                          \
        return mapped;                                                                             \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

SMP_EXPORT int munmap(void *at, size_t bytes) {
    int failed = SMP_REAL(munmap)(at, bytes);
    if (failed == 0) {
        count(paged(bytes), UNMAPPED);
    }
    return failed;
}

/* The fifth argument is there with MREMAP_FIXED only. */
SMP_EXPORT void *mremap(void *at, size_t old_bytes, size_t new_bytes, int flags, ...) {
    void *to = NULL;
    if ((flags & MREMAP_FIXED) != 0) {
        va_list more;
        va_start(more, flags);
        to = va_arg(more, void *);
        va_end(more);
    }
    void *mapped = SMP_REAL(mremap)(at, old_bytes, new_bytes, flags, to);
    if (mapped != MAP_FAILED) {
        count(paged(new_bytes), MAPPED);
        if (old_bytes != 0) {
            count(paged(old_bytes), UNMAPPED);
        }
    }
    return mapped;
}

static void count_break(intptr_t change) {
    if (change > 0) {
        count((uint64_t)change, MAPPED);
    } else if (change < 0) {
        count((uint64_t)-change, UNMAPPED);
    }
}

SMP_EXPORT int brk(void *end) {
    char *before = SMP_REAL(sbrk)(0);
    int failed = SMP_REAL(brk)(end);
    if (failed == 0) {
        count_break((char *)end - before);
    }
    return failed;
}

SMP_EXPORT void *sbrk(intptr_t change) {
    void *before = SMP_REAL(sbrk)(change);
    if (before != (void *)-1) {
        count_break(change);
    }
    return before;
}
