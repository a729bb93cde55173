/* hooks_open.c - calls that open a path. */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "descriptors.h"
#include "real.h"

/* Declared by the headers only under _FORTIFY_SOURCE, or not at all. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int at, const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);
int __open(const char *path, int flags, ...);
int __open64(const char *path, int flags, ...);

/* The mode is there only when these flags ask for it; reading it always is harmless on x86-64,
 * but not everywhere. */
#define MODE_OF(flags)                                                                             \
    ({                                                                                             \
        int mode_found = 0;                                                                        \
        if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) {                          \
            va_list more;                                                                          \
            va_start(more, flags);                                                                 \
            mode_found = va_arg(more, int);                                                        \
            va_end(more);                                                                          \
        }                                                                                          \
        mode_found;                                                                                \
    })

#define OPEN(name)                                                                                 \
    SMP_EXPORT int name(const char *path, int flags, ...) {                                        \
        int mode = MODE_OF(flags);                                                                 \
        return smp_fd_opened_path(SMP_REAL(name)(path, flags, mode), path);                        \
    }
#define OPENAT(name)                                                                               \
    SMP_EXPORT int name(int at, const char *path, int flags, ...) {                                \
        int mode = MODE_OF(flags);                                                                 \
        return smp_fd_opened_path(SMP_REAL(name)(at, path, flags, mode), path);                    \
    }
#define OPEN_2(name)                                                                               \
    SMP_EXPORT int name(const char *path, int flags) {                                             \
        return smp_fd_opened_path(SMP_REAL(name)(path, flags), path);                              \
    }
#define OPENAT_2(name)                                                                             \
    SMP_EXPORT int name(int at, const char *path, int flags) {                                     \
        return smp_fd_opened_path(SMP_REAL(name)(at, path, flags), path);                          \
    }
#define CREAT(name)                                                                                \
    SMP_EXPORT int name(const char *path, mode_t mode) {                                           \
        return smp_fd_opened(SMP_REAL(name)(path, mode), SPILLMARK_FD_UNKNOWN);                    \
    }

OPEN(open)
OPEN(open64)
OPEN(__open)
OPEN(__open64)
OPENAT(openat)
OPENAT(openat64)
OPEN_2(__open_2)
OPEN_2(__open64_2)
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)
CREAT(creat)
CREAT(creat64)

#define TEMPORARY(name, parameters, arguments)                                                     \
    SMP_EXPORT int name parameters {                                                               \
        return smp_fd_opened(SMP_REAL(name) arguments, SPILLMARK_FD_FILE);                         \
    }

TEMPORARY(mkstemp, (char *pattern), (pattern))
TEMPORARY(mkstemp64, (char *pattern), (pattern))
TEMPORARY(mkostemp, (char *pattern, int flags), (pattern, flags))
TEMPORARY(mkostemp64, (char *pattern, int flags), (pattern, flags))
TEMPORARY(mkstemps, (char *pattern, int suffix), (pattern, suffix))
TEMPORARY(mkstemps64, (char *pattern, int suffix), (pattern, suffix))
TEMPORARY(mkostemps, (char *pattern, int suffix, int flags), (pattern, suffix, flags))
TEMPORARY(mkostemps64, (char *pattern, int suffix, int flags), (pattern, suffix, flags))

SMP_EXPORT int shm_open(const char *name, int flags, mode_t mode) {
    return smp_fd_opened(SMP_REAL(shm_open)(name, flags, mode), SPILLMARK_FD_MEMORY);
}

/* libc opens and closes directories without passing its own exported functions. */
SMP_EXPORT DIR *opendir(const char *path) {
    DIR *directory = SMP_REAL(opendir)(path);
    if (directory != NULL) {
        bool proc = path[0] == '/' && path[1] == 'p' && path[2] == 'r' && path[3] == 'o' &&
                    path[4] == 'c' && (path[5] == '/' || path[5] == '\0');
        smp_fd_opened(dirfd(directory), proc ? SPILLMARK_FD_PROC : SPILLMARK_FD_DIRECTORY);
    }
    return directory;
}

SMP_EXPORT int closedir(DIR *directory) {
    if (directory != NULL) {
        smp_fd_closing(dirfd(directory));
    }
    return SMP_REAL(closedir)(directory);
}
