/* hooks_map.c - mappings that the program makes itself. Those of glibc's allocator do not pass
 * here; those of an allocator in a library of its own do. */
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "maps.h"
#include "process.h"
#include "real.h"

static size_t paged(size_t bytes) {
    return (bytes + 4095) & ~(size_t)4095;
}

#define MMAP(name, offset_type)                                                                    \
    SMP_EXPORT void *name(void *at, size_t bytes, int protection, int flags, int fd,               \
                          offset_type offset) {                                                    \
        void *mapped = SMP_REAL(name)(at, bytes, protection, flags, fd, offset);                   \
        if (mapped != MAP_FAILED) {                                                                \
            smp_map_changed(                                                                       \
                &(struct smp_map_change){.mapped = {(uintptr_t)mapped, paged(bytes)}});            \
        }                                                                                          \
        return mapped;                                                                             \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

SMP_EXPORT int munmap(void *at, size_t bytes) {
    struct smp_map_change change = {.unmapped = {(uintptr_t)at, paged(bytes)},
                                    .turn = smp_map_turn()};
    int failed = SMP_REAL(munmap)(at, bytes);
    if (failed == 0) {
        smp_map_changed(&change);
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
    struct smp_map_change change = {.turn = smp_map_turn()};
    if ((flags & MREMAP_DONTUNMAP) == 0) { /* of 0 bytes it makes a second mapping */
        change.unmapped = (struct smp_map_range){(uintptr_t)at, paged(old_bytes)};
    }
    void *mapped = SMP_REAL(mremap)(at, old_bytes, new_bytes, flags, to);
    if (mapped != MAP_FAILED) {
        change.mapped = (struct smp_map_range){(uintptr_t)mapped, paged(new_bytes)};
        smp_map_changed(&change);
    }
    return mapped;
}

/* The end of the data segment has moved. */
static void note_break(uintptr_t before, uintptr_t after, uint64_t turn) {
    struct smp_map_change change = {.turn = turn};
    if (after > before) {
        change.mapped = (struct smp_map_range){before, after - before};
    } else {
        change.unmapped = (struct smp_map_range){after, before - after};
    }
    if (after != before) {
        smp_map_changed(&change);
    }
}

SMP_EXPORT int brk(void *end) {
    uint64_t turn = smp_map_turn();
    uintptr_t before = (uintptr_t)SMP_REAL(sbrk)(0);
    int failed = SMP_REAL(brk)(end);
    if (failed == 0) {
        note_break(before, (uintptr_t)end, turn);
    }
    return failed;
}

SMP_EXPORT void *sbrk(intptr_t change) {
    uint64_t turn = smp_map_turn();
    void *before = SMP_REAL(sbrk)(change);
    if (before != (void *)-1) {
        note_break((uintptr_t)before, (uintptr_t)before + (uintptr_t)change, turn);
    }
    return before;
}
